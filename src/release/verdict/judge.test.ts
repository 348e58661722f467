import { describe, expect, test } from "vitest"
import { slowerThan } from "./buckets.ts"
import { clumpSize, NO_SPREAD, spreadOver } from "./clump.ts"
import { countDistinct } from "./distinct.ts"
import type { IntervalCounts } from "./interval.ts"
import { Judge, type JudgeSettings, type MetricSettings } from "./judge.ts"

const MINUTE = 60_000
const settings = (more: Partial<JudgeSettings> = {}, metric: Partial<MetricSettings> = {}): JudgeSettings => ({
  metrics: [{ name: "errors", worstRatio: 3, ...metric }],
  rollbackError: 0.01,
  promoteError: 0.05,
  warmupMs: 0,
  ...more,
})
const counts = (at: number, candidate: [number, number], baseline: [number, number]): IntervalCounts => ({
  metric: "errors",
  candidate: { requests: candidate[0], bad: candidate[1] },
  baseline: { requests: baseline[0], bad: baseline[1] },
  atMs: at * MINUTE,
  lengthMs: MINUTE,
})
const observed = (intervals: readonly IntervalCounts[], given = settings()): Judge => {
  const judge = new Judge(given)
  for (const each of intervals) judge.observe(each)
  return judge
}

describe("decisions", () => {
  test("as many errors of as many requests: undecided, and what it would take", () => {
    const { decision, sentence } = observed([counts(1, [300, 3], [300, 3])]).judgement()
    expect(decision).toBe("undecided")
    expect(sentence).toMatch(/^undecided: 3 errors in 300 requests against 3 in 300; evidence for it [\d.]+ of 20$/)
  })

  test("far more errors: rolled back, with what was seen and how often that is wrong", () => {
    const { decision, sentence, rollbackEvidence } = observed([counts(1, [311, 19], [1240, 3])]).judgement()
    expect(decision).toBe("rollback")
    expect(rollbackEvidence).toBeGreaterThan(100)
    expect(sentence).toBe(
      "19 errors in 311 requests against 3 in 1,240; a version no worse is rolled back in at most 1 % of releases",
    )
  })

  test("none where the old one has some: promoted", () => {
    const { decision, sentence } = observed([counts(1, [500, 0], [500, 5])]).judgement()
    expect(decision).toBe("promote")
    expect(sentence).toBe(
      "0 errors in 500 requests against 5 in 500; a version 3 times worse passes in at most 5 % of releases",
    )
  })

  test("clean requests alone prove nothing unless a worst rate is declared", () => {
    const clean = [counts(1, [5_000, 0], [5_000, 0])]
    expect(observed(clean).judgement().decision).toBe("undecided")
    const declared = settings({}, { worstRate: 0.01, usualRate: 0.002 })
    expect(observed(clean, declared).judgement().decision).toBe("promote")
    const few = observed([counts(1, [60, 0], [60, 0])], declared).judgement()
    expect(few.decision).toBe("undecided")
    expect(few.sentence).toMatch(/or \d+ more requests without an error$/)
  })

  test("a version worse than the old one is never promoted by its own rate, however low that is", () => {
    // 20 times worse, and far below the declared worst rate.
    const given = settings({ rollbackError: 1e-60 }, { worstRate: 0.1 })
    expect(observed([counts(1, [2_000, 40], [10_000, 10])], given).judgement().decision).toBe("undecided")
  })

  test("a declared worst rate counts up to five times the usual one, which is guessed where it is not declared", () => {
    // 20 times what the version before it has: 300 requests without an error would prove that, and let pass what is 5 times worse.
    const minutes = (amount: number, bad: (at: number) => number) =>
      Array.from({ length: amount }, (_, at) => counts(at + 1, [100, 0], [100, bad(at)]))
    const declared = settings({}, { worstRate: 0.02, usualRate: 0.001 })
    expect(
      observed(
        minutes(5, () => 0),
        declared,
      ).judgement().decision,
    ).toBe("undecided")
    expect(
      observed(
        minutes(15, () => 0),
        declared,
      ).judgement().sentence,
    ).toMatch(/with 0\.5 % bad requests or more/)
    const guessed = settings({ promoteError: 0.01 }, { worstRate: 0.02 })
    const open = observed(
      minutes(5, () => 0),
      guessed,
    ).judgement()
    expect(open.decision).toBe("undecided")
    const left = Number(/or ([\d,]+) more requests without an error/.exec(open.sentence)?.[1]?.replace(",", ""))
    expect(500 + left).toBeGreaterThan(2_600) // docs/releases.md: some 2,900 requests where neither had an error
    expect(500 + left).toBeLessThan(3_200)
    const more = observed(
      minutes(5 + Math.ceil((1.1 * left) / 100), () => 0),
      guessed,
    ).judgement()
    expect(more.decision).toBe("promote")
    expect(more.sentence).toMatch(/with 2 % bad requests or more/)
    expect(
      observed(
        minutes(4 + Math.floor(left / 100), () => 0),
        guessed,
      ).judgement().decision,
    ).toBe("undecided")
    // Errors of the version before it say what is usual: it need not be as clean as can be told.
    const usual = minutes(10, () => 4)
    expect(
      observed(usual, settings({ promoteError: 0.01 }, { worstRate: 0.5, worstRatio: 1e9 })).judgement().decision,
    ).toBe("promote")
  })

  test("all metrics must prove good, and one is enough to go back", () => {
    const given = settings({ metrics: ["errors", "slow"].map((name) => ({ name, worstRatio: 3 })) })
    const judge = observed([counts(1, [500, 0], [500, 5])], given)
    expect(judge.judgement().decision).toBe("undecided")
    judge.observe({ ...counts(1, [500, 0], [500, 5]), metric: "slow" })
    expect(judge.judgement().decision).toBe("promote")
    judge.observe({ ...counts(2, [500, 60], [500, 5]), metric: "slow" })
    expect(judge.judgement().decision).toBe("rollback")
  })

  test("probes of both versions count like requests", () => {
    const judge = new Judge(settings())
    const probes = { candidate: { requests: 60, bad: 20 }, baseline: { requests: 60, bad: 0 } }
    judge.observe({ metric: "errors", probes, atMs: MINUTE, lengthMs: MINUTE })
    expect(judge.judgement().decision).toBe("rollback")
  })
})

