// Not cockatiel (4.0.0, ESM, no dependencies, kept up): its retry sleeps the backoff out although the signal is aborted
// and then calls once more, its jitter takes Math.random only, it knows no Retry-After, and its timeout gives the same
// error for "too late" as for "the caller aborted". Around all that we would keep one loop of it.

import type { CallContext } from "./context.ts"
import { checkFunction, checkNames, checkWord } from "./given.ts"
import type { Call, Policy } from "./policy.ts"
import { badSetting, codeOf, retriesSpent, waitTooLong } from "./policy-errors.ts"
import { discard, httpStatus, isRefusal, retryAfterMs } from "./retry-after.ts"
import { sleep } from "./timer.ts"

/** How `retry` tries again. */
export interface RetryOptions {
  /** How often a failed call is made again: 3 means at most 4 calls. Default 3. */
  readonly times?: number | undefined
  /** The first backoff, before jitter. Default 200 ms. */
  readonly baseDelayMs?: number | undefined
  /** The longest backoff; what a server asks for is not cut by it. Default 30,000 ms. */
  readonly maxDelayMs?: number | undefined
  /** The longest wait a server may ask for; above it we stop at once and say so. Default 600,000 ms. */
  readonly maxWaitMs?: number | undefined
  /** `full`: 0 to base × 2ⁿ; `decorrelated`: base to three times the last; `none`: base × 2ⁿ. Default `full`. */
  readonly jitter?: "full" | "decorrelated" | "none" | undefined
  /** Whether a failure (a thrown error, or a returned response of status 400 and above) is tried again. */
  readonly when?: ((failure: unknown, retries: number) => boolean) | undefined
  /** Numbers from 0 to below 1 for the jitter, to repeat a run exactly. Default `Math.random`. */
  readonly random?: (() => number) | undefined
}

type Rules = { readonly [K in keyof RetryOptions]-?: NonNullable<RetryOptions[K]> }
type Outcome<R> = { readonly value: R } | { readonly error: unknown }

/**
 * Makes a failed call again, after an exponential backoff with jitter, or after what the server asked for if longer.
 *
 * A `Retry-After` (seconds or a date) or `retryAfterMs` on the error, its causes or a returned response is never cut:
 * above `maxWaitMs` it gives up instead. When all tries are spent it throws `POLICY_RETRIES_SPENT` whose cause is the last
 * error, or returns the last response. An aborted signal ends a wait at once.
 *
 * @example
 * const save = guarded(saveOrder, [retry({ times: 5, baseDelayMs: 100, when: (failure) => failure instanceof Busy })])
 */
export function retry(options: RetryOptions = {}): Policy {
  const rules = rulesOf(options)
  const { when: _when, random: _random, ...settings } = rules
  return {
    name: "retry",
    settings,
    wrap: (call, context) => (signal) => tryAgain(call, context, signal, rules),
  }
}

// What another try cannot change. Retries inside retries would multiply: 4 times 4 calls to a far side that is down.
const FINAL_CODES = ["POLICY_NOT_ALLOWED", "POLICY_RETRIES_SPENT"]

/**
 * The default of `when`: every failure, except a refused permission, an abort, the end of a retry inside, and an HTTP
 * status that a second try cannot change (all below 500 but 408, 425 and 429; and 501) without a `Retry-After`.
 *
 * @example
 * retry({ when: (failure) => worthRetrying(failure) && !(failure instanceof BadInput) })
 */
export function worthRetrying(failure: unknown): boolean {
  if (FINAL_CODES.includes(codeOf(failure))) return false
  if (failure instanceof Error && failure.name === "AbortError") return false
  if (retryAfterMs(failure) !== undefined) return true
  const status = httpStatus(failure)
  return status === undefined || [408, 425, 429].includes(status) || (status >= 500 && status !== 501)
}

async function tryAgain<R>(call: Call<R>, context: CallContext, signal: AbortSignal, rules: Rules): Promise<R> {
  let delayMs = 0
  for (let retries = 0; ; retries += 1) {
    const outcome = await settled(call, signal)
    if (signal.aborted || !isFailure(outcome, retries, rules)) return finish(outcome)
    if (retries >= rules.times) return finish(outcome, (error) => retriesSpent(context.name, retries + 1, error))
    const askedMs = retryAfterMs(failureOf(outcome)) ?? 0
    if (askedMs > rules.maxWaitMs) {
      return finish(outcome, (error) => waitTooLong(context.name, askedMs, rules.maxWaitMs, error))
    }
    delayMs = backoffMs(rules, retries, delayMs)
    if (!(await sleep(Math.max(askedMs, delayMs), signal, context.stopping))) return finish(outcome)
    if ("value" in outcome) await discard(outcome.value)
  }
}

async function settled<R>(call: Call<R>, signal: AbortSignal): Promise<Outcome<R>> {
  try {
    return { value: await call(signal) }
  } catch (error) {
    return { error }
  }
}

function isFailure(outcome: Outcome<unknown>, retries: number, rules: Rules): boolean {
  const failed = "error" in outcome || isRefusal(outcome.value)
  return failed && rules.when(failureOf(outcome), retries)
}

function failureOf(outcome: Outcome<unknown>): unknown {
  return "error" in outcome ? outcome.error : outcome.value
}

/** A returned response stays a result, however bad: the caller looks at its status as it would without a policy. */
function finish<R>(outcome: Outcome<R>, explain: (error: unknown) => unknown = (error) => error): R {
  if ("value" in outcome) return outcome.value
  throw explain(outcome.error)
}

function backoffMs(rules: Rules, retries: number, lastDelayMs: number): number {
  const { baseDelayMs, maxDelayMs, jitter, random } = rules
  if (jitter === "decorrelated") {
    const highMs = Math.max(baseDelayMs, lastDelayMs * 3)
    return Math.min(maxDelayMs, baseDelayMs + random() * (highMs - baseDelayMs))
  }
  const fullMs = Math.min(maxDelayMs, baseDelayMs * 2 ** retries)
  return jitter === "none" ? fullMs : random() * fullMs
}

const JITTERS = ["full", "decorrelated", "none"] as const
const OPTIONS = ["times", "baseDelayMs", "maxDelayMs", "maxWaitMs", "jitter", "when", "random"] as const

function rulesOf(options: RetryOptions): Rules {
  checkNames("retry", options, OPTIONS)
  const { times = 3, baseDelayMs = 200, maxDelayMs = 30_000, maxWaitMs = 600_000 } = options
  const { jitter = "full", when = worthRetrying, random = Math.random } = options
  if (!Number.isInteger(times) || times < 0) throw badSetting("retry", `times must be 0 or more, not ${times}`)
  for (const [name, ms] of Object.entries({ baseDelayMs, maxDelayMs, maxWaitMs })) {
    if (!(Number.isFinite(ms) && ms >= 0)) throw badSetting("retry", `${name} must be 0 or more ms, not ${ms}`)
  }
  checkWord("retry", "jitter", jitter, JITTERS)
  for (const [name, value] of Object.entries({ when, random })) checkFunction("retry", name, value)
  return { times, baseDelayMs, maxDelayMs, maxWaitMs, jitter, when, random }
}
