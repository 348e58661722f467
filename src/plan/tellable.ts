import { createHash } from "node:crypto"
import { redactAll } from "../events/events.ts"
import type { PlannedChange, PlannedError, PropDiff } from "../events/plan.ts"
import { textDiff } from "../events/text-diff.ts"
import { isPlain, UNKNOWN } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/** Longest value that a plan holds, in characters. A person who approves it must see what will run; the hash stands for the rest. */
const TOLD_MAX = 65_536
/** What is left of a longer one. */
const HEAD_MAX = 120

/** A value as one line: secrets by name, bytes by their number, what only apply can know as such. */
export function show(value: unknown): string {
  if (value === UNKNOWN) return "known during apply"
  if (value instanceof Secret) return `[secret ${value.name}]`
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (isPlain(value) && typeof value.$text === "string") return `text of ${value.length} characters`
  return typeof value === "string" ? JSON.stringify(value) : showTree(value)
}

function showTree(value: unknown): string {
  const leaf = (_key: string, each: unknown): unknown => {
    if (each === UNKNOWN) return "[known during apply]"
    if (each instanceof Uint8Array) return `${each.length} bytes`
    return typeof each === "function" || typeof each === "bigint" ? String(each) : each
  }
  return JSON.stringify(value, leaf) ?? "nothing"
}

/**
 * The entry as it may be told: secrets hidden, then long values cut. In this order, else a cut secret would not be recognised.
 * @param isShort whether all but the beginning of what is wanted is left out
 */
export function tellable(change: PlannedChange, redact: (text: string) => string, isShort = false): PlannedChange {
  const { id, text, props, wants, drift, error } = change
  const diffs = (list: readonly PropDiff[], most = TOLD_MAX): readonly PropDiff[] =>
    list.map((each) => toldDiff(each, redact, most))
  return {
    ...change,
    because: redact(change.because),
    ...(id === undefined ? {} : { id: redact(id) }),
    ...(text === undefined ? {} : { text: redact(text) }),
    ...(props === undefined ? {} : { props: text === undefined ? diffs(props).map(withLines) : diffs(props) }),
    ...(wants === undefined ? {} : { wants: diffs(wants, isShort ? HEAD_MAX : TOLD_MAX) }),
    ...(drift === undefined ? {} : { drift: diffs(drift) }),
    ...(error === undefined ? {} : { error: redactAll(error, redact) as PlannedError }),
  }
}

function toldDiff({ name, from, to }: PropDiff, redact: (text: string) => string, most: number): PropDiff {
  return {
    name,
    ...(from === undefined ? {} : { from: cut(redact(from), most) }),
    ...(to === undefined ? {} : { to: cut(redact(to), most) }),
  }
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const sha256 = createHash("sha256").update(text).digest("hex")
  return `${text.slice(0, HEAD_MAX)}… (${text.length - HEAD_MAX} more, sha256 of all ${sha256})`
}

/** With the lines that differ, where both are texts and one has several. */
function withLines(diff: PropDiff): PropDiff {
  const [from, to] = [textIn(diff.from), textIn(diff.to)]
  if (from === undefined || to === undefined || !`${from}${to}`.includes("\n")) return diff
  return { ...diff, text: textDiff(from, to) }
}

/** The text that `show` has written as one line. */
function textIn(shown: string | undefined): string | undefined {
  if (shown?.startsWith('"') !== true) return undefined
  try {
    return JSON.parse(shown) as string
  } catch {
    return undefined // it was cut, or what hides a secret is no JSON
  }
}
