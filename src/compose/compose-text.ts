import { FettleError } from "../errors.ts"
import { Secret } from "../secrets/secret.ts"

/** What stands for `$NAME` in a compose file; a secret only where it is all of a value. */
export type ComposeEnv = Readonly<Record<string, string | Secret<string>>>

/** @throws nothing: it makes the error of what a compose file says at a path, as in "services.web.image" */
export function composeError(file: string, path: readonly PropertyKey[], fact: string): FettleError {
  const at = path.length === 0 ? "" : `${path.map(String).join(".")}: `
  return new FettleError("COMPOSE_INVALID", `${file}: ${at}${fact}`)
}

/** One thing that is wrong in a compose file. */
export interface ComposeIssue {
  readonly path: readonly PropertyKey[]
  readonly fact: string
}

/** The line of a path, as far as it stands in the file. */
export type LineAt = (path: readonly PropertyKey[]) => number | undefined

/** The error of all that is wrong in a file, in the order of its lines: who mends it mends it once. */
export function composeErrors(file: string, issues: readonly ComposeIssue[], lineAt: LineAt): FettleError {
  const all = issues.map(({ path, fact }) => ({ path, fact, line: lineAt(path) ?? lineAt(path.slice(0, -1)) }))
  all.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  const lines = all.map(({ path, fact, line }) => {
    const at = line === undefined ? file : `${file}:${line}`
    return composeError(at, path, fact).fact
  })
  return new FettleError("COMPOSE_INVALID", [...new Set(lines)].join("\n"))
}

/** $$, ${NAME}, ${NAME:-else}, ${NAME-else}, ${NAME:?words}, ${NAME?words}, ${NAME:+other}, ${NAME+other}, $NAME */
const VARIABLE = /\$(?:\$|\{([A-Za-z_]\w*)(?:(:?)([-?+])((?:[^{}]|\{[^{}]*\})*))?\}|([A-Za-z_]\w*)|)/g

/** Every text of a tree with its variables put in. @throws FettleError `COMPOSE_INVALID` where one is not set */
export function interpolate(value: unknown, env: ComposeEnv, file: string, path: readonly PropertyKey[] = []): unknown {
  if (typeof value === "string") return inText(value, env, (fact) => composeError(file, path, fact))
  if (Array.isArray(value)) return value.map((each, at) => interpolate(each, env, file, [...path, at]))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, interpolate(each, env, file, [...path, key])]),
  )
}

function inText(text: string, env: ComposeEnv, refuse: (fact: string) => FettleError): string | Secret<string> {
  const whole = /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))$/.exec(text)
  const secret = whole === null ? undefined : env[whole[1] ?? whole[2] ?? ""]
  if (secret instanceof Secret) return secret
  return text.replace(VARIABLE, (all, braced?: string, colon = "", sign = "", other = "", bare?: string) => {
    if (all === "$$") return "$"
    const name = braced ?? bare
    if (name === undefined) throw refuse(`${JSON.stringify(text)} has a $ that begins no variable; write $$ for a $`)
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value instanceof Secret) throw refuse(`the secret ${name} can only be all of a value`)
    const isSet = value !== undefined && !(colon === ":" && value === "")
    if (sign === "+") return isSet ? String(inText(other, env, refuse)) : ""
    if (isSet) return value
    if (sign === "-") return String(inText(other, env, refuse))
    throw refuse(
      `${name} is not set${sign === "?" && other !== "" ? `: ${other}` : ""}; give it in env, or in .env beside the file`,
    )
  })
}

/** The variables of a .env or env_file: NAME=VALUE, quotes around a value, # before a remark. */
export function envFile(text: string, refuse: (line: number, fact: string) => FettleError): Record<string, string> {
  const all: Record<string, string> = {}
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === "" || trimmed.startsWith("#")) continue
    const found = /^(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*(.*)$/.exec(trimmed)
    if (found === null) throw refuse(at + 1, "is not NAME=VALUE")
    all[found[1] as string] = unquoted(found[2] as string)
  }
  return all
}

function unquoted(value: string): string {
  const quoted = /^(["'])(.*)\1(?:\s+#.*)?$/.exec(value)
  if (quoted === null) return value.replace(/\s+#.*$/, "")
  const [, quote, inner = ""] = quoted
  return quote === '"' ? inner.replace(/\\([\\"$nrt])/g, (_, each: string) => ESCAPES[each] ?? each) : inner
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }
