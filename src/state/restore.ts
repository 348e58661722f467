import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"
import { encode } from "./encode.ts"

/** A value from state, and the paths at which it held something that nobody has any more. */
export interface Restored {
  readonly value: unknown
  readonly lost: readonly string[]
}

/** What state remembers by a hash alone. */
const HASHED = ["$text", "$bytes", "$function"]

/**
 * A value from state as it was when it was written: what state leaves out (secrets, long texts, bytes) is taken from
 * `present`, where it still stands at any path.
 * @example restore(intent.want, want) // { value: { name: "shop", password }, lost: [] }
 */
export function restore(text: string, present: unknown): Restored {
  const known = new Map<string, unknown>()
  learn(present, known)
  const lost: string[] = []
  const value = rebuilt(JSON.parse(text), known, [], lost)
  return { value, lost }
}

function learn(value: unknown, known: Map<string, unknown>): void {
  if (value instanceof Secret) known.set(secretKey(value.fingerprint), value)
  else if (Array.isArray(value)) for (const each of value) learn(each, known)
  else if (isPlain(value)) for (const each of Object.values(value)) learn(each, known)
  else if (typeof value === "string" || typeof value === "object" || typeof value === "function")
    known.set(encode(value), value)
}

function rebuilt(
  value: unknown,
  known: ReadonlyMap<string, unknown>,
  path: readonly string[],
  lost: string[],
): unknown {
  if (Array.isArray(value)) return value.map((each, at) => rebuilt(each, known, [...path, String(at)], lost))
  if (!isPlain(value)) return value
  if (typeof value.$bigint === "string") return BigInt(value.$bigint)
  const isSecret = typeof value.$secret === "string"
  if (!isSecret && !HASHED.some((key) => typeof value[key] === "string"))
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, rebuilt(each, known, [...path, key], lost)]),
    )
  const key = isSecret ? secretKey(String(value.fingerprint)) : JSON.stringify(value)
  if (!known.has(key)) lost.push(path.join("."))
  return known.get(key)
}

/** A secret is the same under another name. */
function secretKey(fingerprint: string): string {
  return `secret ${fingerprint}`
}
