import { badDuration } from "./policy-errors.ts"

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A span of time: a number of milliseconds, or a text of one number and one unit such as `"250ms"`, `"30s"`, `"5m"`. */
export type Duration = number | `${number}${keyof typeof UNIT_MS}`

/**
 * Gives a duration in milliseconds; texts are rounded to whole ones.
 *
 * Units are `ms`, `s`, `m`, `h` and `d`. A negative, infinite or malformed value throws `PROPS_INVALID`.
 *
 * @example
 * durationMs("1.5s") // 1500
 * durationMs(250)    // 250
 */
export function durationMs(value: Duration): number {
  if (typeof value === "number") {
    if (Number.isFinite(value) && value >= 0) return value
    throw badDuration(value)
  }
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(value))
  if (parts === null) throw badDuration(value)
  const ms = Math.round(Number(parts[1]) * UNIT_MS[parts[2] as keyof typeof UNIT_MS])
  if (!Number.isFinite(ms)) throw badDuration(value)
  return ms
}
