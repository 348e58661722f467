import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"

/** First pause before something is tried again, in milliseconds; each is twice as long as the one before. */
const PAUSE_MS = 100
/** The longest one. */
const PAUSE_MAX_MS = 2_000

/**
 * Tries again what a store did not answer, once at least, until it has or `patienceMs` are over; what it did answer is not tried again.
 * @throws FettleError `STATE_UNREACHABLE`
 */
export async function retrying<T>(patienceMs: number, work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  for (let tries = 1, pauseMs = PAUSE_MS; ; tries += 1, pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
    try {
      return await work()
    } catch (thrown) {
      const isOver = performance.now() - begun + pauseMs > patienceMs // also where the process was stopped on the way
      if (!mayPass(thrown) || (isOver && tries > 1)) throw thrown
    }
    await sleep(pauseMs * (0.5 + Math.random() / 2)) // many that were cut off at once do not come back at once
  }
}

/** Whether trying again may help. */
function mayPass(thrown: unknown): boolean {
  return thrown instanceof FettleError && thrown.code === "STATE_UNREACHABLE" && thrown.details?.mayPass === true
}

/** That a store does not answer. @param mayPass whether trying again may help */
export function unreachable(
  store: string,
  fact: string,
  mayPass: boolean,
  more: { cause?: unknown; next?: string } = {},
) {
  return new FettleError("STATE_UNREACHABLE", `${store}: ${fact}`, { details: { mayPass }, ...more })
}
