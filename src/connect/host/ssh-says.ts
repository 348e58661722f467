import { startPiped } from "../process.ts"
import { endChild, endOf } from "./carrier.ts"

/** Most bytes that are kept of what a short command says. */
const KEPT_MAX = 65_536

/** What a short command came to; never an exception. */
export interface Said {
  readonly ok: boolean
  /** "exit code 255" */
  readonly how: string
  readonly out: string
  readonly err: string
}

/** Runs one of OpenSSH's programs as the operator would, with nothing on standard input, and keeps what it says. */
export async function sshSays(argv: readonly [string, ...string[]], timeoutMs: number, input = ""): Promise<Said> {
  const child = startPiped(argv)
  const kept = { out: "", err: "" }
  const keep = (name: "out" | "err") => (text: string) => {
    kept[name] = (kept[name] + text).slice(0, KEPT_MAX)
  }
  child.stdin.on("error", () => {}).end(input)
  child.stdout.setEncoding("utf8").on("data", keep("out"))
  child.stderr.setEncoding("utf8").on("data", keep("err"))
  const timer = setTimeout(() => endChild(child, "SIGKILL"), timeoutMs)
  const how = await endOf(child)
  clearTimeout(timer)
  return { ok: how === "exit code 0", how, ...kept }
}
