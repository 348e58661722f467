import type { HostAnswer, ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { isProven, type CommandOutputs as Outputs, type CommandWant as Want } from "./command-props.ts"
import { FAILED, saidBy, UNASKED } from "./command-script.ts"

/** What is kept of what a command wrote, in characters: state is no log. */
const STDOUT_MAX = 2_000

/** What the guards, and what state remembers, say of a command. */
export function commandSeen<P extends Want>(
  key: Key<P, Outputs>,
  found: HostAnswer,
  fingerprintOf: (want: P) => string,
): Seen<Outputs> {
  const { want, last } = key
  const { exitCode = 0, out = "" } = found.script ?? {}
  if (exitCode !== 0)
    return { failed: new FettleError("READ_FAILED", `${want?.name}: ${out.trim() || `exit code ${exitCode}`}`) }
  const said = saidBy(out)
  const settled = settledByNotes(key, found)
  if (settled !== undefined) return settled
  // What left the program is there where something is to be undone; nothing else can be said of it.
  if (want === undefined)
    return last?.props.undo === undefined || said.get("creates") === false
      ? { absent: true }
      : { outputs: recorded(last, last.props, fingerprintOf) }
  const due = said.get("creates") === false || said.get("unless") === false || said.get("onlyIf") === true
  const needless = said.get("unless") === true || said.get("onlyIf") === false
  if (due && !needless) return { absent: true }
  if (last !== undefined) return { outputs: recorded(last, want, fingerprintOf), shown: { needless } }
  if (said.size === 0) return { absent: true }
  return {
    outputs: { name: want.name, stdout: "", exitCode: 0, fingerprint: fingerprintOf(want) },
    shown: { needless },
  }
}

/** What the notes of the host tell of a bare command that a crash cut off; undefined where that changes nothing. */
function settledByNotes<P extends Want>(
  { address, want, last, open = [] }: Key<P, Outputs>,
  found: HostAnswer,
): Seen<Outputs> | undefined {
  const of = want ?? last?.props
  if (of === undefined || isProven(of) || (want === undefined && of.undo === undefined)) return undefined
  const each = open.map((token) => ({ token, noted: found.noted?.get(token) ?? "not begun" }))
  for (const { noted } of each)
    if (typeof noted === "object" && "unknown" in noted) return { failed: cutOff(address, noted.unknown) }
  const made = each.findLast(({ noted }) => typeof noted === "object" && "exitCode" in noted && noted.exitCode === 0)
  if (made === undefined)
    return want === undefined && last?.unfinished === true && last.outputs.name === undefined
      ? { absent: true }
      : undefined
  const { word } = made.noted as { readonly word: string }
  return { outputs: { name: of.name, stdout: "", exitCode: 0, fingerprint: word }, mark: made.token }
}

function cutOff(address: string, why: string): FettleError {
  return new FettleError("OPEN_INTENT", `${address} was cut off; whether it has run cannot be told: ${why}`, {
    next: `see what it did there, then: fettle settle '${address}' --made done, or fettle settle '${address}' --not-made`,
  })
}

/** What state remembers. Of one that was settled by hand it knows no more than that it was made. */
function recorded<P extends Want>(last: Last<P, Outputs>, want: P, fingerprintOf: (want: P) => string): Outputs {
  const {
    name = want.name,
    stdout = "",
    exitCode = 0,
    fingerprint = fingerprintOf(want),
  } = last.outputs as Partial<Outputs>
  return { name, stdout, exitCode, fingerprint }
}

export interface RunToPlan {
  readonly want: Want
  readonly seen: Seen<Outputs>
  readonly last: Last<Want, Outputs> | undefined
  /** Of what would run now. */
  readonly fingerprint: string
}

/** Whether it runs, and why. One that nothing proves is replaced, so that a crash in the middle of it is asked about. */
export function planRun<P extends Want>({ want, seen, last, fingerprint }: RunToPlan): Change<P> {
  if (!("outputs" in seen)) return { action: "create" }
  if (seen.shown?.needless === true) return { action: "none" }
  const moved = seen.outputs.fingerprint !== fingerprint
  if (!moved && last?.unfinished !== true) return { action: "none" }
  const because = moved ? "its inputs are others now: it runs again" : "its last run did not end well"
  const props = ["runsWhen"] as readonly string[] as readonly (keyof P & string)[]
  return isProven(want)
    ? { action: "update", props, because }
    : { action: "replace", props, because, order: "delete-first" }
}

/** The exit code stands in the last line. */
export function saidIn(script: ScriptRecord | undefined): { stdout: string; exitCode: number } {
  const out = script?.out ?? ""
  const at = out.lastIndexOf("\n")
  const end = out.slice(at + 1)
  return { stdout: out.slice(0, at).slice(-STDOUT_MAX), exitCode: end === "skipped" ? 0 : Number(end) }
}

/** Said by the host where it could not keep what the command wrote; its exit code may be missing, too. */
const FULL = /^fettle: (the file system of \S+ is full: .*)$/

/** Why it failed, in the words of the command. */
export function commandFailure({ exitCode, out, err }: ScriptRecord): FettleError | undefined {
  if (exitCode === UNASKED) return new FettleError("READ_FAILED", err.trim())
  const lines = err.trim().split("\n")
  const full = FULL.exec(lines.at(-1) ?? "")?.[1]
  if (full !== undefined)
    return new FettleError("COMMAND_FAILED", `it failed, and ${full}`, {
      details: { tail: lines.slice(0, -1).join("\n").trim().slice(-STDOUT_MAX) },
      next: "let it write less, or to a file",
    })
  if (exitCode !== FAILED) return undefined
  const [code, guard] = [/^fettle: exit code (\d+)$/, /^fettle: (it ended .*)$/].map(
    (each) => each.exec(lines.at(-1) ?? "")?.[1],
  )
  const tail = (lines.slice(0, -1).join("\n") || out).trim().slice(-STDOUT_MAX)
  if (guard !== undefined)
    return new FettleError("COMMAND_FAILED", guard, { details: { tail }, next: "mend the command, or its guard" })
  const words = tail.split("\n").at(-1)
  return new FettleError(
    "COMMAND_FAILED",
    `it ended with ${code === undefined ? "an exit code that was not told" : `exit code ${code}`}${words === "" ? "" : `: ${words}`}`,
    {
      details: { ...(code === undefined ? {} : { exitCode: Number(code) }), tail },
    },
  )
}
