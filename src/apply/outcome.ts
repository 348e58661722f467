import type { FettleError } from "../errors.ts"
import type { ErrorFacts, NodeOutcome } from "../events/events.ts"
import type { Json } from "../provider.ts"

/** What an apply is told besides its plan. */
export interface ApplyOptions {
  /** Aborted by the first Ctrl-C: calls in flight finish and are recorded, nothing new begins. */
  readonly stopping: AbortSignal
  readonly verifyOnly?: boolean | undefined
  readonly stage: string
  readonly who: string
}

/** How the turn of one address ended. */
export interface Outcome {
  readonly address: string
  readonly action: string
  readonly outcome: NodeOutcome
  readonly error?: FettleError | undefined
  readonly verdict?: "yes" | "no" | "inconclusive" | undefined
}

/** What came of an apply. */
export interface Applied {
  readonly outcomes: readonly Outcome[]
  /** Set where the run itself had to end: state could not be written, or it was cancelled. */
  readonly fatal: FettleError | undefined
}

export function factsOf(error: FettleError): ErrorFacts {
  const { code, fact, next, address, place, cause, details } = error.toJSON() as {
    code: string
    fact: string
    next: string
    address?: string
    place?: string
    cause?: string
    details?: Json
  }
  return { code, fact, next, address, place, cause, ...(details === undefined ? {} : { details: plain(details) }) }
}

function plain(value: unknown): Json {
  try {
    return JSON.parse(JSON.stringify(value) ?? "null") as Json
  } catch {
    return null
  }
}
