import type { SideCounts } from "./interval.ts"

/** What one metric says. */
export interface MetricView {
  readonly name: string
  readonly candidate: SideCounts
  readonly baseline: SideCounts
  readonly rollbackEvidence: number
  readonly promoteEvidence: number
  /** True where it excludes the worst ratio, or proves the rate. */
  readonly proven: boolean
  /** True where it excludes the worst ratio by itself, whatever the rate. */
  readonly byRatio: boolean
  readonly worstRatio: number
  readonly worstRate?: number
  /** So many more requests without an error would prove the rate; undefined where that is not foreseen. */
  readonly cleanLeft?: number | undefined
  /** Intervals that were evidence, and that were none. */
  readonly judged: number
  readonly unjudged: number
  /** Why the last interval was none. */
  readonly missing?: string
}

/** The judgement in one sentence: what was seen, its bound, and what it would take. Pure. */
export function sentenceOf(
  decision: "rollback" | "promote" | "undecided",
  metrics: readonly MetricView[],
  { rollbackError, promoteError }: { readonly rollbackError: number; readonly promoteError: number },
): string {
  if (metrics.length === 0) return "nothing is counted"
  if (decision === "rollback") {
    const worst = metrics.reduce((a, b) => (b.rollbackEvidence > a.rollbackEvidence ? b : a))
    return `${seen(worst)}; a version no worse is rolled back in at most ${percent(rollbackError)} of releases`
  }
  if (decision === "promote")
    return `${metrics.map(seen).join(", ")}; a version ${times(metrics)} worse${rateOf(metrics)} passes in at most ${percent(promoteError)} of releases`
  const open = metrics.filter(({ proven }) => !proven)
  return `undecided: ${open.map((each) => `${seen(each)}${needs(each, promoteError)}`).join(", ")}`
}

function seen({ name, candidate, baseline }: MetricView): string {
  const bad = candidate.bad === 1 && name.endsWith("s") ? name.slice(0, -1) : name
  return `${whole(candidate.bad)} ${bad} in ${whole(candidate.requests)} requests against ${whole(baseline.bad)} in ${whole(baseline.requests)}`
}

function needs(view: MetricView, promoteError: number): string {
  const { missing, judged, promoteEvidence, cleanLeft } = view
  if (judged === 0) return missing === undefined ? "; no interval is judged yet" : `; ${missing}`
  const clean =
    cleanLeft === undefined || cleanLeft <= 0 ? "" : `, or ${whole(cleanLeft)} more requests without an error`
  const far = `evidence for it ${rounded(promoteEvidence)} of ${rounded(1 / promoteError)}${clean}`
  return `; ${missing === undefined ? "" : `${missing}; `}${far}`
}

function times(metrics: readonly MetricView[]): string {
  const ratios = [...new Set(metrics.map(({ worstRatio }) => worstRatio))]
  return `${Math.min(...ratios)} times`
}

/** Where a rate was proven and the ratio was not, only a version that is as bad as both is kept out. */
function rateOf(metrics: readonly MetricView[]): string {
  const rates = metrics.flatMap(({ byRatio, worstRate }) => (byRatio || worstRate === undefined ? [] : [worstRate]))
  return rates.length === 0 ? "" : `, with ${percent(Math.max(...rates))} bad requests or more,`
}

function whole(amount: number): string {
  return Math.round(amount).toLocaleString("en")
}

function rounded(amount: number): string {
  return amount >= 10 ? whole(amount) : String(Math.round(amount * 100) / 100)
}

function percent(part: number): string {
  return `${Math.round(part * 1e6) / 1e4} %`
}
