import type { Change, Seen } from "../../provider.ts"

/** Named in the reason of a change; the rest is counted. */
const NAMED_MAX = 3
/** Longest value in a reason, in characters. */
const VALUE_MAX = 60

/** A prop that is not as wanted. */
export interface Difference<P extends string> {
  readonly prop: P
  /** For a reason, as in "memoryBytes is 32, wanted 64". */
  readonly words: string
  /** Whether only a new thing can have it. */
  readonly needsNew: boolean
}

/** Why something is changed, in one line. */
export function reasonOf(differences: readonly Difference<string>[]): string {
  const named = differences.slice(0, NAMED_MAX).map(({ words }) => words)
  const left = differences.length - named.length
  return left > 0 ? `${named.join("; ")}; and ${left} more` : named.join("; ")
}

/** The change that differences lead to. */
export function changeFor<Props>(
  differences: readonly Difference<keyof Props & string>[],
  replace: { readonly order: "create-first" | "stop-first" | "delete-first"; readonly exactly?: readonly string[] },
): Change<Props> {
  if (differences.length === 0) return { action: "none" }
  const fixed = differences.filter(({ needsNew }) => needsNew)
  const because = reasonOf(fixed.length > 0 ? fixed : differences)
  const props = [...new Set(differences.map(({ prop }) => prop))]
  return fixed.length > 0 ? { action: "replace", props, because, ...replace } : { action: "update", props, because }
}

/** "is A, wanted B" */
export function isWanted(prop: string, from: unknown, to: unknown): string {
  if (to === undefined) return `${prop} is ${short(from)}, and has left the program`
  return from === undefined
    ? `${prop} is not set, wanted ${short(to)}`
    : `${prop} is ${short(from)}, wanted ${short(to)}`
}

export function short(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing")
  return text.length <= VALUE_MAX ? text : `${text.slice(0, VALUE_MAX)}…`
}

/** Whether two values are the same, whatever the order of their keys. What is undefined counts as left out. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, at) => same(each, b[at]))
  if (!isRecord(a) || !isRecord(b)) return false
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].every((name) => same(a[name], b[name]))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** What there is to decide before any comparison; undefined where the thing is there. */
export function unlessThere<Props>(seen: Seen<unknown>): Change<Props> | undefined {
  if ("outputs" in seen) return undefined
  return "failed" in seen ? { action: "none", because: "it could not be read" } : { action: "create" }
}