describe("no data is never evidence", () => {
  const empty = { requests: 0, bad: 0 }
  const some = { requests: 100, bad: 1 }
  test.each<[string, Partial<IntervalCounts>, RegExp, number?]>([
    ["no traffic", { candidate: empty, baseline: empty }, /there was no traffic/],
    ["no number", { candidate: { requests: Number.NaN, bad: 0 } }, /what is no count/],
    ["an error of the source", { missing: "Prometheus answered 500" }, /Prometheus answered 500/],
    ["an empty answer", { candidate: undefined, baseline: undefined } as never, /the source gave nothing/],
    ["a gap of the clock", { lengthMs: 100 * MINUTE }, /a gap between two readings/, 1],
    ["counters that began anew", { missing: "the counters began anew" }, /the counters began anew/],
    ["one side only", { candidate: some, baseline: undefined } as never, /nothing of the version before it/],
    ["part of a scrape", { candidate: { requests: 3, bad: 7 } }, /what is no count/],
    ["no answer in time", { missing: "no answer within 5 s" }, /no answer within 5 s/],
    ["a stale reading", { stale: true }, /the same reading twice/],
  ])("%s", (_what, interval, why, times = 40) => {
    const judge = new Judge(settings({}, { worstRate: 0.05 }))
    judge.observe(counts(0, [1, 0], [1, 0]))
    const before = judge.judgement()
    for (let at = 1; at <= times; at += 1) judge.observe({ ...counts(at, [100, 0], [100, 30]), ...interval })
    const { decision, sentence, metrics } = judge.judgement()
    expect(decision).toBe("undecided")
    expect(sentence).toMatch(why)
    expect(metrics[0]?.rollbackEvidence).toBe(before.metrics[0]?.rollbackEvidence)
    expect(metrics[0]?.promoteEvidence).toBe(before.metrics[0]?.promoteEvidence)
  })
})

