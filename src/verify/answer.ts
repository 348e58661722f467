import type { Verdict } from "../program/check.ts"
import type { Show } from "./expectation.ts"
import type { LocalTools } from "./tools.ts"
import type { Where } from "./where.ts"

/** Measured values, with units in their names. */
export type Measured = Readonly<Record<string, string | number | boolean>>

/**
 * What a probe says.
 *
 * - "yes": the target was asked and is as expected.
 * - "no": the target was asked and is not as expected, or it could not be reached, which says as much about it: refused,
 *   no such host, no answer in time, an invalid certificate, no such process or file.
 * - "inconclusive": the question could not be put: wrong settings, a missing tool, no right to read, we ran out of
 *   something, or we made a mistake.
 */
export interface Answer {
  readonly verdict: Verdict
  /** What was seen, in one line. */
  readonly evidence: string
  readonly measured?: Measured
  /** True where asking again cannot change it: a check that retries stops at once. */
  readonly lasting?: boolean
}

/** The release that a question belongs to. */
export interface Before {
  /** When it began. */
  readonly startedMs: number
  /** What this question measured before the version got traffic; undefined where that was not written down. */
  readonly measured?: Measured | undefined
  /** True while the version has no traffic yet: what is measured now will be what was measured before. */
  readonly isNow: boolean
}

/** One question put to a target. */
export interface Question {
  /** Aborted when the check is cancelled and when the time of this question is over. */
  readonly signal: AbortSignal
  /** Time for this question. */
  readonly limitMs: number
  /** Of the place it is asked from. */
  readonly tools: LocalTools
  readonly where: Where
  /** Undefined outside of a release. */
  readonly before?: Before | undefined
  /** Kept between the questions of one check. */
  readonly memory: Map<string, unknown>
  /** Quotes a value in evidence. What comes from the target must stand there through it alone: it may hold secrets. */
  readonly show: Show
  /** Text without the secrets that are known by now: before anything is cut out of it. */
  hide(text: string): string
  /** Says how far it has come: the evidence where the time runs out. */
  at(words: string): void
  /** Stops the clock: from here on it waits for something of ours. Too long a wait is inconclusive. */
  waits(words: string): void
  /** Lets the clock go on. With words it is our own work that goes on, and to run out of time in it is inconclusive. */
  goesOn(ours?: string): void
}

/** Knows one type of probe. */
export interface Asker<S> {
  /** Limit of one question where the settings name none, in milliseconds. */
  readonly timeoutMs: number
  /** What no answer in time means: "no" where the target is slow, "inconclusive" where we are. */
  readonly late: "no" | "inconclusive"
  ask(settings: S, question: Question): Promise<Answer>
}

export function yes(evidence: string, measured: Measured = {}): Answer {
  return { verdict: "yes", evidence, measured }
}

export function no(evidence: string, measured: Measured = {}): Answer {
  return { verdict: "no", evidence, measured }
}

export function inconclusive(evidence: string, measured: Measured = {}): Answer {
  return { verdict: "inconclusive", evidence, measured }
}

/** Yes where nothing is wrong; else no, with everything that is. */
export function judged(wrong: readonly (string | undefined)[], evidence: string, measured: Measured = {}): Answer {
  const faults = wrong.filter((each) => each !== undefined)
  return faults.length === 0 ? yes(evidence, measured) : no(faults.join("; "), measured)
}

/** Yes where nothing is wrong and nothing unsure. What is wrong counts more than what nobody knows. */
export function judgedUnlessUnsure(
  wrong: readonly (string | undefined)[],
  unsure: readonly (string | undefined)[],
  evidence: string,
  measured: Measured = {},
): Answer {
  const unknown = unsure.filter((each) => each !== undefined)
  if (unknown.length === 0 || wrong.some((each) => each !== undefined)) return judged(wrong, evidence, measured)
  return inconclusive(unknown.join("; "), measured)
}
