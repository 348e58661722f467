/** Counts of bad requests by interval, as far as their spread is told from: sums alone, so that they are of constant size. */
export interface Spread {
  readonly intervals: number
  /** Sum of the requests, and of what was bad. */
  readonly requests: number
  readonly bad: number
  /** Sum over the intervals of the squared count divided by the requests. */
  readonly squares: number
}

export const NO_SPREAD: Spread = { intervals: 0, requests: 0, bad: 0, squares: 0 }

/** Below so many intervals or errors a spread is chance. */
const INTERVALS_MIN = 8
const BAD_MIN = 12

/** Adds one interval. */
export function spreadOver(spread: Spread, { requests, bad }: { requests: number; bad: number }): Spread {
  if (requests <= 0) return spread
  return {
    intervals: spread.intervals + 1,
    requests: spread.requests + requests,
    bad: spread.bad + bad,
    squares: spread.squares + (bad * bad) / requests,
  }
}

/**
 * How many bad requests come from one cause: by how much the counts spread wider than independent ones would. 1 where that cannot be told.
 * The version that all know is measured: what is wrong with the new one must not excuse it.
 */
export function clumpSize({ intervals, requests, bad, squares }: Spread): number {
  if (intervals < INTERVALS_MIN || bad < BAD_MIN) return 1
  const rate = bad / requests
  const spread = (squares - (bad * bad) / requests) / (intervals - 1) / rate
  return Math.max(1, spread)
}
