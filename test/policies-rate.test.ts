import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Pace } from "../src/policies/pace.ts"
import { callWith, guarded } from "../src/policies/policy.ts"
import { type RateOptions, rate } from "../src/policies/rate.ts"
import { retry } from "../src/policies/retry.ts"
import {
  fixedWindow,
  type Limiter,
  limitedServer,
  randomFrom,
  ratePercent,
  slidingCounter,
  slidingWindow,
} from "./policies-limits.ts"

const sleepMs = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs))
const refused = (headers: Record<string, string> = {}) => ({ status: 429, headers: new Headers(headers) })

describe("pace", () => {
  /** Starts calls as early as allowed, each answered after a time; gives the starts. */
  function starts(pace: Pace, count: number, answerMs = 0): number[] {
    const startsMs: number[] = []
    for (let nowMs = 0; startsMs.length < count; ) {
      nowMs = Math.max(nowMs, pace.earliestMs())
      pace.answered(pace.start(nowMs), nowMs + answerMs)
      startsMs.push(nowMs)
    }
    return startsMs
  }

  const limits = [1, 2, 3, 5, 10, 39, 40, 60, 100, 120, 1_000].flatMap((calls) =>
    [100, 1_000, 60_000, 3_600_000].map((windowMs) => ({ calls, windowMs })),
  )
  it.each(limits)("never starts more than $calls in $windowMs ms, and uses 95 %", ({ calls, windowMs }) => {
    const startsMs = starts(new Pace({ calls, windowMs }), calls * 8 + 1)
    for (let at = calls; at < startsMs.length; at += 1) {
      expect((startsMs[at] ?? 0) - (startsMs[at - calls] ?? 0)).toBeGreaterThanOrEqual(windowMs)
    }
    const wholeMs = (startsMs.at(-1) ?? 0) - (startsMs[0] ?? 0)
    expect((calls * 8) / (wholeMs / windowMs) / calls).toBeGreaterThanOrEqual(0.95)
  })

  it.each([1_000, 5_000, 60_000])("uses 95 % where answers take %i ms", (answerMs) => {
    const startsMs = starts(new Pace({ calls: 120, windowMs: 60_000 }), 1_201, answerMs)
    expect(1_200 / ((startsMs.at(-1) ?? 0) / 60_000) / 120).toBeGreaterThanOrEqual(0.95)
  })

  it.each([
    [undefined, 2],
    [1, 1],
    [10, 10],
    [120, 120],
  ])("with burst %s starts %i at once after a quiet time", (burst, atOnce) => {
    const pace = new Pace({ calls: 120, windowMs: 60_000, burst })
    const startsMs = starts(pace, 240)
    expect(startsMs.filter((ms) => ms === 0)).toHaveLength(atOnce)
    const quietMs = (startsMs.at(-1) ?? 0) + 120_000
    let again = 0
    for (; pace.earliestMs() <= quietMs; again += 1) pace.start(quietMs)
    expect(again).toBe(atOnce)
  })

  it("makes up for late timers", () => {
    const pace = new Pace({ calls: 120, windowMs: 2_000 })
    let nowMs = 0
    for (let call = 0; call < 1_200; call += 1) {
      nowMs = Math.max(nowMs, pace.earliestMs()) + (call % 3) * 4 // 4 ms late on average, of 17 between two calls
      pace.answered(pace.start(nowMs, 0), nowMs)
    }
    expect(1_200 / (nowMs / 2_000) / 120).toBeGreaterThanOrEqual(0.95)
  })

  it("makes up for a stall while somebody waited, up to a second's worth, and not for a time when nobody did", () => {
    const atOnceAfter = (stallMs: number, waitingSinceMs: number): number => {
      const pace = new Pace({ calls: 600, windowMs: 60_000 }) // one in 102.5 ms
      starts(pace, 30)
      const nowMs = pace.earliestMs() + stallMs
      let count = 0
      for (; pace.earliestMs() <= nowMs; count += 1) pace.start(nowMs, Math.min(waitingSinceMs, nowMs))
      return count
    }
    expect(atOnceAfter(500, 0)).toBe(1 + 4)
    expect(atOnceAfter(60_000, 0)).toBe(1 + 9 + 10)
    expect(atOnceAfter(60_000, Infinity)).toBe(1 + 9)
  })

  it("takes an answer as proof of arrival, less the fastest trip, within a grace", () => {
    const earliest = (answeredMs: number | undefined, fastestMs: number): number => {
      const pace = new Pace({ calls: 10, windowMs: 1_000, burst: 10 })
      for (let call = 0; call < 10; call += 1) pace.start(0)
      pace.answered(9, fastestMs)
      if (answeredMs !== undefined) pace.answered(0, answeredMs)
      return Math.round(pace.earliestMs())
    }
    expect(earliest(10, 10)).toBe(1_003) // a window, and what clocks may differ
    expect(earliest(900, 900)).toBe(1_003) // all trips alike: the way there was not long
    expect(earliest(900, 10)).toBe(1_893)
    expect(earliest(5_000, 10)).toBe(2_003) // the first calls have a window of grace here
    expect(earliest(undefined, 10)).toBe(2_003)
  })

  it("starts evenly after a pause", () => {
    const pace = new Pace({ calls: 120, windowMs: 60_000, burst: 20 })
    pace.pause(5_000)
    expect(starts(pace, 3).map(Math.round)).toEqual([5_000, 5_513, 6_025])
  })

  it("doubles the pause with each refusal, up to a window, until one is accepted", () => {
    const pace = new Pace({ calls: 10, windowMs: 1_000 })
    expect([1, 2, 3, 4, 5].map(() => pace.refused())).toEqual([205, 410, 820, 1_000, 1_000])
    pace.accepted()
    expect(pace.refused()).toBe(205)
  })
})

