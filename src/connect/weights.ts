/** So near must the parts be: each within a twentieth of a percent of all traffic. */
const ERROR_MAX = 0.0005

/**
 * Shares of all traffic as whole weights: the smallest that keep the parts. Small ones, because who takes turns by weight gives a new
 * server its first turn up to a whole round later. What is to get any gets at least 1.
 * @example weightsOf([0.05, 0.95], 256) // [1, 19]
 */
export function weightsOf(shares: readonly number[], max: number): readonly number[] {
  const largest = Math.max(0, ...shares)
  if (largest === 0) return shares.map(() => 0)
  let best: { readonly weights: readonly number[]; readonly error: number } | undefined
  for (let top = 1; top <= max; top += 1) {
    const weights = shares.map((share) => (share === 0 ? 0 : Math.max(1, Math.round((share / largest) * top))))
    const error = errorOf(weights, shares)
    if (error <= ERROR_MAX) return weights
    if (best === undefined || error < best.error) best = { weights, error }
  }
  return best?.weights ?? []
}

function errorOf(weights: readonly number[], shares: readonly number[]): number {
  const [sum, all] = [weights, shares].map((each) => each.reduce((a, b) => a + b, 0)) as [number, number]
  return shares.reduce((worst, share, at) => Math.max(worst, Math.abs((weights[at] as number) / sum - share / all)), 0)
}
