import type { z } from "zod"
import { isPlain } from "../program/output.ts"
import type { TaskProps, taskOutputs } from "../program/task.ts"
import type { Change, Json, Last, Seen } from "../provider.ts"
import { canonical } from "./canonical.ts"
import type { Observed, TaskFiles } from "./task-inputs.ts"

export type TaskOutputs = z.output<typeof taskOutputs>

/** How `read` says in `outputsHash` that outputs are not there; a recorded hash never looks like this. */
const MISSING = "not there: "
/** What a task that somebody settled as done has instead of hashes: its inputs and outputs are taken as they are. */
export const SETTLED = "settled"
/** Files named in a reason; the rest is counted. */
const NAMES_MAX = 3

/**
 * What is true of a task now, for its plan. The result is as recorded; hashes are of this moment.
 * @param cutOff an earlier run of it was cut off and is still open in the journal
 */
export function seenOf(now: Observed, last: Last<TaskProps, TaskOutputs>, cutOff: boolean): Seen<TaskOutputs> {
  const changed = {
    inputs: difference(recorded(last.carry, "inputs"), now.files.inputs, "input"),
    outputs: difference(recorded(last.carry, "outputs"), now.files.outputs, "output"),
  }
  const outputsHash = now.missing.length > 0 ? MISSING + said(now.missing, "output", "is missing") : now.outputsHash
  const outputs = {
    result: last.outputs.result,
    inputsHash: now.inputsHash,
    outputsHash,
    durationMs: last.outputs.durationMs ?? 0,
  }
  return { outputs, shown: { cutOff, inputs: changed.inputs, outputs: changed.outputs } }
}

/** Decides whether a task is to run, and why. Pure. */
export function planTask(
  want: TaskProps,
  seen: Seen<TaskOutputs>,
  last: Last<TaskProps, TaskOutputs> | undefined,
): Change<TaskProps> {
  const because = reasons(want, seen, last)
  return because.length === 0 ? { action: "none" } : { action: "run", because: because.join("; ") }
}

function reasons(
  want: TaskProps,
  seen: Seen<TaskOutputs>,
  last: Last<TaskProps, TaskOutputs> | undefined,
): readonly string[] {
  if (want.always) return ["it runs at every apply"]
  if (last?.unfinished === true) return ["its last run did not end well"]
  if (typeof last?.outputs?.inputsHash !== "string") return ["it has not run yet"]
  if (!("outputs" in seen)) return ["nothing is known of its inputs"]
  if (seen.shown?.cutOff === true) return ["its last run was cut off"]
  return [...inputReasons(want, seen, last), ...outputReasons(seen, last)]
}

type Present = Extract<Seen<TaskOutputs>, { outputs: TaskOutputs }>

function inputReasons(want: TaskProps, seen: Present, last: Last<TaskProps, TaskOutputs>): readonly string[] {
  if (seen.outputs.inputsHash === last.outputs.inputsHash || last.outputs.inputsHash === SETTLED) return []
  const named = [...changedProps(want, last.props), ...shownText(seen, "inputs")]
  if (named.length > 0) return named
  return [want.files.length > 0 ? "an input file changed" : "an input changed"]
}

function outputReasons(seen: Present, last: Last<TaskProps, TaskOutputs>): readonly string[] {
  const { outputsHash } = seen.outputs
  if (outputsHash === last.outputs.outputsHash) return []
  if (outputsHash.startsWith(MISSING)) return [outputsHash.slice(MISSING.length)]
  if (last.outputs.outputsHash === SETTLED) return []
  const named = shownText(seen, "outputs")
  return named.length > 0 ? named : ["an output is not as the last run left it"]
}

function shownText(seen: Present, key: "inputs" | "outputs"): readonly string[] {
  const text = seen.shown?.[key]
  return typeof text === "string" && text !== "" ? [text] : []
}

/** Which inputs besides files differ from what was recorded. */
function changedProps(want: TaskProps, last: Partial<TaskProps>): readonly string[] {
  const words: string[] = []
  if (differs(want.run, last.run))
    words.push(typeof want.run === "function" ? "its function changed" : "its command changed")
  if (differs(want.files, last.files)) words.push("its list of input files changed")
  words.push(
    ...changedKeys(want.values, last.values, "value"),
    ...changedKeys(want.env, last.env, "environment variable"),
  )
  if (differs(want.secrets, last.secrets)) words.push("a secret changed")
  if (differs(want.input, last.input)) words.push("its standard input changed")
  if (differs(want.cwd, last.cwd)) words.push("its folder changed")
  return words
}

function changedKeys(want: Readonly<Record<string, unknown>>, last: unknown, noun: string): readonly string[] {
  const before = isPlain(last) ? last : {}
  const names = [...new Set([...Object.keys(want), ...Object.keys(before)])]
  return names.filter((name) => differs(want[name], before[name])).map((name) => `${noun} ${name} changed`)
}

function differs(want: unknown, last: unknown): boolean {
  return canonical(want) !== canonical(last)
}

function recorded(carry: Json | undefined, key: keyof TaskFiles): Readonly<Record<string, unknown>> | undefined {
  const files = isPlain(carry) ? carry[key] : undefined
  return isPlain(files) && Object.keys(files).length > 0 ? files : undefined
}

/** The files that differ, in words; empty where none does or where they are not known by name. */
function difference(
  before: Readonly<Record<string, unknown>> | undefined,
  now: Readonly<Record<string, string>>,
  noun: string,
): string {
  if (before === undefined || Object.keys(now).length === 0) return ""
  const changed = Object.keys(now).filter((name) => name in before && before[name] !== now[name])
  const added = Object.keys(now).filter((name) => !(name in before))
  const gone = Object.keys(before).filter((name) => !(name in now))
  const parts = [said(changed, noun, "changed"), said(added, noun, "is new"), said(gone, noun, "is gone")]
  return parts.filter((part) => part !== "").join("; ")
}

function said(names: readonly string[], noun: string, verb: string): string {
  if (names.length === 0) return ""
  return names.length === 1
    ? `${noun} ${names[0]} ${verb}`
    : `${noun}s ${listed(names)} ${verb.replace(/^is /, "are ")}`
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_MAX
  return more > 0 ? `${names.slice(0, NAMES_MAX).join(", ")} and ${more} more` : names.join(", ")
}
