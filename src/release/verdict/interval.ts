/** One side in one interval. */
export interface SideCounts {
  readonly requests: number
  /** At most `requests`. */
  readonly bad: number
}

/** What was counted of one metric in one interval. */
export interface IntervalCounts {
  readonly metric: string
  readonly candidate?: SideCounts
  readonly baseline?: SideCounts
  /** Requests that we make ourselves, to both versions. */
  readonly probes?: { readonly candidate: SideCounts; readonly baseline?: SideCounts }
  /** Why there are no counts. */
  readonly missing?: string
  /** End of the interval. */
  readonly atMs: number
  readonly lengthMs: number
  /** Time since who counts was looked at last, where that was in the middle of the interval. Default: the whole interval. */
  readonly lookMs?: number
  readonly step?: number
  /** The same reading as before, by its own time: it says nothing new. */
  readonly stale?: boolean
}

/** Where an interval is so much longer than the one before it, the clock or who counts has stood still. */
const GAP = 20

/**
 * Why an interval is no evidence; undefined where it is. No data is never evidence, neither for a version nor against it.
 * @param lastMs time between two looks before it
 */
export function unusable(interval: IntervalCounts, lastMs: number | undefined): string | undefined {
  const { candidate, baseline, probes, missing, lengthMs, stale } = interval
  const lookMs = interval.lookMs ?? lengthMs
  const hasProbes = probes !== undefined && probes.candidate.requests > 0
  if (missing !== undefined && !hasProbes) return missing
  if (stale === true) return "the source gave the same reading twice"
  if (!(lengthMs > 0)) return "the clock went back"
  if (lastMs !== undefined && lookMs > GAP * lastMs) return "there is a gap between two readings"
  for (const side of [candidate, baseline, probes?.candidate, probes?.baseline])
    if (side !== undefined && !isCount(side)) return "the source gave what is no count"
  if (hasProbes) return undefined
  if (candidate === undefined && baseline === undefined) return "the source gave nothing"
  if (candidate === undefined) return "the source gave nothing of the new version"
  if (baseline === undefined) return "the source gave nothing of the version before it"
  if (candidate.requests === 0 && baseline.requests === 0) return "there was no traffic"
  if (candidate.requests === 0) return "the new version got no traffic"
  return baseline.requests === 0 ? "the version before it got no traffic" : undefined
}

function isCount({ requests, bad }: SideCounts): boolean {
  return Number.isFinite(requests) && Number.isFinite(bad) && requests >= 0 && bad >= 0 && bad <= requests
}
