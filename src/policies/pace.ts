// When the next call may start: pure arithmetic on given times, so that it is tested without a clock.
//
// A server that allows N calls in a window of W counts them when they arrive, in windows that begin at moments we do not
// know (fixed), in the last W (sliding), or in a bucket that refills (token bucket, or the guess of a sliding window from
// two fixed ones). Two rules together keep all of them content:
//
// 1. Even pace. Calls stand W × (1 + SPARE) / N apart. What is spare may be used at once, as a small burst after a quiet
//    time, and still no window of W holds more than N starts:
//    starts ≤ ⌈(W + tolerance) / interval⌉ ≤ N as long as tolerance ≤ SPARE × W.
//    Time lost while somebody waited (a late timer, a busy thread) is made up for, within bounds.
// 2. Proof against delays. Between start and arrival lie a network and two busy threads. A call has surely arrived before
//    it was answered, the fastest trip so far earlier at that: what came in must still come back. A call starts only W
//    after the N-th call before it has surely arrived, so any N + 1 arrivals span more than W. An answer may also be late
//    because the work is slow; we hold a call to have arrived after a grace, whatever the answer.
//
// Used of the rate: 1 / (1 + SPARE) = 97.5 %, and with windows of 12.5 s or more never under 1 / (1 + GRACE) = 96.1 %,
// however slow the answers are.

const SPARE = 0.025
const GRACE = 0.04
// In short windows 4 % is less than a busy processor takes: there, a refusal is worse than a pause.
const MIN_GRACE_MS = 500
const MAX_GRACE = 0.25
// The first N calls also find names, open connections and load code: only their answers, or this long, tell.
const FIRST_GRACE_MS = 2_000
// A burst for convenience should stay one on hourly and daily limits: at most a second's worth of calls.
const MAX_TOLERANCE_MS = 1_000
// What a stall cost may be made up for at once, up to this.
const MAX_LATE_MS = 1_000
const MAX_LATE = 0.1
// Their clock may run 0.1 % slower than ours, and servers count in whole milliseconds.
const CLOCK_DRIFT = 0.001
const CLOCK_STEP_MS = 2

/** The limit of a far side. */
export interface Limit {
  readonly calls: number
  readonly windowMs: number
  /** Calls that may start at once after a quiet time; default: what rule 1 spares, at most a second's worth. */
  readonly burst?: number | undefined
}

/** The times that decide when the next call may start. */
export class Pace {
  readonly intervalMs: number
  readonly #limit: Limit
  readonly #toleranceMs: number
  readonly #graceMs: number
  readonly #maxLateMs: number
  /** When the next call would start if all had started evenly. */
  #evenMs = Number.NEGATIVE_INFINITY
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  /** When the last N calls started, and when they were answered (not yet: infinity); call k stands at k modulo N. */
  readonly #startedMs: number[] = []
  readonly #answeredMs: number[] = []
  #fastestTripMs = Number.POSITIVE_INFINITY
  #started = 0
  #refusals = 0

  constructor(limit: Limit) {
    this.#limit = limit
    this.intervalMs = (limit.windowMs * (1 + SPARE)) / limit.calls
    this.#graceMs = Math.max(limit.windowMs * GRACE, Math.min(limit.windowMs * MAX_GRACE, MIN_GRACE_MS))
    const { windowMs, burst } = limit
    const spareMs = Math.min(windowMs * SPARE, MAX_TOLERANCE_MS)
    // Slightly more than burst - 1 intervals, so that the sum of many of them, rounded, does not cost the last call.
    this.#toleranceMs = burst === undefined ? spareMs : (burst - 0.999) * this.intervalMs
    // Who states a burst gets just that: with 1, calls never stand closer than even.
    this.#maxLateMs = burst === undefined ? Math.min(windowMs * MAX_LATE, MAX_LATE_MS) : 0
  }

  /** The earliest time at which the next call may start. */
  earliestMs(): number {
    return Math.max(this.#evenMs - this.#toleranceMs, this.#windowFreeMs(), this.#pausedUntilMs)
  }

  /** The next call, which has waited since then, starts: gives its number, for `answered`. */
  start(nowMs: number, waitingSinceMs = nowMs): number {
    const call = this.#started
    const at = call % this.#limit.calls
    this.#startedMs[at] = nowMs
    this.#answeredMs[at] = Number.POSITIVE_INFINITY
    const owedMs = Math.min(nowMs - waitingSinceMs, this.#maxLateMs)
    this.#evenMs = Math.max(this.#evenMs, nowMs - owedMs) + this.intervalMs
    this.#started += 1
    return call
  }

  /** A call was answered, so it arrived before now. */
  answered(call: number, nowMs: number): void {
    if (call < this.#started - this.#limit.calls) return // so slow that N others started since: no longer of interest
    const at = call % this.#limit.calls
    this.#answeredMs[at] = nowMs
    this.#fastestTripMs = Math.min(this.#fastestTripMs, nowMs - (this.#startedMs[at] ?? nowMs))
  }

  /** The server asked everybody to wait: nothing starts before, and then evenly, without a burst. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
    this.#evenMs = Math.max(this.#evenMs, untilMs + this.#toleranceMs)
  }

  /** How long to pause after a refusal that names no time: twice as long each time, at most a window. */
  refused(): number {
    this.#refusals += 1
    return Math.min(this.#limit.windowMs, this.intervalMs * 2 ** this.#refusals)
  }

  /** The server took a call: refusals are counted anew. */
  accepted(): void {
    this.#refusals = 0
  }

  get pausedUntilMs(): number {
    return this.#pausedUntilMs
  }

  /** Rule 2: a window after the N-th call before the next one has surely arrived. */
  #windowFreeMs(): number {
    const { calls, windowMs } = this.#limit
    if (this.#started < calls) return Number.NEGATIVE_INFINITY
    const isFirstWindow = this.#started < 2 * calls
    const graceMs = isFirstWindow ? Math.max(this.#graceMs, Math.min(windowMs, FIRST_GRACE_MS)) : this.#graceMs
    const at = this.#started % calls
    const startedMs = this.#startedMs[at] ?? Number.NEGATIVE_INFINITY
    const answeredMs = this.#answeredMs[at] ?? Number.POSITIVE_INFINITY
    const knownMs = answeredMs === Number.POSITIVE_INFINITY ? answeredMs : answeredMs - this.#fastestTripMs
    return Math.min(knownMs, startedMs + graceMs) + windowMs * (1 + CLOCK_DRIFT) + CLOCK_STEP_MS
  }
}
