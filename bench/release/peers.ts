/** One minute of a release, as the rules of others see it. */
export interface Minute {
  readonly candidate: { readonly requests: number; readonly bad: number }
  readonly baseline: { readonly requests: number; readonly bad: number }
}

/** At which minute a rule rolls back, from 1; undefined: never. */
export type Rule = (minutes: readonly Minute[]) => number | undefined

/** The rule of Argo Rollouts' documentation: success at least 95 %, `failureLimit: 3`, which fails at the fourth; no number fails, too. */
export const argo: Rule = (minutes) => failing(minutes, 0.95, 4)

/** The rule of Flagger's documentation: success at least 99 %, threshold 5; no value counts as a failed check. */
export const flagger: Rule = (minutes) => failing(minutes, 0.99, 5)

function failing(minutes: readonly Minute[], successMin: number, failuresMax: number): number | undefined {
  let failures = 0
  for (const [at, { candidate }] of minutes.entries()) {
    const isGood = candidate.requests > 0 && 1 - candidate.bad / candidate.requests >= successMin
    if (!isGood) failures += 1
    if (failures >= failuresMax) return at + 1
  }
  return undefined
}

/** Kayenta's judge, asked once at the end: error rates by minute of both versions. True: it fails the canary. */
export function kayentaFails(minutes: readonly Minute[]): boolean {
  const rates = (side: "candidate" | "baseline"): number[] =>
    minutes.flatMap((each) => (each[side].requests > 0 ? [each[side].bad / each[side].requests] : []))
  const [experiment, control] = [rates("candidate"), rates("baseline")]
  if (experiment.length === 0 || control.length === 0) return false
  if (isEqual(experiment, control)) return false
  const { low, estimate } = mannWhitney(experiment, control, 0.98)
  const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length
  const effect =
    mean(control) === 0 ? (mean(experiment) === 0 ? 1 : Number.POSITIVE_INFINITY) : mean(experiment) / mean(control)
  return low > 0.25 * Math.abs(estimate) && effect >= 1
}

function isEqual(a: number[], b: number[]): boolean {
  const [x, y] = [a.toSorted((p, q) => p - q), b.toSorted((p, q) => p - q)]
  if (new Set([...x, ...y]).size === 1) return true
  return x.length === y.length && x.every((each, at) => each === y[at])
}

/** Its test of a shift between two samples: the interval and the estimate of R's `wilcox.test`, with its root finder. */
export function mannWhitney(
  x: readonly number[],
  y: readonly number[],
  level: number,
): { readonly low: number; readonly high: number; readonly estimate: number } {
  const alpha = 1 - level
  const z = quantile(1 - alpha / 2)
  const [least, most] = [Math.min(...x) - Math.max(...y), Math.max(...x) - Math.min(...y)]
  const root = (target: number): number => {
    const difference = (mu: number): number => standardized(x, y, mu, target !== 0) - target
    const [a, b] = [difference(least), difference(most)]
    if (target !== 0 && a <= 0) return least
    if (target !== 0 && b >= 0) return most
    return brent(difference, least, most, 1e-4, a, b)
  }
  return { low: root(z), high: root(-z), estimate: root(0) }
}

function standardized(x: readonly number[], y: readonly number[], mu: number, isCorrected: boolean): number {
  const [n, m] = [x.length, y.length]
  const all = [...x.map((each) => each - mu), ...y]
  const order = all.map((_, at) => at).sort((a, b) => (all[a] as number) - (all[b] as number))
  let rankSum = 0
  let ties = 0
  for (let at = 0; at < order.length; ) {
    let end = at
    while (end < order.length && all[order[end] as number] === all[order[at] as number]) end += 1
    const rank = (at + 1 + end) / 2
    for (let each = at; each < end; each += 1) if ((order[each] as number) < n) rankSum += rank
    ties += (end - at) ** 3 - (end - at)
    at = end
  }
  const dz = rankSum - (n * (n + 1)) / 2 - (n * m) / 2
  const correction = isCorrected ? Math.sign(dz) * 0.5 : 0
  const sigma = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
  return sigma === 0 ? 0 : (dz - correction) / sigma
}

/** Brent's root finder as R's `zeroin` has it. */
function brent(f: (at: number) => number, ax: number, bx: number, tolerance: number, fa0: number, fb0: number): number {
  let [a, b, c, fa, fb, fc] = [ax, bx, ax, fa0, fb0, fa0]
  if (fa === 0) return a
  if (fb === 0) return b
  for (let turns = 0; turns <= 1_000; turns += 1) {
    const previous = b - a
    if (Math.abs(fc) < Math.abs(fb)) [a, b, c, fa, fb, fc] = [b, c, b, fb, fc, fb]
    const near = 2 * Number.EPSILON * Math.abs(b) + tolerance / 2
    let step = (c - b) / 2
    if (Math.abs(step) <= near || fb === 0) return b
    if (Math.abs(previous) >= near && Math.abs(fa) > Math.abs(fb)) {
      const cb = c - b
      let p: number
      let q: number
      if (a === c) {
        const t1 = fb / fa
        p = cb * t1
        q = 1 - t1
      } else {
        const [u, t1, t2] = [fa / fc, fb / fc, fb / fa]
        p = t2 * (cb * u * (u - t1) - (b - a) * (t1 - 1))
        q = (u - 1) * (t1 - 1) * (t2 - 1)
      }
      if (p > 0) q = -q
      else p = -p
      if (p < 0.75 * cb * q - Math.abs(near * q) / 2 && p < Math.abs((previous * q) / 2)) step = p / q
    }
    if (Math.abs(step) < near) step = step > 0 ? near : -near
    a = b
    fa = fb
    b += step
    fb = f(b)
    if ((fb > 0 && fc > 0) || (fb < 0 && fc < 0)) {
      c = a
      fc = fa
    }
  }
  return b
}

/** The normal quantile, by Newton on the error function's series: exact to 1e-12 for the levels used here. */
function quantile(p: number): number {
  let z = 2
  for (let turn = 0; turn < 60; turn += 1) {
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
    z -= (cumulative(z) - p) / density
  }
  return z
}

function cumulative(z: number): number {
  let term = z
  let sum = z
  for (let at = 1; at < 200; at += 1) {
    term *= (z * z) / (2 * at + 1)
    sum += term
  }
  return 0.5 + sum * (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI))
}
