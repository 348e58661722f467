import { createHash } from "node:crypto"
import { PENDING, Secret } from "./secret.ts"

/** Whether a value can be compared between two runs: plain data, bytes or a secret, not a function or an instance. */
export function isPlainValue(value: unknown): boolean {
  if (value === null || value === undefined || value instanceof Secret || value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.every(isPlainValue)
  if (typeof value === "object")
    return [Object.prototype, null].includes(Object.getPrototypeOf(value)) && Object.values(value).every(isPlainValue)
  return ["string", "number", "boolean", "bigint"].includes(typeof value)
}

/**
 * A value as text that is the same exactly for the same value, whatever the order of its keys; secrets stand in it by their fingerprint.
 * @example canonical({ b: 1, a: [token] }) // {"a":[{"$secret":"fp:…"}],"b":1}
 */
export function canonical(value: unknown): string {
  return JSON.stringify(plain(value))
}

function plain(value: unknown): unknown {
  if (value instanceof Secret) return { $secret: value.fingerprint }
  if (value instanceof Uint8Array) return { $bytes: createHash("sha256").update(value).digest("hex") }
  if (typeof value === "bigint") return { $bigint: String(value) }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, each]) => [key, plain(each)]))
}

/** Whether every secret in a value has a fingerprint of its own by now: one that is still to be made has not. */
export function hasFingerprints(value: unknown): boolean {
  if (value instanceof Secret) return value.isOpen && !value.fingerprint.startsWith(PENDING)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true
  return Object.values(value).every(hasFingerprints)
}
