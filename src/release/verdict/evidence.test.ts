import { describe, expect, test } from "vitest"
import { logLikelihood, logMean, logRateLikelihood, type Pair, RATIOS } from "./evidence.ts"

const pair = (canary: number, base: number, x: number, y: number): Pair => ({
  candidate: { requests: canary, bad: x },
  baseline: { requests: base, bad: y },
})
const against = (each: Pair): number => Math.exp(logMean(RATIOS.map((ratio) => logLikelihood(each, ratio, 1))))
const forIt = (each: Pair, worst: number): number => Math.exp(logLikelihood(each, 1, worst))

describe("known answers", () => {
  // A fifth of the requests; x of n errors are the new version's.
  test.each([
    [3, 5, 4.306149],
    [4, 5, 23.023007],
    [5, 10, 5.196314],
    [6, 10, 21.435545],
    [8, 20, 4.005521],
    [10, 20, 33.354017],
    [2, 10, 0.415598],
    [0, 10, 0.139044],
  ])("%i of %i errors on a fifth of the requests: %f", (x, n, evidence) => {
    expect(against(pair(2_000, 8_000, x, n - x))).toBeCloseTo(evidence, 6)
  })

  test.each([
    [0.05, 3, 4],
    [0.1, 3, 4],
    [0.2, 4, 5],
    [0.5, 7, 10],
  ])(
    "where all errors are the new version's, with %f of the requests: %i until 20, %i until 100",
    (share, at20, at100) => {
      const until = (bound: number): number => {
        let errors = 0
        while (against(pair(share * 1e6, (1 - share) * 1e6, errors, 0)) < bound) errors += 1
        return errors
      }
      expect([until(20), until(100)]).toEqual([at20, at100])
    },
  )

  test("five errors of the old version and none of the new one exclude three times the errors, at 20", () => {
    expect(forIt(pair(500, 500, 0, 5), 3)).toBeCloseTo(32, 9)
    expect(forIt(pair(500, 500, 2, 5), 3)).toBeCloseTo(32 * (2 / 3) ** 2, 9)
  })

  test.each([
    [0.001, 0.05, 0.05, 60],
    [0.001, 0.05, 0.01, 92],
    [0.001, 0.01, 0.05, 332],
    [0.001, 0.2, 0.05, 14],
    [0.01, 0.05, 0.05, 73],
  ])("clean requests for %f against %f at %f: %i", (usual, worst, error, requests) => {
    const each = logRateLikelihood({ requests: 1, bad: 0 }, usual, worst)
    expect(Math.ceil(Math.log(1 / error) / each)).toBe(requests)
  })

  test("Wald's plan of the engineering handbook of NIST, 7.1 of lots: slopes and intercepts", () => {
    // p1 = 0.01, p2 = 0.10, alpha = 0.05, beta = 0.10: lines 1.205 + 0.0397 n and -0.939 + 0.0397 n.
    const perBad = Math.log(0.1 / 0.01) + Math.log((1 - 0.01) / (1 - 0.1))
    const perGood = -Math.log((1 - 0.1) / (1 - 0.01))
    expect(perBad).toBeCloseTo(2.397895, 6)
    expect(perGood / perBad).toBeCloseTo(0.039747, 6)
    expect(Math.log((1 - 0.1) / 0.05) / perBad).toBeCloseTo(1.205379, 6)
    expect(Math.log((1 - 0.05) / 0.1) / perBad).toBeCloseTo(0.938862, 6)
    expect(logRateLikelihood({ requests: 1, bad: 1 }, 0.1, 0.01)).toBeCloseTo(Math.log(10), 12)
    expect(logRateLikelihood({ requests: 1, bad: 0 }, 0.1, 0.01)).toBeCloseTo(-perGood, 12)
  })
})

/** Chances of x marked among n drawn without putting back, of `marked` among `all`. */
function hypergeometric(marked: number, all: number, n: number): readonly number[] {
  const choose = (from: number, of: number): number => {
    let product = 1
    for (let at = 0; at < of; at += 1) product = (product * (from - at)) / (at + 1)
    return product
  }
  return Array.from({ length: n + 1 }, (_, x) =>
    x > marked || n - x > all - marked ? 0 : (choose(marked, x) * choose(all - marked, n - x)) / choose(all, n),
  )
}

describe("what makes it evidence, by counting all cases", () => {
  test("its mean is at most 1 where a version is no worse, and grows with how much worse it is", () => {
    for (const share of [0.05, 0.2, 0.5])
      for (const ratio of RATIOS) {
        const mean = (rate: number): number => {
          const theta = (rate * share) / (rate * share + 1 - share)
          const step = (x: number, y: number): number => Math.exp(logLikelihood(pair(share, 1 - share, x, y), ratio, 1))
          return theta * step(1, 0) + (1 - theta) * step(0, 1)
        }
        expect(mean(1)).toBeCloseTo(1, 12)
        for (const rate of [0.2, 0.5, 0.9]) expect(mean(rate)).toBeLessThan(1)
        expect(mean(2)).toBeGreaterThan(1)
      }
  })

  test("with few requests, too: every split of up to 12 and 30 requests, every number of errors", () => {
    let largest = 0
    for (let canary = 1; canary <= 12; canary += 1)
      for (let base = 1; base <= 30; base += 1)
        for (let n = 1; n <= canary + base; n += 1) {
          const chances = hypergeometric(canary, canary + base, n)
          for (const ratio of RATIOS) {
            let mean = 0
            for (const [x, chance] of chances.entries())
              if (chance > 0) mean += chance * Math.exp(logLikelihood(pair(canary, base, x, n - x), ratio, 1))
            largest = Math.max(largest, mean)
          }
        }
    expect(largest).toBeLessThan(1 + 1e-12)
  })
})

test("an interval without errors, or with one side only, says nothing", () => {
  for (const each of [pair(10, 10, 0, 0), pair(0, 10, 0, 3), pair(10, 0, 3, 0)]) expect(against(each)).toBe(1)
})

test("a mean of logarithms neither overflows nor loses the small ones", () => {
  expect(logMean([1_000, 1_000])).toBe(1_000)
  expect(logMean([-1_000, -1_001])).toBeCloseTo(-1_000 + Math.log((1 + Math.exp(-1)) / 2), 9)
  expect(logMean([])).toBe(0)
})
