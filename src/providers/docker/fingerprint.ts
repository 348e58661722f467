import { createHash } from "node:crypto"
import { PENDING, Secret } from "../../secrets/secret.ts"

/** The same text for the same values, whatever the order of their keys; secrets count by their own fingerprint. None give "". */
export function fingerprintOf(values: readonly unknown[]): string {
  if (values.length === 0) return ""
  const text = JSON.stringify(values.map(plain))
  return sha256Of(text).slice(0, 32)
}

function plain(value: unknown): unknown {
  if (value instanceof Secret) return { $secret: value.fingerprint }
  if (value instanceof Uint8Array) return { $bytes: sha256Of(value) }
  if (typeof value === "bigint") return { $bigint: String(value) }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([key, each]) => [key, plain(each)]))
}

/** Whether every secret among values has a fingerprint by now: one that is still to be made has not. */
export function canFingerprint(value: unknown): boolean {
  if (value instanceof Secret) return value.isOpen && !value.fingerprint.startsWith(PENDING)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true
  return Object.values(value).every(canFingerprint)
}

/** Whether a value can be compared between two runs: data, bytes or a secret. */
export function isComparable(value: unknown): boolean {
  if (value instanceof Secret || value instanceof Uint8Array || value === null) return true
  if (typeof value !== "object") return typeof value !== "function" && typeof value !== "symbol"
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every(isComparable)
}

export function sha256Of(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}
