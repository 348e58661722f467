import { FettleError } from "../errors.ts"
import type { LazyPlace } from "./place.ts"

/**
 * Refuses what a function that only declares has returned, where it is a promise: what it declares after its first `await`
 * comes too late, so it would count as having left the program, and be deleted.
 * @param what the function in words: "the function of group web"
 * @throws FettleError `PROGRAM_ASYNC`
 */
export function refuseAsync(result: unknown, what: string, place: LazyPlace): void {
  if (typeof result !== "object" || result === null || typeof (result as { then?: unknown }).then !== "function")
    return // What it throws later is not the error: that it is asynchronous is.
  ;(result as Promise<unknown>).then(undefined, () => {})
  throw new FettleError("PROGRAM_ASYNC", `${what} returned a promise`, { place })
}
