import { posix } from "node:path"
import { FettleError } from "../../errors.ts"
import { goClassEnd, goRegExp } from "./go-regexp.ts"

/** One line of an ignore file, ready to be asked. */
export interface IgnorePattern {
  /** As it is written, cleaned, without its `!`. */
  readonly text: string
  /** True for `!`: what it matches is taken back in. */
  readonly keeps: boolean
  /** Whether a path, slashes between its parts and none in front, is matched whole. */
  readonly matches: (path: string) => boolean
}

/** What Go calls white space; `trim` of JavaScript takes a byte order mark too, and leaves U+0085. */
const SPACE = "[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+"
const EDGES = new RegExp(`^${SPACE}|${SPACE}$`, "gu")

/**
 * One pattern as Docker's own matcher compiles it; undefined where the line is empty.
 * @throws FettleError `DOCKER_IGNORE_INVALID` where Docker refuses it
 */
export function ignorePattern(line: string): IgnorePattern | undefined {
  const trimmed = trimmedAsGo(line)
  if (trimmed === "") return undefined
  const cleaned = cleanedAsGo(trimmed)
  const keeps = cleaned.startsWith("!")
  const text = keeps ? cleaned.slice(1) : cleaned
  if (text === "") throw malformed(line, "a ! alone takes nothing back in")
  const wrong = wrongSyntax(text)
  if (wrong !== undefined) throw malformed(line, wrong)
  return { text, keeps, matches: matcherOf(text, line) }
}

export function trimmedAsGo(text: string): string {
  return text.replace(EDGES, "")
}

/** The shortest path that means the same, as `filepath.Clean` gives it. */
export function cleanedAsGo(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal
}

/** The fast ways are Docker's too: a text without wildcards, `dir/**` and `**` + text are no regular expressions there. */
function matcherOf(text: string, line: string): IgnorePattern["matches"] {
  const compiled = compiledAsDocker(text)
  if (compiled.way === "exact") return (path) => path === text
  if (compiled.way === "prefix") {
    const prefix = text.slice(0, -2)
    return (path) => path.startsWith(prefix)
  }
  if (compiled.way === "suffix") {
    const suffix = text.slice(2)
    const whole = suffix.startsWith("/") ? suffix.slice(1) : undefined
    return (path) => path.endsWith(suffix) || path === whole
  }
  const expression = goRegExp(compiled.expression)
  if (expression === undefined) throw malformed(line, "Docker's matcher cannot read it as a pattern")
  return (path) => expression.test(path)
}

interface Compiled {
  readonly way: "exact" | "prefix" | "suffix" | "expression"
  /** In Go's syntax. */
  readonly expression: string
}

/**
 * Characters that mean something to a regular expression and nothing to a pattern. Docker means `|`, `{` and `}` to be
 * among them, but its table has no place for characters from 64 on: beside a wildcard they keep their meaning.
 */
const ESCAPED = new Set(".+()$")

function compiledAsDocker(text: string): Compiled {
  const runes = [...text]
  let way: Compiled["way"] = "exact"
  let expression = "^"
  for (let at = 0, first = true; at < runes.length; first = false) {
    const rune = runes[at++] as string
    if (rune === "*" && runes[at] === "*") {
      at += runes[at + 1] === "/" ? 2 : 1
      const last = at >= runes.length
      const prefix: boolean = last && way === "exact"
      if (!prefix) expression += last ? ".*" : "(.*/)?"
      way = first ? "suffix" : prefix ? "prefix" : "expression"
    } else if (rune === "*" || rune === "?") {
      expression += rune === "*" ? "[^/]*" : "[^/]"
      way = "expression"
    } else if (rune === "\\") {
      expression += `\\${runes[at] ?? ""}`
      if (at < runes.length) way = "expression"
      at += 1
    } else {
      expression += ESCAPED.has(rune) ? `\\${rune}` : rune
      if (rune === "[" || rune === "]") way = "expression"
    }
  }
  return { way, expression: `${expression}$` }
}

/** What `filepath.Match` says against a pattern, whatever it is compared with. */
function wrongSyntax(text: string): string | undefined {
  const runes = [...text]
  for (let at = 0; at < runes.length; at += 1) {
    if (runes[at] === "\\") {
      at += 1
      if (at === runes.length) return "it ends in a \\ that escapes nothing"
    } else if (runes[at] === "[") {
      const end = goClassEnd(runes, at)
      if (end === undefined) return "a [ is not closed, or holds a range that is none"
      at = end
    }
  }
  return undefined
}

function malformed(line: string, why: string): FettleError {
  return new FettleError("DOCKER_IGNORE_INVALID", `the pattern ${JSON.stringify(line)} is malformed: ${why}`)
}
