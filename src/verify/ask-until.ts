import { sleep } from "../policies/timer.ts"
import type { Answer } from "./answer.ts"

/** First pause between two questions, and the longest: quick enough to be noticed, slow enough not to be load. */
const PAUSE_MS = { first: 250, growth: 1.5, longest: 2_000 }
/** The question at the very end of `within` may take this long: a healthy target must be able to answer it. */
const LAST_QUESTION_MS = 1_000

/** All in milliseconds; 0 for `withinMs` and `forMs`: ask once. */
export interface Timing {
  /** Ask again until yes, for at most this long. */
  readonly withinMs: number
  /** The answer must stay yes for this long. */
  readonly forMs: number
  /** Pause between two questions; undefined: 250 ms, growing to 2 s. */
  readonly everyMs: number | undefined
}

export interface Asked {
  readonly answer: Answer
  readonly attempts: number
  /** How long it had been yes when it ended, at its last beginning; undefined where it never was. */
  readonly heldMs: number | undefined
}

/**
 * Asks until the answer is yes and has stayed yes for `forMs`, or until `withinMs` is over. A no in between begins anew
 * while there is time. It asks one last time when the time is over, so that the answer is never older than the end.
 * @param question asked with the longest time it may take; `undefined`: its own limit
 */
export async function askUntil(
  question: (limitMs: number | undefined) => Promise<Answer>,
  timing: Timing,
  signal: AbortSignal,
): Promise<Asked> {
  const start = performance.now()
  const endMs = start + timing.withinMs
  let pauseMs = timing.everyMs ?? PAUSE_MS.first
  let yesSinceMs: number | undefined
  let heldMs: number | undefined
  for (let attempts = 1; ; attempts += 1) {
    const isLast = performance.now() >= endMs
    const leftMs = Math.max(LAST_QUESTION_MS, endMs - performance.now())
    const answer = await question(timing.withinMs === 0 || yesSinceMs !== undefined ? undefined : leftMs)
    const now = performance.now()
    let waitMs: number
    if (answer.verdict === "yes") {
      yesSinceMs ??= now
      heldMs = now - yesSinceMs
      waitMs = yesSinceMs + timing.forMs - now
      if (waitMs <= 0) return { answer, attempts, heldMs }
    } else {
      if (yesSinceMs !== undefined) pauseMs = timing.everyMs ?? PAUSE_MS.first
      yesSinceMs = undefined
      waitMs = endMs - now
      if (answer.lasting === true || isLast || waitMs <= 0) return { answer, attempts, heldMs }
    }
    await sleep(Math.min(pauseMs, waitMs), signal)
    if (timing.everyMs === undefined) pauseMs = Math.min(PAUSE_MS.longest, pauseMs * PAUSE_MS.growth)
  }
}
