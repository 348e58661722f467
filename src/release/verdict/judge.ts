import { clumpSize, NO_SPREAD, type Spread, spreadOver } from "./clump.ts"
import { logLikelihood, logMean, logRateLikelihood, type Pair, RATIOS } from "./evidence.ts"
import { type IntervalCounts, type SideCounts, unusable } from "./interval.ts"
import { cleanLeft, type RateSettings, ratesBetween, worstProven } from "./rates.ts"
import { type MetricView, sentenceOf } from "./sentence.ts"

/** How one metric is judged. */
export interface MetricSettings {
  readonly name: string
  /** A version with so many times the errors of the one before it must not pass. */
  readonly worstRatio: number
  /** Worst acceptable share of bad requests: where it is given, requests without errors can prove a version by themselves. */
  readonly worstRate?: number | undefined
  /** Share of bad requests of a healthy version: below it nobody cares. Default: what the version before it shows. */
  readonly usualRate?: number | undefined
  /** How many bad requests come from one cause. Default 1; "measured": as the version before it shows. */
  readonly clump?: number | "measured" | undefined
  /** "skip": nothing of the first time counts; "tolerate": only what is far worse does. Default "tolerate". */
  readonly warmup?: "skip" | "tolerate" | undefined
}

export interface JudgeSettings {
  readonly metrics: readonly MetricSettings[]
  /** Chance that a version no worse than the one before it is ever rolled back, over all metrics, steps and looks together. */
  readonly rollbackError: number
  /** Chance that a version is ever promoted that is as bad as the worst ratio (and the worst rate) of a metric. */
  readonly promoteError: number
  /** From its first counts on, in milliseconds. */
  readonly warmupMs: number
}

/** What is known so far: plain data of constant size. */
export interface JudgeState {
  readonly firstMs: number | undefined
  readonly metrics: Readonly<Record<string, MetricState>>
}

interface MetricState {
  readonly candidate: SideCounts
  readonly baseline: SideCounts
  readonly probes: SideCounts
  /** Logarithms, one for each ratio: of the judged time, and of the time of warming up. */
  readonly worse: readonly number[]
  readonly cold: readonly number[]
  /** Logarithms of the evidence for the version: by the ratio, and by its rate alone. */
  readonly better: number
  readonly clean: number
  readonly spread: Spread
  readonly lastMs: number | undefined
  readonly judged: number
  readonly unjudged: number
  readonly missing: string | undefined
}

export interface Judgement {
  readonly decision: "rollback" | "promote" | "undecided"
  /** What was seen, its bound, and what it would take to decide. */
  readonly sentence: string
  readonly metrics: readonly MetricView[]
  /** The evidence of all metrics together against the version, and from where on it is rolled back. */
  readonly rollbackEvidence: number
  readonly rollbackAt: number
  readonly promoteAt: number
}

/** While it warms up, a version may be so many times worse. */
const COLD_RATIO = 10
/** Ratios above that. */
const COLD_RATIOS = [20, 50, 200] as const

const NOTHING: SideCounts = { requests: 0, bad: 0 }
const FRESH: MetricState = {
  candidate: NOTHING,
  baseline: NOTHING,
  probes: NOTHING,
  worse: RATIOS.map(() => 0),
  cold: COLD_RATIOS.map(() => 0),
  better: 0,
  clean: 0,
  spread: NO_SPREAD,
  lastMs: undefined,
  judged: 0,
  unjudged: 0,
  missing: undefined,
}

/**
 * Judges a version beside the one before it, at every look anew.
 *
 * The evidence against it is averaged over the metrics, which is evidence again, whatever they have to do with each other; the shares of
 * the traffic may change between intervals, since each is judged by its own. So all metrics, steps and looks share one bound. For a
 * promotion every metric must exclude its worst ratio, or prove its rate.
 */
export class Judge {
  readonly #settings: JudgeSettings
  #firstMs: number | undefined
  readonly #metrics: Map<string, MetricState>

  constructor(settings: JudgeSettings) {
    this.#settings = settings
    this.#metrics = new Map(settings.metrics.map(({ name }) => [name, FRESH]))
  }

  /** Goes on from what was saved. What has become another metric begins anew. */
  static from(settings: JudgeSettings, { firstMs, metrics }: JudgeState): Judge {
    const judge = new Judge(settings)
    judge.#firstMs = firstMs
    for (const { name } of settings.metrics) {
      const known = Object.hasOwn(metrics, name) ? metrics[name] : undefined
      if (known !== undefined && known.worse.length === RATIOS.length) judge.#metrics.set(name, { ...FRESH, ...known })
    }
    return judge
  }

