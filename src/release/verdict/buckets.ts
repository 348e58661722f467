import type { SideCounts } from "./interval.ts"

/** A cumulative histogram: how many took at most so long; the last edge is infinite. */
export interface Bucket {
  readonly edgeMs: number
  readonly atMost: number
}

/**
 * Counts what took longer than an edge, exactly: between two edges nobody knows.
 * @returns undefined where the edge is none of the histogram's
 * @example slowerThan([{ edgeMs: 100, atMost: 90 }, { edgeMs: Infinity, atMost: 100 }], 100) // { requests: 100, bad: 10 }
 */
export function slowerThan(buckets: readonly Bucket[], edgeMs: number): SideCounts | undefined {
  const all = buckets.find((each) => each.edgeMs === Number.POSITIVE_INFINITY)
  const edge = buckets.find((each) => each.edgeMs === edgeMs)
  if (all === undefined || edge === undefined || edge.atMost > all.atMost) return undefined
  return { requests: all.atMost, bad: all.atMost - edge.atMost }
}
