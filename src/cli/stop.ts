import type { FettleError } from "../errors.ts"
import { onCrash } from "./crash.ts"
import { leave } from "./leave.ts"

/** How a run is ended from outside. */
export interface Stop {
  /** Nothing new begins; what is under way finishes and is recorded. */
  readonly stopping: AbortSignal
  /** All is abandoned; the journal says what was under way. */
  readonly signal: AbortSignal
  /** What was thrown while nobody waited for it, where that is why all is abandoned. */
  crash(): FettleError | undefined
  /** Stops listening. */
  end(): void
}

/** From the second Ctrl-C to the end of the process: enough to tell children to stop, too short to notice. */
const LEAVE_MS = 50
/** Exit code of a cancelled run. */
const CANCELLED = 130
/** Ctrl-C, a polite kill, and a terminal that was closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/**
 * Listens for Ctrl-C and SIGTERM: the first stops in order, the second at once, and so does what nobody catches: after that
 * nothing that a program of the user does can be trusted.
 * @param tell says what the first one did
 */
export function listenForStop(tell: (text: string) => void): Stop {
  const stopping = new AbortController()
  const signal = new AbortController()
  const stop = (): void => {
    if (!stopping.signal.aborted) {
      tell("Stopping: what is under way finishes and is recorded, nothing new begins. Ctrl-C again stops at once.")
      stopping.abort()
      return
    }
    signal.abort()
    setTimeout(() => leave(CANCELLED), LEAVE_MS)
  }
  for (const name of SIGNALS) process.on(name, stop)
  let crash: FettleError | undefined
  const forget = onCrash((error) => {
    crash = error
    stopping.abort()
    signal.abort()
  })
  return {
    crash: () => crash,
    stopping: stopping.signal,
    signal: signal.signal,
    end: () => {
      forget()
      for (const name of SIGNALS) process.off(name, stop)
    },
  }
}
