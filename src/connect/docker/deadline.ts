import type { Duplex, Readable } from "node:stream"
import { FettleError } from "../../errors.ts"
import { onAbort } from "../../policies/signals.ts"
import { startTimer } from "../../policies/timer.ts"

export interface DeadlineParts {
  /** Undefined for no limit. */
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
  /** The error of a call that takes too long. */
  readonly late: () => FettleError
  /** The error of a call that is cancelled, where the signal's reason is none of ours. */
  readonly cancelled: () => FettleError
}

/** One signal out of a caller's signal and a limit of time, with an error of ours as its reason. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #undo: () => void
  /** Takes the limit of time away; the caller's signal stays. */
  readonly stopClock: () => void

  constructor({ timeoutMs, signal, late, cancelled }: DeadlineParts) {
    this.stopClock = timeoutMs === undefined ? () => {} : startTimer(timeoutMs, () => this.abort(late()))
    this.#undo = onAbort(signal, (reason) => this.abort(reason instanceof FettleError ? reason : cancelled()))
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: FettleError): void {
    this.#controller.abort(reason)
  }

  /** Listens no longer. */
  end(): void {
    this.stopClock()
    this.#undo()
  }

  /** Ends a stream with the signal, and listens no longer than it lives. */
  untilClosed(stream: Duplex | Readable): void {
    const undo = onAbort(this.signal, (reason) => stream.destroy(reason as Error))
    stream.once("close", () => {
      undo()
      this.end()
    })
  }
}
