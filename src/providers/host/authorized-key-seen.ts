import type { ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"

/** What the host told of the keys of one user. */
export interface UserKeys {
  /** Somebody else works than root or the user. */
  readonly denied: boolean
  /** The line of each key, by its base64; of one that stands twice, the first. */
  readonly lines: ReadonlyMap<string, string>
  /** Why sshd ignores the file, where modes or owners make it do so. */
  readonly refused: string | undefined
}

/** One answer serves all keys of a read: its text is taken apart once. */
const known = new WeakMap<ScriptRecord, ReadonlyMap<string, UserKeys> | FettleError>()

/** What is there, by the name of the user. */
export function keysOf(record: ScriptRecord): ReadonlyMap<string, UserKeys> | FettleError {
  const found = known.get(record) ?? parse(record)
  known.set(record, found)
  return found
}

function parse({ exitCode, out }: ScriptRecord): ReadonlyMap<string, UserKeys> | FettleError {
  if (exitCode !== 0)
    return new FettleError("READ_FAILED", `keys cannot be read: ${out.trim().slice(-500) || `exit code ${exitCode}`}`)
  const users = new Map<string, UserKeys>()
  for (const part of `\n${out}`.split("\n:user ").slice(1)) {
    const [name = "", ...lines] = part.split("\n")
    if (users.has(name)) continue // a directory service may name it again
    users.set(name, {
      denied: lines.includes(":denied"),
      lines: keyLines(lines.filter((each) => each.startsWith("=")).map((each) => each.slice(1))),
      refused: whyRefused(lines.filter((each) => each.startsWith(":at ")).map((each) => each.slice(4))),
    })
  }
  return users
}

function keyLines(lines: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of lines) {
    if (/^[ \t]*#/.test(line)) continue
    for (const word of line.split(/[ \t]+/))
      if (word.startsWith("AAAA")) {
        if (!found.has(word)) found.set(word, line)
        break
      }
  }
  return found
}

/** sshd wants that nobody else can write to the home, its .ssh and the file. */
function whyRefused(modes: readonly string[]): string | undefined {
  const names = ["the home folder", "~/.ssh", "~/.ssh/authorized_keys"]
  const open = modes.flatMap((each, at) => {
    const [mode = ""] = each.split(":")
    return (Number.parseInt(mode, 8) & 0o022) === 0 ? [] : [names[at] ?? "a folder"]
  })
  return open.length === 0 ? undefined : `others can write to ${open.join(" and ")}`
}
