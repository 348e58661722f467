// Every error of this room is built here and nowhere else.

import { FettleError } from "../errors.ts"

/** The call was not done in time. */
export function timedOut(name: string, timeoutMs: number): FettleError {
  return new FettleError("POLICY_TIMEOUT", `${name} was not done within ${timeoutMs} ms`, { details: { timeoutMs } })
}

/** The caller or the stage is not on the list. */
export function notAllowed(name: string, because: string): FettleError {
  return new FettleError("POLICY_NOT_ALLOWED", `${name} is not allowed: ${because}`)
}

/** The last of several calls failed too; its error is the cause. */
export function retriesSpent(name: string, calls: number, cause: unknown): FettleError {
  const times = calls === 1 ? "once" : `${calls} times`
  const fact = `${name} failed ${times} and is not tried again`
  return new FettleError("POLICY_RETRIES_SPENT", fact, { cause, details: { calls } })
}

/** The far side asks for a longer wait than a retry is willing to make. */
export function waitTooLong(name: string, askedMs: number, maxWaitMs: number, cause: unknown): FettleError {
  const fact = `${name} is not tried again: the server asks to wait ${askedMs} ms, more than maxWaitMs (${maxWaitMs})`
  const next = "come back later, or raise maxWaitMs of the retry"
  return new FettleError("POLICY_RETRIES_SPENT", fact, { cause, next, details: { askedMs, maxWaitMs } })
}

/** The far side paused every caller for longer than a rate is willing to wait. */
export function pausedTooLong(name: string, askedMs: number, maxWaitMs: number): FettleError {
  const fact = `${name} was not called: the server asks all to wait ${askedMs} ms, more than maxWaitMs (${maxWaitMs})`
  const next = "come back later, or raise maxWaitMs of the rate"
  return new FettleError("POLICY_RETRIES_SPENT", fact, { next, details: { askedMs, maxWaitMs } })
}

/** An option of a policy makes no sense. */
export function badSetting(policy: string, fact: string): FettleError {
  return new FettleError("PROPS_INVALID", `${policy}: ${fact}`, { next: `correct the options of ${policy}(…)` })
}

/** Neither a number of ms nor a text such as "30s". */
export function badDuration(value: unknown): FettleError {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value)
  const next = 'write a number of milliseconds, or one number and one unit: "250ms", "30s", "5m", "2h", "1d"'
  return new FettleError("PROPS_INVALID", `${shown} is not a duration`, { next })
}

/** The code that an error carries, its class name where it has none; never its message, which may hold a secret. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return typeof error
  if ("code" in error && typeof error.code === "string") return error.code
  return error instanceof Error ? error.name : "object"
}
