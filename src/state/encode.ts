import { createHash } from "node:crypto"
import { FettleError } from "../errors.ts"
import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/** Texts longer than this (in UTF-16 units) are remembered by their hash: state must stay small, and the world has the text. */
const LONG_TEXT = 2048

/** Stands in the encoding of whatever holds a sealed secret. */
export const SEALED = '"sealed":'

/** Seals the values of secret outputs; without it a secret is remembered by its fingerprint alone. */
export type Sealer = (secret: Secret<unknown>) => string

/**
 * A value as JSON text for state and plans: secrets by fingerprint, or sealed, long texts by hash, keys in the order they have.
 * Two values are equal exactly if their encodings are.
 */
export function encode(value: unknown, seal?: Sealer): string {
  return JSON.stringify(toPlain(value, seal))
}

function toPlain(value: unknown, seal: Sealer | undefined): unknown {
  if (typeof value === "string")
    return value.length > LONG_TEXT
      ? { $text: createHash("sha256").update(value).digest("hex"), length: value.length }
      : value
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean") return value
  if (value instanceof Secret)
    return seal === undefined
      ? { $secret: value.name, fingerprint: value.fingerprint }
      : { $secret: value.name, fingerprint: value.fingerprint, sealed: seal(value) }
  if (Array.isArray(value)) return value.map((each) => toPlain(each, seal) ?? null)
  if (value instanceof Uint8Array)
    return { $bytes: createHash("sha256").update(value).digest("hex"), length: value.length }
  if (typeof value === "function") return { $function: createHash("sha256").update(String(value)).digest("hex") }
  if (typeof value === "bigint") return { $bigint: String(value) }
  if (isPlain(value)) return plainObject(value, seal)
  throw new FettleError(
    "PROPS_INVALID",
    `a value of type ${Object.prototype.toString.call(value)} cannot be remembered`,
  )
}

function plainObject(value: Record<string, unknown>, seal: Sealer | undefined): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const each = toPlain(value[key], seal)
    if (each !== undefined) result[key] = each
  }
  return result
}

/** A value from state: secrets come back sealed, or known by their fingerprint alone. */
export function decode(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (!isPlain(value) || typeof value.$secret !== "string") return value
    const secret = new Secret<unknown>(
      value.$secret,
      typeof value.sealed === "string" ? { type: "sealed", sealed: value.sealed } : { type: "recorded" },
      { weak: true },
    )
    Secret.remember(secret, { value: undefined, fingerprint: String(value.fingerprint) })
    return secret
  })
}
