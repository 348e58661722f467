import { logRateLikelihood } from "./evidence.ts"
import type { SideCounts } from "./interval.ts"

/** What is said of the rate of bad requests. */
export interface RateSettings {
  /** Worst acceptable share of bad requests. */
  readonly worstRate: number
  /** Share of bad requests of a healthy version, where that is known. */
  readonly usualRate?: number | undefined
}

/** Whatever worst rate is declared: what is so many times worse than usual must not pass. */
const FAR = 5
/** Errors that are assumed of a version that has shown none, and how many standard deviations of those it has shown may be luck. */
const UNSEEN = 0.4
const LUCK = 1.5
/** So few requests tell nothing: else a high worst rate would be proven before any error can have shown. */
const FEW = 110

/** The largest rate that can be proven to be too much. */
export function worstProven({ worstRate, usualRate }: RateSettings): number {
  return usualRate === undefined ? worstRate : Math.min(worstRate, FAR * usualRate)
}

/**
 * Two rates between which the requests of the new version decide by themselves. A declared worst rate may be far above what the version
 * before it has, and would let pass what is many times worse; so it counts only up to a multiple of the usual rate.
 *
 * Where that is not declared, it is guessed from the errors of the version before it, less what may be luck. One without an error is taken
 * to be as good as the requests of the new one could tell: else nothing could ever be proven beside it. The errors of the new version have
 * no part in it, so that what is judged by these rates stays evidence. It is the mean over an interval: how often one looks changes nothing.
 * @param own requests of the new version before the interval and in it, @param other of the one before it until its end
 */
export function ratesBetween(
  settings: RateSettings,
  own: OwnRequests,
  other: SideCounts,
): { readonly usual: number; readonly worst: number } {
  const { worstRate, usualRate = guess(own, other) } = settings
  const worst = Math.min(worstRate, FAR * usualRate)
  return { usual: worst / FAR, worst }
}

interface OwnRequests {
  readonly before: number
  readonly now: number
}

function guess({ before, now }: OwnRequests, { requests, bad }: SideCounts): number {
  const seen = Math.max(0, bad - LUCK * Math.sqrt(bad)) / Math.max(1, requests)
  return now === 0 ? seen : seen + (UNSEEN * Math.log1p(now / (before + FEW))) / now
}

/** No more than so many requests are looked forward to. */
const FORESEEN = 1e7

/**
 * Requests without an error, of either version, that the new one needs until the evidence has grown by `left`.
 * @returns undefined where it is not foreseen
 */
export function cleanLeft(
  settings: RateSettings,
  own: SideCounts,
  other: SideCounts,
  left: number,
): number | undefined {
  let [more, found] = [0, 0]
  const pace = other.requests / Math.max(1, own.requests)
  while (found < left) {
    if (more > FORESEEN) return undefined
    const requests = Math.max(1, Math.ceil(Math.min(own.requests + more, left / settings.worstRate) / 50))
    const { usual, worst } = ratesBetween(
      settings,
      { before: own.requests + more, now: requests },
      { requests: other.requests + (more + requests) * pace, bad: other.bad },
    )
    more += requests
    found += logRateLikelihood({ requests, bad: 0 }, usual, worst)
  }
  return more
}
