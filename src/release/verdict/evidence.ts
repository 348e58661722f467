/**
 * Evidence that may be looked at any time.
 *
 * Errors of two versions that stand side by side are shared out between them as their requests are, where both are alike: of n errors
 * those of the new version are binomial with the part of the requests that it got. Each product below is a supermartingale that begins
 * at 1 where its null holds, so that it ever reaches 1/a has a chance of at most a, however often one looks and whenever one stops
 * (Ville). After Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022), with a grid of rate ratios in
 * place of their prior. All in logarithms.
 */

/** Ratios of error rates that the evidence against a version is averaged over: it need not be known how much worse one is. */
export const RATIOS = [1.5, 2, 4, 10] as const

/** What one interval has brought for both sides. */
export interface Pair {
  readonly candidate: { readonly requests: number; readonly bad: number }
  readonly baseline: { readonly requests: number; readonly bad: number }
}

/** Part of the errors that the new version has where its rate is `ratio` times the other's. */
function part(pair: Pair, ratio: number): number {
  const { candidate, baseline } = pair
  return (ratio * candidate.requests) / (ratio * candidate.requests + baseline.requests)
}

/** Whether an interval says anything of a ratio: both had requests, and somebody an error. */
export function tells({ candidate, baseline }: Pair): boolean {
  return candidate.requests > 0 && baseline.requests > 0 && candidate.bad + baseline.bad > 0
}

/** Logarithm of how much likelier these errors are with one ratio of the rates than with another. */
export function logLikelihood(pair: Pair, ratio: number, thanRatio: number): number {
  if (!tells(pair)) return 0
  const [one, other] = [part(pair, ratio), part(pair, thanRatio)]
  return pair.candidate.bad * Math.log(one / other) + pair.baseline.bad * Math.log((1 - one) / (1 - other))
}

/** Logarithm of the mean of numbers that are given by their logarithms. */
export function logMean(logs: readonly number[]): number {
  if (logs.length === 0) return 0
  const largest = Math.max(...logs)
  let sum = 0
  for (const each of logs) sum += Math.exp(each - largest)
  return largest + Math.log(sum / logs.length)
}

/** Logarithm of how much likelier so many bad requests are with one rate than with another. */
export function logRateLikelihood(
  { requests, bad }: { readonly requests: number; readonly bad: number },
  rate: number,
  thanRate: number,
): number {
  return bad * Math.log(rate / thanRate) + (requests - bad) * Math.log((1 - rate) / (1 - thanRate))
}
