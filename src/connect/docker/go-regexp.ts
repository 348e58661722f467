/**
 * A regular expression in the part of Go's syntax that Docker's patterns compile to, as one of JavaScript;
 * undefined where Go refuses it, or where it means something that no pattern is written for (`\x41`, `[[:alpha:]]`).
 */
export function goRegExp(expression: string): RegExp | undefined {
  const runes = [...expression]
  let source = ""
  for (let at = 0; at < runes.length; at += 1) {
    const rune = runes[at] as string
    if (rune === "\\") {
      const escaped = escapeOf(runes[++at])
      if (escaped === undefined) return undefined
      source += escaped
    } else if (rune === "[") {
      const read = classOf(runes, at)
      if (read === undefined) return undefined
      source += read.source
      at = read.end
    } else if (rune === "{") {
      const times = /^\{\d+(,\d*)?\}/.exec(runes.slice(at, at + REPEAT_CHARACTERS).join(""))?.[0]
      source += times ?? "\\{"
      at += (times?.length ?? 1) - 1
    } else source += rune === "." ? "[^\\n]" : rune === "]" || rune === "}" ? `\\${rune}` : rune
  }
  try {
    return new RegExp(source, "u")
  } catch {
    return undefined // a range out of order, as Go finds too
  }
}

/** The longest repetition: `{1000,1000}`. */
const REPEAT_CHARACTERS = 11

/** Escaped letters that mean the same in both. */
const SAME = new Set("dDsSwWftnrvbB")

function escapeOf(rune: string | undefined): string | undefined {
  if (rune === undefined) return undefined
  if (SAME.has(rune)) return `\\${rune}`
  if (rune === "a") return "\\x07"
  if (rune === "A") return "^"
  if (rune === "z") return "$"
  return /[A-Za-z0-9]/.test(rune) || rune > "\x7f" ? undefined : literal(rune)
}

/** A character class from its `[`; Go takes a `]` in front as itself, and a `[` inside. */
function classOf(runes: readonly string[], from: number): { source: string; end: number } | undefined {
  let at = from + 1
  let source = "["
  if (runes[at] === "^") {
    source += "^"
    at += 1
  }
  for (let first = true; first || runes[at] !== "]"; first = false) {
    if (runes[at] === undefined || (runes[at] === "[" && runes[at + 1] === ":")) return undefined
    const low = memberOf(runes, at)
    if (low === undefined) return undefined
    at = low.end
    source += low.source
    if (runes[at] !== "-" || runes[at + 1] === "]" || runes[at + 1] === undefined) continue
    const high = memberOf(runes, at + 1)
    if (high === undefined) return undefined
    at = high.end
    source += `-${high.source}`
  }
  return { source: `${source}]`, end: at }
}

function memberOf(runes: readonly string[], at: number): { source: string; end: number } | undefined {
  const rune = runes[at]
  if (rune === undefined) return undefined
  if (rune !== "\\") return { source: literal(rune), end: at + 1 }
  const next = runes[at + 1]
  if (next === "b" || next === "B" || next === "A" || next === "z") return undefined
  const source = escapeOf(next)
  return source === undefined ? undefined : { source, end: at + 2 }
}

function literal(rune: string): string {
  return `\\u{${rune.codePointAt(0)?.toString(16)}}`
}

/**
 * Where the class that begins at `from` ends, as `filepath.Match` reads it: at least one member, `]` and `-` only
 * escaped, nothing left open. Undefined where it is malformed.
 */
export function goClassEnd(runes: readonly string[], from: number): number | undefined {
  let at = from + 1
  if (runes[at] === "^") at += 1
  for (let first = true; first || runes[at] !== "]"; first = false) {
    const low = afterMember(runes, at)
    if (low === undefined) return undefined
    at = low
    if (runes[at] !== "-") continue
    const high = afterMember(runes, at + 1)
    if (high === undefined) return undefined
    at = high
  }
  return at
}

function afterMember(runes: readonly string[], from: number): number | undefined {
  let at = from
  if (runes[at] === "-" || runes[at] === "]") return undefined
  if (runes[at] === "\\") at += 1
  return at + 1 < runes.length ? at + 1 : undefined
}
