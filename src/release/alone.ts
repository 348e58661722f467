import { between, type Counted, type CountSource, readOrMissing } from "./counting.ts"
import type { Judged } from "./roll-out-parts.ts"
import { logMean, logRateLikelihood } from "./verdict/evidence.ts"

/** A rate that is no worse than this is never held against a version that stands alone. */
const LEAST_RATE = 0.01
/** What is held to be usual where the version before it has had too few requests to tell. */
const UNKNOWN_RATE = 0.05
const KNOWN_FROM = 100
/** So many times the bad requests of the version before it are let pass: they were counted at another time. */
const LEEWAY = 2
const RATIOS = [2, 4, 10] as const

interface Seen {
  readonly first: Counted
  /** Largest share of bad requests that is not held against it. */
  readonly rate: number
}

/**
 * Judges a version that has all traffic at once, with nothing beside it: against what the version before it had until then. That tells
 * what is broken, and no more: times differ, so it never proves a version.
 */
export class AloneJudging {
  readonly #sources: ReadonlyMap<string, CountSource>
  readonly #rollbackError: number
  readonly #seen = new Map<string, Seen>()

  constructor(sources: ReadonlyMap<string, CountSource>, rollbackError: number) {
    this.#sources = sources
    this.#rollbackError = rollbackError
  }

  async look(signal: AbortSignal): Promise<Judged> {
    let sentence = "nothing is counted"
    for (const [name, source] of this.#sources) {
      const { candidate, baseline } = await readOrMissing(source, signal)
      const { first, rate } = this.#seen.get(name) ?? this.#begin(name, candidate, baseline)
      const own = between(first, candidate)
      if ("missing" in own) continue
      sentence = `${own.bad} ${name} in ${own.requests} requests`
      const logs = RATIOS.map((ratio) => logRateLikelihood(own, Math.min(0.9, rate * ratio), Math.min(0.8, rate)))
      if (logMean(logs) < Math.log(this.#sources.size / this.#rollbackError)) continue
      const usual = `${Math.round(rate * 1e4) / 100} %`
      const bound = `a version with at most ${usual} is rolled back in at most ${100 * this.#rollbackError} % of releases`
      return { decision: "rollback", sentence: `${sentence}; ${bound}` }
    }
    return { decision: "undecided", sentence: `not compared, for nothing had traffic beside it: ${sentence}` }
  }

  #begin(name: string, first: Counted, baseline: Counted): Seen {
    const isKnown = !("missing" in baseline) && baseline.requests >= KNOWN_FROM
    const rate = isKnown ? Math.max(LEAST_RATE, (LEEWAY * baseline.bad) / baseline.requests) : UNKNOWN_RATE
    const seen = { first, rate }
    if (!("missing" in first)) this.#seen.set(name, seen)
    return seen
  }
}
