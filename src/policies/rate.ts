import { type Duration, durationMs } from "./duration.ts"
import { checkNames } from "./given.ts"
import type { Policy } from "./policy.ts"
import { badSetting } from "./policy-errors.ts"
import { type RateLoad, Turnstile, type TurnstileLimit } from "./turnstile.ts"

/** A limit on calls, as the far side states it. */
export interface RateOptions {
  /** How many calls are allowed in each window. */
  readonly calls: number
  /** The window: `"1m"` for a limit per minute. */
  readonly per: Duration
  /**
   * Calls that may start at once after a quiet time, at most `calls`; no window gets more than `calls` all the same.
   * Default: 2.5 % of `calls`, at most a second's worth, at least 1. With 1, time lost to a late timer is not made up for.
   */
  readonly burst?: number | undefined
  /** How many calls may be in flight at once. Default: no limit. */
  readonly concurrent?: number | undefined
  /** The longest pause that a server may ask for; above it waiting calls are refused at once. Default 600,000 ms. */
  readonly maxWaitMs?: number | undefined
}

/** A rate: a policy that can also be asked how busy it is. */
export interface RatePolicy extends Policy {
  load(): RateLoad
}

/**
 * Lets calls start no faster than a far side allows: a token bucket with a line in front, first come, first served.
 *
 * All callers given the same policy object share it. It paces calls evenly at 97.5 % of the limit, so that a server which
 * counts fixed or sliding windows refuses none. An answer of status 429, or one of 503 or an error with a `Retry-After`,
 * pauses everybody. An aborted signal leaves the line at once; a pause above `maxWaitMs` throws `POLICY_RETRIES_SPENT`.
 * Put it after `retry`, so that every try takes its turn.
 *
 * @example
 * const limit = rate({ calls: 120, per: "1m", concurrent: 8 })
 * const getPage = guarded(api.page, [retry(), limit, timeout("10s")])
 * const getUser = guarded(api.user, [retry(), limit, timeout("10s")])
 */
export function rate(options: RateOptions): RatePolicy {
  const limit = limitOf(options)
  const turnstile = new Turnstile(limit)
  return {
    name: "rate",
    settings: { ...limit, burst: limit.burst ?? null, concurrent: limit.concurrent ?? null },
    wrap: (call, context) => (signal) => turnstile.pass(call, context, signal),
    load: () => turnstile.load(),
  }
}

const OPTIONS = ["calls", "per", "burst", "concurrent", "maxWaitMs"] as const

function limitOf(options: RateOptions): TurnstileLimit {
  checkNames("rate", options, OPTIONS)
  const { calls, per, burst, concurrent, maxWaitMs = 600_000 } = options
  if (calls === undefined) throw badSetting("rate", "give calls, how many are allowed in each window")
  const windowMs = durationMs(per)
  if (windowMs === 0) throw badSetting("rate", "per must be longer than 0 ms")
  for (const [name, value] of Object.entries({ calls, burst, concurrent })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      throw badSetting("rate", `${name} must be a whole number from 1, not ${value}`)
    }
  }
  if (burst !== undefined && burst > calls) throw badSetting("rate", `burst (${burst}) is more than calls (${calls})`)
  if (!(Number.isFinite(maxWaitMs) && maxWaitMs >= 0)) {
    throw badSetting("rate", `maxWaitMs must be 0 or more ms, not ${maxWaitMs}`)
  }
  return { calls, windowMs, burst, concurrent, maxWaitMs }
}