describe("rate", () => {
  it.each<[string, RateOptions]>([
    ["no calls", { calls: 0, per: "1s" }],
    ["part of a call", { calls: 1.5, per: "1s" }],
    ["no window", { calls: 1, per: 0 }],
    ["a burst above the calls", { calls: 10, per: "1s", burst: 11 }],
    ["nobody in flight", { calls: 10, per: "1s", concurrent: 0 }],
    ["a negative wait", { calls: 10, per: "1s", maxWaitMs: -1 }],
  ])("refuses %s", (_, options) => {
    expect(() => rate(options)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
  })

  it("never has more than `concurrent` in flight, and always as many as it may", async () => {
    for (const concurrent of [1, 3, 8]) {
      const random = randomFrom(concurrent)
      const limit = rate({ calls: 100_000, per: "1s", concurrent })
      let [inFlight, most] = [0, 0]
      const work = guarded(
        async (fails: boolean) => {
          inFlight += 1
          most = Math.max(most, inFlight)
          await sleepMs(random() * 4)
          inFlight -= 1
          if (fails) throw new Error("down")
        },
        [limit],
      )
      await Promise.allSettled(Array.from({ length: 150 }, () => work(random() < 0.3)))
      expect({ inFlight, most, load: limit.load() }).toEqual({
        inFlight: 0,
        most: concurrent,
        load: { waiting: 0, inFlight: 0, pausedMs: 0 },
      })
    }
  })

  it("gives every try of a retry its own turn", async () => {
    const startsMs: number[] = []
    const limit = rate({ calls: 20, per: "1s", burst: 1 })
    const fail = async (): Promise<never> => {
      startsMs.push(performance.now())
      throw new Error("down")
    }
    await callWith([retry({ times: 3, baseDelayMs: 0 }), limit], fail).catch(() => {})
    expect(startsMs).toHaveLength(4)
    expect((startsMs[3] ?? 0) - (startsMs[0] ?? 0)).toBeGreaterThan(100) // 153 ms, less what the first try was late
  })

  describe("on a fake clock", () => {
    beforeEach(() => void vi.useFakeTimers())
    afterEach(() => {
      expect(vi.getTimerCount()).toBe(0)
      vi.useRealTimers()
    })

    it("is first come, first served, shared by all who have it, with one timer for them all", async () => {
      const limit = rate({ calls: 60, per: "1m" })
      const order: number[] = []
      const [one, two] = [
        guarded(async (n: number) => order.push(n), [limit]),
        guarded(async (n: number) => order.push(n), [limit]),
      ]
      const calls = Array.from({ length: 10_000 }, (_, n) => (n % 2 === 0 ? one(n) : two(n)))
      expect(vi.getTimerCount()).toBe(1)
      expect(limit.load().waiting).toBe(9_999)
      await vi.runAllTimersAsync()
      await Promise.all(calls)
      expect(order).toEqual(Array.from({ length: 10_000 }, (_, n) => n))
    })

    it("lets anyone leave the line: nobody else waits longer, and no timer is left", async () => {
      const limit = rate({ calls: 60, per: "1m" })
      const startsMs: number[] = []
      const stops = Array.from({ length: 100 }, () => new AbortController())
      const calls = stops.map(({ signal }, n) =>
        callWith([limit], async () => startsMs.push(performance.now()), { signal }).then(
          () => `started ${n}`,
          (error: Error) => error.message,
        ),
      )
      await vi.advanceTimersByTimeAsync(0)
      for (const [n, stop] of stops.entries()) if (n % 10 !== 0) stop.abort(new Error(`left ${n}`))
      expect(limit.load().waiting).toBe(9)
      await vi.runAllTimersAsync()
      expect(await Promise.all(calls)).toEqual(stops.map((_, n) => `${n % 10 === 0 ? "started" : "left"} ${n}`))
      expect(Math.max(...startsMs) - Math.min(...startsMs)).toBeLessThanOrEqual(9 * 1_025)
    })

    it("leaves no timer when the last one leaves, and does not count those who left", async () => {
      const limit = rate({ calls: 1, per: "1m" })
      const stop = new AbortController()
      await callWith([limit], async () => 1)
      const waiting = callWith([limit], async () => 2, { signal: stop.signal }).catch((error: Error) => error.message)
      stop.abort(new Error("enough"))
      expect(vi.getTimerCount()).toBe(0)
      expect(await waiting).toBe("enough")
      expect(limit.load().waiting).toBe(0)
    })

    it("survives an abort in the moment of its turn", async () => {
      const limit = rate({ calls: 1_000, per: "1s", concurrent: 1 })
      const stop = new AbortController()
      const cut = callWith([limit], async () => "started", { signal: stop.signal }).catch(() => "cut")
      expect(limit.load()).toMatchObject({ waiting: 0, inFlight: 1 })
      stop.abort() // its turn has come, but it has not run yet
      const last = callWith([limit], async () => "started")
      await vi.runAllTimersAsync()
      expect([await cut, await last]).toEqual(["cut", "started"])
      expect(limit.load()).toEqual({ waiting: 0, inFlight: 0, pausedMs: 0 })
    })

    it("sends those away who wait when the run is stopping", async () => {
      const limit = rate({ calls: 1, per: "1m" })
      const stopping = new AbortController()
      await callWith([limit], async () => 1)
      const waiting = callWith([limit], async () => 2, { stopping: stopping.signal }).catch(
        (error: Error) => error.message,
      )
      stopping.abort(new Error("stopping"))
      expect(await waiting).toBe("stopping")
    })

    it.each([
      ["a returned response", async () => refused({ "retry-after": "30" })],
      ["an error", () => Promise.reject(Object.assign(new Error("429"), refused({ "retry-after": "30" })))],
      ["a busy service", async () => ({ status: 503, headers: { "Retry-After": "30" } })],
    ])("%s with Retry-After pauses everybody", async (_, refuse: () => Promise<unknown>) => {
      const limit = rate({ calls: 100, per: "1s" })
      const startMs = performance.now()
      const first = callWith([limit], refuse).catch(() => {})
      const others = Array.from({ length: 5 }, () => callWith([limit], async () => performance.now() - startMs))
      await first
      expect(limit.load()).toMatchObject({ pausedMs: 30_000 })
      await vi.runAllTimersAsync()
      const startsMs = await Promise.all(others)
      expect(startsMs.slice(0, 2)).toEqual([0, 0]) // had started before the answer came
      for (const ms of startsMs.slice(2)) expect(ms).toBeGreaterThanOrEqual(30_000)
    })

    it("counts one refusal of many in flight once, and the next ones twice as long", async () => {
      const limit = rate({ calls: 10, per: "1s", burst: 10 })
      const refuseLate = async () => {
        await sleepMs(20)
        return refused()
      }
      const pausedMs = async (count: number): Promise<number> => {
        await Promise.all([
          ...Array.from({ length: count }, () => callWith([limit], refuseLate)),
          vi.runAllTimersAsync(),
        ])
        return limit.load().pausedMs
      }
      expect(await pausedMs(5)).toBe(205)
      expect(await pausedMs(1)).toBe(410)
    })

    it("refuses those who would wait longer than maxWaitMs for a pause, at once", async () => {
      const limit = rate({ calls: 1, per: "1s", maxWaitMs: 60_000 })
      const first = callWith([retry(), limit], async () => refused({ "retry-after": "3600" }))
      const second = callWith([retry(), limit], async () => 1, { name: "list" }).catch((error: unknown) => error)
      expect(await first).toMatchObject({ status: 429 })
      expect(await second).toMatchObject({
        code: "POLICY_RETRIES_SPENT",
        message: "list was not called: the server asks all to wait 3600000 ms, more than maxWaitMs (60000)",
      })
    })
  })
})

describe("rate against servers that count, 120 calls a minute", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** 600 calls whose way out, work and way back take random times; each server judges the same arrivals. */
  async function traffic(
    seed: number,
    outMs: number,
    workMs: number,
    servers: readonly Limiter[],
    concurrent?: number,
  ) {
    const random = randomFrom(seed)
    const limit = rate({ calls: 120, per: "1m", concurrent })
    const arrivalsMs: number[] = []
    let refusals = 0
    const call = guarded(async () => {
      await sleepMs(random() * outMs)
      arrivalsMs.push(Date.now())
      if (!servers.every((takes) => takes(Date.now()))) refusals += 1
      await sleepMs(random() * workMs)
    }, [limit])
    const all = Promise.all(Array.from({ length: 600 }, call))
    await vi.runAllTimersAsync()
    await all
    return { refusals, used: ratePercent(arrivalsMs, 120, 60_000) }
  }

  const seeds = Array.from({ length: 12 }, (_, at) => at + 1)
  it.each(seeds)("0 refused and 95 %% used with slow ways and slow work (seed %i)", async (seed) => {
    const exact = [fixedWindow(120, 60_000, seed * 4_999), slidingWindow(120, 60_000)]
    const { refusals, used } = await traffic(seed, 2_400, 10_000, exact)
    expect(refusals).toBe(0)
    expect(used).toBeGreaterThanOrEqual(95)
  })

  it.each(seeds)("0 refused and 95 %% used by a guessing server with ordinary ways (seed %i)", async (seed) => {
    const { refusals, used } = await traffic(seed, 300, 1_000, [slidingCounter(120, 60_000, seed * 4_999)], 8)
    expect(refusals).toBe(0)
    expect(used).toBeGreaterThanOrEqual(95)
  })

  it("catches a server that refuses: the judges do judge", async () => {
    const { refusals } = await traffic(1, 300, 1_000, [slidingWindow(100, 60_000)])
    expect(refusals).toBeGreaterThan(0)
  })
})

describe("rate against a real server, 120 calls in 4 s", () => {
  const [calls, windowMs] = [120, 4_000]

  it("0 refused and 95 % used with fixed and sliding windows", { timeout: 60_000 }, async () => {
    const server = await limitedServer({
      fixed: fixedWindow(calls, windowMs, 700),
      sliding: slidingWindow(calls, windowMs),
    })
    const run = async (name: string) => {
      const limit = rate({ calls, per: windowMs, concurrent: 8 })
      const get = guarded(async () => (await fetch(server.url(name))).text(), [limit])
      await Promise.all(Array.from({ length: 420 }, get))
      const { taken, refused } = server.seen(name) ?? { taken: [], refused: Number.NaN }
      return { name, refused, taken: taken.length, used: ratePercent(taken, calls, windowMs) }
    }
    try {
      for (const { name, refused, taken, used } of await Promise.all(["fixed", "sliding"].map(run))) {
        expect({ name, refused, taken }).toEqual({ name, refused: 0, taken: 420 })
        expect(used, `${name}: percent of the rate`).toBeGreaterThanOrEqual(95)
        expect(used, `${name}: percent of the rate`).toBeLessThanOrEqual(100)
      }
    } finally {
      await server.close()
    }
  })
})