  save(): JudgeState {
    return { firstMs: this.#firstMs, metrics: Object.fromEntries(this.#metrics) }
  }

  /** Takes in one interval of one metric. */
  observe(interval: IntervalCounts): void {
    const state = this.#metrics.get(interval.metric)
    const metric = this.#settings.metrics.find(({ name }) => name === interval.metric)
    if (state === undefined || metric === undefined) return
    const missing = unusable(interval, state.lastMs)
    const lookMs = interval.lookMs ?? interval.lengthMs
    if (missing !== undefined) {
      const isGap = lookMs > (state.lastMs ?? 0) // what follows it at the same pace is no gap any more
      const lastMs = isGap ? lookMs : state.lastMs
      this.#metrics.set(metric.name, { ...state, lastMs, missing, unjudged: state.unjudged + 1 })
      return
    }
    const lastMs = lookMs
    const startMs = interval.atMs - interval.lengthMs
    this.#firstMs ??= startMs
    const isCold = startMs - this.#firstMs < this.#settings.warmupMs
    this.#metrics.set(metric.name, { ...taken(state, metric, interval, isCold), lastMs, missing: undefined })
  }

  /** What is decided so far. */
  get decision(): Judgement["decision"] {
    const { metrics, rollbackError, promoteError } = this.#settings
    if (metrics.length === 0) return "undecided"
    if (this.#against() >= Math.log(1 / rollbackError)) return "rollback"
    const proof = Math.log(1 / promoteError)
    return metrics.every((metric) => proofOf(metric, this.#stateOf(metric)) >= proof) ? "promote" : "undecided"
  }

  judgement(): Judgement {
    const { metrics, rollbackError, promoteError } = this.#settings
    const { decision } = this
    const against = this.#against()
    const views = metrics.map((metric) => viewOf(metric, this.#stateOf(metric), promoteError))
    const rollbackAt = 1 / rollbackError
    return {
      decision,
      sentence: sentenceOf(decision, views, { rollbackError, promoteError }),
      metrics: views,
      rollbackEvidence: Math.exp(Math.min(against, 700)),
      rollbackAt,
      promoteAt: 1 / promoteError,
    }
  }

  #against(): number {
    return logMean(this.#settings.metrics.map((metric) => againstOf(this.#stateOf(metric))))
  }

  #stateOf({ name }: MetricSettings): MetricState {
    return this.#metrics.get(name) ?? FRESH
  }
}

/** Evidence for a version. Each proof alone would spend the whole error: their mean is evidence, too. */
function proofOf({ worstRate }: MetricSettings, state: MetricState): number {
  const { better, clean } = state
  if (worstRate === undefined) return better
  return logMean([better, againstOf(state) > DOUBT ? NONE : clean])
}

/** Where it looks worse than the other so much, no rate of its own proves it. */
const DOUBT = Math.log(2)
/** As good as no evidence. */
const NONE = -100

/** Evidence against a version: of the time of warming up, where it was far worse than that excuses, and of the time after it. */
function againstOf({ worse, cold }: MetricState): number {
  return logMean(cold) + logMean(worse)
}

function taken(state: MetricState, metric: MetricSettings, interval: IntervalCounts, isCold: boolean): MetricState {
  const { candidate = NOTHING, baseline = NOTHING, probes } = interval
  const pairs: Pair[] = [{ candidate, baseline }]
  if (probes?.baseline !== undefined) pairs.push({ candidate: probes.candidate, baseline: probes.baseline })
  const known = [baseline, ...(probes?.baseline === undefined ? [] : [probes.baseline])].reduce(plus, NOTHING)
  const own = [candidate, ...(probes === undefined ? [] : [probes.candidate])].reduce(plus, NOTHING)
  const spread = spreadOver(state.spread, known)
  const totals = {
    ...state,
    spread,
    candidate: plus(state.candidate, candidate),
    baseline: plus(state.baseline, known),
    probes: plus(state.probes, probes?.candidate ?? NOTHING),
  }
  if (isCold && metric.warmup === "skip") return { ...totals, unjudged: state.unjudged + 1 }
  const clump = metric.clump === "measured" ? clumpSize(spread) : (metric.clump ?? 1)
  const sum = (ratio: number, than: number): number =>
    pairs.reduce((all, pair) => all + logLikelihood(pair, ratio, than), 0) / clump
  const judged = { ...totals, judged: state.judged + 1 }
  if (isCold) return { ...judged, cold: state.cold.map((log, at) => log + sum(COLD_RATIOS[at] as number, COLD_RATIO)) }
  return {
    ...judged,
    worse: state.worse.map((log, at) => log + sum(RATIOS[at] as number, 1)),
    better: state.better + sum(1, metric.worstRatio),
    clean: state.clean + cleanOf(metric, own, totals) / clump,
  }
}

/** Evidence that the rate is below the worst, from the version's own requests alone. */
function cleanOf(metric: MetricSettings, own: SideCounts, sofar: MetricState): number {
  const rate = rateOf(metric)
  if (rate === undefined) return 0
  const before = sofar.candidate.requests + sofar.probes.requests - own.requests
  const { usual, worst } = ratesBetween(rate, { before, now: own.requests }, sofar.baseline)
  return logRateLikelihood(own, usual, worst)
}

function rateOf({ worstRate, usualRate }: MetricSettings): RateSettings | undefined {
  return worstRate === undefined ? undefined : { worstRate, usualRate }
}

function plus(a: SideCounts, b: SideCounts): SideCounts {
  return { requests: a.requests + b.requests, bad: a.bad + b.bad }
}

function viewOf(metric: MetricSettings, state: MetricState, promoteError: number): MetricView {
  const { candidate, baseline, probes } = state
  const own = plus(candidate, probes)
  const promote = proofOf(metric, state)
  const rate = rateOf(metric)
  const proof = Math.log(1 / promoteError)
  return {
    name: metric.name,
    candidate: own,
    baseline,
    rollbackEvidence: Math.exp(Math.min(againstOf(state), 700)),
    promoteEvidence: Math.exp(Math.min(promote, 700)),
    proven: promote >= proof,
    byRatio: state.better >= proof,
    worstRatio: metric.worstRatio,
    ...(rate === undefined
      ? {}
      : { worstRate: worstProven(rate), cleanLeft: cleanLeft(rate, own, baseline, proof + Math.log(2) - state.clean) }),
    judged: state.judged,
    unjudged: state.unjudged,
    ...(state.missing === undefined ? {} : { missing: state.missing }),
  }
}
