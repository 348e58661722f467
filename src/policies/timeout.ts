import type { CallContext } from "./context.ts"
import { type Duration, durationMs } from "./duration.ts"
import type { Call, Policy } from "./policy.ts"
import { badSetting, timedOut } from "./policy-errors.ts"
import { follow } from "./signals.ts"
import { startTimer } from "./timer.ts"

/**
 * Ends a call that is not done in time: aborts its signal and rejects with `POLICY_TIMEOUT` at once, even where the call
 * does not heed the signal.
 *
 * Inside `retry` (after it in the list) each try has this long; outside it, all tries and their waits together. The same
 * holds for the wait for a turn in `rate`.
 *
 * @example
 * const ping = guarded((url: string) => fetch(url, { signal: callSignal() }), [retry(), timeout("2s")])
 */
export function timeout(after: Duration): Policy {
  const timeoutMs = durationMs(after)
  if (timeoutMs === 0) throw badSetting("timeout", "it must be longer than 0 ms")
  return {
    name: "timeout",
    settings: { timeoutMs },
    wrap: (call, context) => (signal) => inTime(call, context, signal, timeoutMs),
  }
}

async function inTime<R>(call: Call<R>, context: CallContext, signal: AbortSignal, timeoutMs: number): Promise<R> {
  const { controller, release } = follow([signal])
  let cancelTimer = (): void => {}
  const late = new Promise<never>((_, reject) => {
    cancelTimer = startTimer(timeoutMs, () => {
      const error = timedOut(context.name, timeoutMs)
      reject(error) // before the abort, so that this error wins over what the abort makes the call throw
      controller.abort(error)
    })
  })
  try {
    return await Promise.race([call(controller.signal), late])
  } finally {
    cancelTimer()
    release()
  }
}
