/** What the best of all tests reaches that looks only once, at a minute chosen beforehand, and knows how much worse a version may be. */
export interface Fixed {
  /** Errors of a version that is no worse, expected by then; both versions have the same number of requests. */
  readonly errors: number
  /** How many times worse the new one is. */
  readonly worse: number
  /** Chance that a version no worse is rolled back. */
  readonly error: number
}

/**
 * Chance that such a test rolls the worse version back. Of n errors those of the new version are binomial; the most powerful test
 * (Neyman and Pearson) rolls back from so many of them on, and tosses a coin at the edge to use its error up.
 */
export function bestFixedTest({ errors, worse, error }: Fixed): number {
  let chance = 0
  for (let n = 0; n < 20 * (errors + 1) * worse; n += 1)
    chance += poisson(n, errors * (1 + worse)) * power(n, worse, error)
  return chance
}

function power(n: number, worse: number, error: number): number {
  let [spent, caught] = [0, 0]
  for (let of = n; of >= 0; of -= 1) {
    const [same, real] = [binomial(of, n, 1 / 2), binomial(of, n, worse / (1 + worse))]
    if (spent + same > error) return caught + (real * (error - spent)) / same
    spent += same
    caught += real
  }
  return caught
}

function poisson(n: number, mean: number): number {
  return Math.exp(n * Math.log(mean) - mean - logFactorial(n))
}

function binomial(of: number, n: number, part: number): number {
  const ways = logFactorial(n) - logFactorial(of) - logFactorial(n - of)
  return Math.exp(ways + of * Math.log(part) + (n - of) * Math.log(1 - part))
}

const logFactorials = [0]

function logFactorial(n: number): number {
  for (let at = logFactorials.length; at <= n; at += 1)
    logFactorials.push((logFactorials[at - 1] as number) + Math.log(at))
  return logFactorials[n] as number
}