test("a long interval is no gap where who counts was looked at in the middle of it", () => {
  const long = { ...counts(101, [100, 0], [100, 30]), lengthMs: 100 * MINUTE }
  const gap = observed([counts(1, [1, 0], [1, 0]), long])
  expect(gap.judgement().metrics[0]?.candidate.requests).toBe(1)
  const looked = observed([counts(1, [1, 0], [1, 0]), { ...long, lookMs: MINUTE }])
  expect(looked.judgement().metrics[0]?.candidate.requests).toBe(101)
})

test("while it warms up only what is far worse counts; slowness not at all", () => {
  const cold = [1, 2].map((at) => counts(at, [60, 3], [60, 1]))
  const five = observed(
    [...cold, ...[1, 2].map((at) => counts(at, [60, 5], [60, 1]))],
    settings({ warmupMs: 3 * MINUTE }),
  )
  expect(five.judgement().decision).toBe("undecided")
  const broken = observed([counts(1, [60, 60], [60, 0])], settings({ warmupMs: 3 * MINUTE }))
  expect(broken.judgement().decision).toBe("rollback")
  const slow = settings({ warmupMs: 3 * MINUTE }, { warmup: "skip" })
  expect(observed([counts(1, [60, 60], [60, 0])], slow).judgement().decision).toBe("undecided")
})

test("what was saved and goes on elsewhere comes to the same, and stays small", () => {
  const intervals = Array.from({ length: 200 }, (_, at) =>
    counts(at + 1, [60, at % 7 === 0 ? 1 : 0], [60, at % 9 === 0 ? 1 : 0]),
  )
  const whole = observed(intervals)
  let parts = new Judge(settings())
  for (const each of intervals) {
    parts.observe(each)
    parts = Judge.from(settings(), JSON.parse(JSON.stringify(parts.save())))
  }
  expect(parts.judgement()).toEqual(whole.judgement())
  expect(JSON.stringify(parts.save()).length).toBeLessThan(1_000)
})

test("one client that tries again is one bad request in a window", () => {
  const events = Array.from({ length: 50 }, (_, at) => ({ atMs: at * 100, client: "a", signature: "500 /cart" }))
  expect(countDistinct(events)).toBe(1)
  expect(countDistinct([...events, { atMs: 0, client: "b", signature: "500 /cart" }])).toBe(2)
  expect(countDistinct([...events, { atMs: 0, client: "a", signature: "502 /" }])).toBe(2)
  expect(countDistinct([...events, { atMs: 61_000, client: "a", signature: "500 /cart" }])).toBe(2)
})

test("clumps are measured by how much wider counts spread than independent ones, and only where that can be told", () => {
  const spreadOf = (all: readonly number[]) =>
    all.reduce((spread, bad) => spreadOver(spread, { requests: 100, bad }), NO_SPREAD)
  expect(clumpSize(spreadOf([5, 0, 5, 0, 0, 5, 0, 0, 0, 0]))).toBeGreaterThan(3)
  expect(clumpSize(spreadOf([1, 2, 1, 2, 1, 2, 1, 2, 1, 2]))).toBe(1)
  expect(clumpSize(spreadOf([9, 0, 9]))).toBe(1)
})

test("slow requests are counted at an edge of the histogram, exactly, and nowhere else", () => {
  const buckets = [
    { edgeMs: 100, atMost: 90 },
    { edgeMs: 500, atMost: 99 },
    { edgeMs: Number.POSITIVE_INFINITY, atMost: 100 },
  ]
  expect(slowerThan(buckets, 100)).toEqual({ requests: 100, bad: 10 })
  expect(slowerThan(buckets, 250)).toBeUndefined()
  expect(slowerThan(buckets.slice(0, 2), 100)).toBeUndefined()
})
