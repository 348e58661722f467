import type { Counters, Traffic } from "../connect/traffic.ts"
import { FettleError } from "../errors.ts"
import { named, type VersionInstances } from "./servers.ts"
import { slowerThan } from "./verdict/buckets.ts"

/** Counts since some start, which `epoch` tells from other starts; or why there are none. */
export type Counted =
  | { readonly requests: number; readonly bad: number; readonly epoch: string }
  | { readonly missing: string }

/** Both versions of a release. */
export interface Sides {
  readonly candidate: Counted
  readonly baseline: Counted
  /** Why there will never be any: asking again cannot change it. */
  readonly never?: string
  /** True where there is no news of both sides yet: the interval goes on. */
  readonly held?: boolean
}

/** Where the counts of one metric come from. */
export interface CountSource {
  read(signal: AbortSignal): Promise<Sides>
}

/**
 * What who sends the traffic counts: errors, or answers that took longer than `slowerThanMs`.
 * @param sides the new version and the one that it is compared with
 */
export function trafficCounts(
  traffic: Traffic,
  sides: { readonly candidate: VersionInstances; readonly baseline: VersionInstances },
  slowerThanMs?: number,
): CountSource {
  return {
    read: async (signal) => {
      const { epoch, byName } = await traffic.counters(signal)
      const of = ({ version, instances }: VersionInstances): Counted => {
        let requests = 0
        let bad = 0
        const known = instances.flatMap((instance) => byName.get(named(instance, version).name) ?? [])
        // A copy whose turn has not come yet has no counters. One that is lost takes its counts with it, which is told as such.
        if (known.length === 0) return { missing: `nothing is counted for ${version}` }
        for (const counters of known) {
          const slow = slowerThanMs === undefined ? undefined : slowerThan(counters.latencies ?? [], slowerThanMs)
          if (slowerThanMs !== undefined && slow === undefined) return { missing: noEdge(slowerThanMs, counters) }
          requests += slow?.requests ?? counters.requests
          bad += slow?.bad ?? counters.errors
        }
        return { requests, bad, epoch }
      }
      const [candidate, baseline] = [of(sides.candidate), of(sides.baseline)]
      const some = [...byName.values()][0]
      const isEdge = slowerThanMs === undefined || some === undefined || slowerThan(some.latencies ?? [], slowerThanMs)
      return { candidate, baseline, ...(isEdge ? {} : { never: noEdge(slowerThanMs, some) }) }
    },
  }
}

function noEdge(edgeMs: number, { latencies = [] }: Counters): string {
  const edges = latencies.map((each) => each.edgeMs).filter(Number.isFinite)
  return edges.length === 0
    ? "who sends the traffic counts no latencies"
    : `latencies are counted at ${edges.join(", ")} ms, not at ${edgeMs} ms`
}

/** What came between two readings of one side; why it tells nothing where it does not. Pure. */
export function between(
  before: Counted | undefined,
  now: Counted,
): { readonly requests: number; readonly bad: number } | { readonly missing: string } {
  if ("missing" in now) return now
  if (before === undefined || "missing" in before) return { missing: "the first reading" }
  if (before.epoch !== now.epoch) return { missing: "the counters began anew" }
  const requests = now.requests - before.requests
  const bad = now.bad - before.bad
  if (!(requests >= 0) || !(bad >= 0)) return { missing: "the counters went back" }
  return { requests, bad }
}

/** A reading, or why there is none: a source that fails says nothing of what it counts. */
export async function readOrMissing(source: CountSource, signal: AbortSignal): Promise<Sides> {
  try {
    return await source.read(signal)
  } catch (thrown) {
    if (signal.aborted) throw thrown
    const missing = thrown instanceof FettleError ? thrown.fact : String(thrown)
    return { candidate: { missing }, baseline: { missing } }
  }
}
