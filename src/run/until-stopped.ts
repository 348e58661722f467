import { FettleError } from "../errors.ts"
import { follow, onAbort } from "../policies/signals.ts"
import type { RunContext } from "./context.ts"

/**
 * Does work that only looks, until the run is told to stop: then it is left to itself at once, whatever it waits for.
 * @param work gets the signal of both ways to stop
 * @throws FettleError `CANCELLED`
 */
export async function untilStopped<T>(
  { engine, setup }: Pick<RunContext, "engine" | "setup">,
  fact: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { controller, release } = follow([engine.signal, setup.stopping])
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = onAbort(controller.signal, () => reject(new FettleError("CANCELLED", fact)))
  try {
    const working = work(controller.signal)
    working.catch(() => {}) // what it still says after a stop is heard by nobody
    return await Promise.race([working, stopped])
  } finally {
    stop()
    release()
  }
}
