import { isDeepStrictEqual } from "node:util"
import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/** The same value in a form that can be compared: a secret is its fingerprint, what is undefined is not there. */
export function comparable(value: unknown): unknown {
  if (value instanceof Secret) return `[secret ${value.fingerprint}]`
  if (Array.isArray(value)) return value.map(comparable)
  if (!isPlain(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [[key, comparable(each)]])),
  )
}

export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(comparable(a), comparable(b))
}

/** Names of the keys in which two records differ, without those left out. */
export function differing(a: unknown, b: unknown, leaveOut: readonly string[] = []): readonly string[] {
  const [left, right] = [recordOf(a), recordOf(b)]
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].filter((key) => !leaveOut.includes(key) && !same(left[key], right[key]))
}

function recordOf(value: unknown): Record<string, unknown> {
  return isPlain(value) ? value : { value }
}

/** A value as one short line, for evidence. */
export function brief(value: unknown): string {
  const text = JSON.stringify(comparable(value)) ?? String(value)
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`
}
