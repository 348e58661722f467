import type { FettleError } from "../errors.ts"

/** Ends what is under way; it was handed what was thrown. */
type End = (error: FettleError) => void

let end: End | undefined
let isEnding = false

/** Says how a run is ended when something is thrown that nobody catches. Call what it gives when the run has ended. */
export function onCrash(by: End): () => void {
  end = by
  return () => {
    end = undefined
  }
}

/** Ends the run that is under way, once. False where there is none: then nobody else will tell. */
export function endRun(error: FettleError): boolean {
  if (isEnding) return true
  isEnding = end !== undefined
  end?.(error)
  return isEnding
}
