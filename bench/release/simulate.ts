import { countDistinct } from "../../src/release/verdict/distinct.ts"
import { Judge, type JudgeSettings, type MetricSettings } from "../../src/release/verdict/judge.ts"
import { argo, flagger, kayentaFails, type Minute } from "./peers.ts"
import { binomial, poisson, randomFrom } from "./random.ts"

/** One kind of release under one traffic. */
export interface Cell {
  readonly name: string
  /** Requests a minute, of both versions together. */
  readonly perMinute: number
  /** Parts of the traffic that the new version gets, each for the same time. */
  readonly shares: readonly number[]
  /** Share of bad requests of the old version. */
  readonly rate: number
  /** How many times worse the new one is. */
  readonly worse: number
  /** Requests of our own to each version, a minute. */
  readonly probes: number
  /** Both are so many times worse from minute 10 to 20. */
  readonly incident?: number
  /** The new one is so many times worse in its first two minutes. */
  readonly cold?: number
  /** What it is compared with has started with it. */
  readonly fresh?: boolean
  /** Bad requests come in groups of so many, from one client. */
  readonly clump?: number
  /** How those are counted. */
  readonly counting?: "all" | "distinct" | "declared" | "measured"
  readonly metrics?: number
  /** The declared worst rate, as a multiple of the old version's rate; then nothing is said of the usual one. Default: 5, and it is. */
  readonly worst?: number
  /** Default: 0.01, as that of `release(…)`. */
  readonly rollbackError?: number
}

export interface Tally {
  readonly cell: Cell
  readonly runs: number
  readonly rolledBack: number
  readonly promoted: number
  /** Median minute of a decision to roll back, and of one to promote. */
  readonly backMinute: number | undefined
  readonly promotedMinute: number | undefined
  readonly argo: number
  readonly flagger: number
  readonly kayenta: number
  readonly kayentaRuns: number
}

const MINUTES = 30
const MINUTE_MS = 60_000
/** Kayenta's judge takes a thousand times as long as a count: it gets fewer releases. */
const KAYENTA_PART = 10

/** Simulates releases of one cell. */
export function simulate(cell: Cell, runs: number, seed: number): Tally {
  const random = randomFrom(seed)
  const tally = { rolledBack: 0, promoted: 0, argo: 0, flagger: 0, kayenta: 0, kayentaRuns: 0 }
  const back: number[] = []
  const forth: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const minutes = minutesOf(cell, random)
    const ended = judged(cell, minutes)
    if (ended.decision === "rollback") {
      tally.rolledBack += 1
      back.push(ended.minute)
    }
    if (ended.decision === "promote") {
      tally.promoted += 1
      forth.push(ended.minute)
    }
    const seen = minutes.map(([first]) => plain(first as Counted))
    if (argo(seen) !== undefined) tally.argo += 1
    if (flagger(seen) !== undefined) tally.flagger += 1
    if (run % KAYENTA_PART === 0) {
      tally.kayentaRuns += 1
      if (kayentaFails(seen)) tally.kayenta += 1
    }
  }
  return { cell, runs, ...tally, backMinute: median(back), promotedMinute: median(forth) }
}

interface Side {
  readonly requests: number
  readonly bad: number
}

interface Counted {
  readonly candidate: Side
  readonly baseline: Side
  readonly probes?: { readonly candidate: Side; readonly baseline: Side }
  /** Bad requests before they were counted by client. */
  readonly raw: Minute
}

function plain({ raw }: Counted): Minute {
  return raw
}

/** What is counted of each metric in each minute. */
function minutesOf(cell: Cell, random: () => number): readonly (readonly Counted[])[] {
  return Array.from({ length: MINUTES }, (_, at) =>
    Array.from({ length: cell.metrics ?? 1 }, () => minuteOf(cell, at, random)),
  )
}

function minuteOf(cell: Cell, at: number, random: () => number): Counted {
  const share = cell.shares[Math.floor((at * cell.shares.length) / MINUTES)] as number
  const incident = cell.incident !== undefined && at >= 10 && at < 20 ? cell.incident : 1
  const cold = cell.cold !== undefined && at < 2 ? cell.cold : 1
  const rate = Math.min(0.9, cell.rate * incident)
  const own = Math.min(0.9, rate * cell.worse * cold)
  const candidate = sideOf(poisson(cell.perMinute * share, random), own, cell, random)
  const other = cell.fresh === true ? Math.min(0.9, rate * cold) : rate
  const baseline = sideOf(poisson(cell.perMinute * (1 - share), random), other, cell, random)
  const raw = { candidate: candidate.raw, baseline: baseline.raw }
  if (cell.probes === 0) return { candidate: candidate.counted, baseline: baseline.counted, raw }
  const probes = {
    candidate: { requests: cell.probes, bad: binomial(cell.probes, own, random) },
    baseline: { requests: cell.probes, bad: binomial(cell.probes, other, random) },
  }
  return { candidate: candidate.counted, baseline: baseline.counted, probes, raw }
}

function sideOf(
  requests: number,
  rate: number,
  { clump = 1, counting = "all" }: Cell,
  random: () => number,
): { readonly counted: Side; readonly raw: Side } {
  if (clump === 1) {
    const side = { requests, bad: binomial(requests, rate, random) }
    return { counted: side, raw: side }
  }
  const causes = poisson((requests * rate) / clump, random)
  const raw = { requests, bad: Math.min(requests, causes * clump) }
  if (counting !== "distinct") return { counted: raw, raw }
  const events = Array.from({ length: raw.bad }, (_, at) => ({ atMs: 0, client: String(Math.floor(at / clump)) }))
  return { counted: { requests, bad: countDistinct(events) }, raw }
}

function judged(
  cell: Cell,
  minutes: readonly (readonly Counted[])[],
): { readonly decision: "rollback" | "promote" | "undecided"; readonly minute: number } {
  const judge = new Judge(settingsOf(cell))
  for (const [at, metrics] of minutes.entries()) {
    for (const [index, { candidate, baseline, probes }] of metrics.entries())
      judge.observe({
        metric: `m${index}`,
        candidate,
        baseline,
        ...(probes === undefined ? {} : { probes }),
        atMs: (at + 1) * MINUTE_MS,
        lengthMs: MINUTE_MS,
      })
    const { decision } = judge
    if (decision !== "undecided") return { decision, minute: at + 1 }
  }
  return { decision: "undecided", minute: MINUTES }
}

/** The defaults, with the worst rate at five times the usual one. */
function settingsOf({ rate, clump, counting = "all", metrics = 1, rollbackError = 0.01, worst }: Cell): JudgeSettings {
  const known =
    counting === "declared" ? { clump: clump ?? 1 } : counting === "measured" ? { clump: "measured" as const } : {}
  // Where clients are counted in place of requests, rates are those of clients.
  const usualRate = counting === "distinct" ? rate / (clump ?? 1) : rate
  const metric = (name: string): MetricSettings => ({
    name,
    worstRatio: 3,
    worstRate: usualRate * (worst ?? 5),
    ...(worst === undefined ? { usualRate } : {}),
    ...known,
  })
  return {
    metrics: Array.from({ length: metrics }, (_, at) => metric(`m${at}`)),
    rollbackError,
    promoteError: PROMOTE_ERROR,
    warmupMs: 2 * MINUTE_MS,
  }
}

/** The default of `release(…)`. */
export const PROMOTE_ERROR = 0.01

function median(all: number[]): number | undefined {
  return all.sort((a, b) => a - b)[Math.floor(all.length / 2)]
}
