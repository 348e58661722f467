import { createHash } from "node:crypto"
import { FettleError } from "../errors.ts"
import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/** Texts longer than this stand by their hash, as they do in state: what is recorded can be compared with what is wanted. */
const LONG_TEXT = 2048

/**
 * A value as text that is equal exactly where the values are: keys sorted, secrets by fingerprint, functions by the hash
 * of their source.
 * @throws FettleError `PROPS_INVALID` where the value holds something without a stable form (a date, a class, a symbol)
 * @example canonical({ b: 1, a: [true] }) // '{"a":[true],"b":1}'
 */
export function canonical(value: unknown): string {
  return JSON.stringify(steady(value)) ?? "null"
}

/** SHA-256 as hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

function steady(value: unknown): unknown {
  if (typeof value === "string")
    return value.length > LONG_TEXT ? { $text: sha256(value), length: value.length } : value
  if (value === undefined || value === null || typeof value === "boolean" || typeof value === "number") return value
  if (value instanceof Secret) return { $secret: value.fingerprint }
  if (typeof value === "function") return { $function: sha256(String(value)) }
  if (typeof value === "bigint") return { $bigint: String(value) }
  if (value instanceof Uint8Array)
    return { $bytes: createHash("sha256").update(value).digest("hex"), length: value.length }
  if (Array.isArray(value)) return value.map((each) => steady(each) ?? null)
  if (isPlain(value)) return steadyObject(value)
  throw new FettleError("PROPS_INVALID", `a value of type ${Object.prototype.toString.call(value)} cannot be an input`)
}

function steadyObject(value: Record<string, unknown>): Record<string, unknown> {
  const sorted = Object.keys(value).sort()
  return Object.fromEntries(
    sorted.map((key) => [key, steady(value[key])] as const).filter(([, each]) => each !== undefined),
  )
}
