import type { CallContext } from "./context.ts"
import { Line, type Waiting } from "./line.ts"
import { type Limit, Pace } from "./pace.ts"
import type { Call } from "./policy.ts"
import { pausedTooLong } from "./policy-errors.ts"
import { httpStatus, isRefusal, retryAfterMs } from "./retry-after.ts"
import { onAbort } from "./signals.ts"
import { startTimer } from "./timer.ts"

/** What a turnstile keeps to. */
export interface TurnstileLimit extends Limit {
  /** Calls in flight at once; undefined: as many as the pace gives. */
  readonly concurrent: number | undefined
  readonly maxWaitMs: number
}

/** How busy a rate is, for a progress line. */
export interface RateLoad {
  readonly waiting: number
  readonly inFlight: number
  /** How much longer the server's pause lasts; 0 where there is none. */
  readonly pausedMs: number
}

interface Turn {
  readonly name: string
  readonly sinceMs: number
  readonly start: (call: number) => void
  readonly refuse: (reason: unknown) => void
}

/** Lets calls through one after another as the pace allows; one timer, for the first in line, however long the line. */
export class Turnstile {
  readonly #limit: TurnstileLimit
  readonly #pace: Pace
  readonly #line = new Line<Turn>()
  #inFlight = 0
  #cancelTimer: (() => void) | undefined
  #pausedAtMs = Number.NEGATIVE_INFINITY

  constructor(limit: TurnstileLimit) {
    this.#limit = limit
    this.#pace = new Pace(limit)
  }

  /** Makes a call in its turn. */
  async pass<R>(call: Call<R>, context: CallContext, signal: AbortSignal): Promise<R> {
    const turn = await this.#turn(context, signal)
    const startedMs = performance.now()
    try {
      const value = await call(signal)
      this.#heed(turn, startedMs, isRefusal(value) ? value : undefined)
      return value
    } catch (error) {
      this.#heed(turn, startedMs, error)
      throw error
    } finally {
      this.#inFlight -= 1
      this.#letThrough()
    }
  }

  load(): RateLoad {
    const pausedMs = Math.max(0, this.#pace.pausedUntilMs - performance.now())
    return { waiting: this.#line.length, inFlight: this.#inFlight, pausedMs }
  }

  /** Waits for a turn; gives the number of the call. */
  async #turn({ name, stopping }: CallContext, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    stopping?.throwIfAborted()
    const undo: (() => void)[] = []
    try {
      return await new Promise<number>((start, refuse) => {
        const waiting = this.#line.join({ name, sinceMs: performance.now(), start, refuse })
        const leave = (reason: unknown): void => {
          if (this.#line.leave(waiting)) refuse(reason)
          if (this.#line.length === 0) this.#stopTimer()
        }
        undo.push(onAbort(signal, leave), onAbort(stopping, leave))
        if (this.#line.first === waiting) this.#letThrough()
      })
    } finally {
      for (const step of undo) step()
    }
  }

  /** Starts everyone in line whose turn it is, and sets the timer for the next. */
  #letThrough(): void {
    this.#stopTimer()
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const nowMs = performance.now()
      if (this.#refuses(first, nowMs)) continue
      if (this.#inFlight >= (this.#limit.concurrent ?? Number.POSITIVE_INFINITY)) return
      const waitMs = this.#pace.earliestMs() - nowMs
      if (waitMs > 0) {
        this.#cancelTimer = startTimer(waitMs, () => this.#letThrough())
        return
      }
      this.#line.leave(first)
      this.#inFlight += 1
      first.item.start(this.#pace.start(nowMs, first.item.sinceMs))
    }
  }

  /** Nobody is kept waiting for a pause that is longer than they are willing to wait. */
  #refuses(waiting: Waiting<Turn>, nowMs: number): boolean {
    const pausedMs = Math.ceil(this.#pace.pausedUntilMs - nowMs)
    const { maxWaitMs } = this.#limit
    if (pausedMs <= maxWaitMs) return false
    this.#line.leave(waiting)
    waiting.item.refuse(pausedTooLong(waiting.item.name, pausedMs, maxWaitMs))
    return true
  }

  /** Learns from how a call ended; a failure that no server answered proves nothing about when the call arrived. */
  #heed(turn: number, startedMs: number, failure: unknown): void {
    const nowMs = performance.now()
    const status = httpStatus(failure)
    const wasAnswered = failure === undefined || status !== undefined
    if (wasAnswered) this.#pace.answered(turn, nowMs)
    const askedMs = retryAfterMs(failure)
    if (askedMs !== undefined) this.#pause(nowMs, askedMs)
    else if (status === 429) this.#pauseUnasked(nowMs, startedMs)
    else if (wasAnswered) this.#pace.accepted()
  }

  /** Several calls in flight may be refused for one reason: only those started after the last pause count again. */
  #pauseUnasked(nowMs: number, startedMs: number): void {
    if (startedMs > this.#pausedAtMs) this.#pause(nowMs, this.#pace.refused())
  }

  #pause(nowMs: number, pauseMs: number): void {
    this.#pausedAtMs = nowMs
    this.#pace.pause(nowMs + pauseMs)
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
