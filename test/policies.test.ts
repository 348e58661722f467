import { describe, expect, expectTypeOf, it } from "vitest"
import { allowed, refusal } from "../src/policies/allowed.ts"
import { callSignal, inContext } from "../src/policies/context.ts"
import { type Duration, durationMs } from "../src/policies/duration.ts"
import { type CallRecord, logged } from "../src/policies/logged.ts"
import { callWith, guarded, type Policy } from "../src/policies/policy.ts"
import { rate } from "../src/policies/rate.ts"
import { retry } from "../src/policies/retry.ts"
import { timeout } from "../src/policies/timeout.ts"

/** Writes down when it is entered and left. */
function traced(name: string, trace: string[]): Policy {
  return {
    name,
    settings: {},
    wrap: (call) => async (signal) => {
      trace.push(`${name} in`)
      try {
        return await call(signal)
      } finally {
        trace.push(`${name} out`)
      }
    },
  }
}

describe("durationMs", () => {
  const good: [Duration, number][] = [
    [0, 0],
    [250, 250],
    ["250ms", 250],
    ["30s", 30_000],
    ["1.5s", 1_500],
    ["1.005s", 1_005],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
  ]
  it.each(good)("%j is %i ms", (value, ms) => expect(durationMs(value)).toBe(ms))

  const bad = [
    "",
    "5",
    "s",
    "5 s",
    "-5s",
    "5sec",
    "1h30m",
    "1e3s",
    "Infinitys",
    "5S",
    -1,
    Number.NaN,
    Infinity,
    null,
    {},
  ]
  it.each(bad.map((value) => [value]))("%j is refused", (value) => {
    expect(() => durationMs(value as Duration)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
  })

  it("has types that know the units", () => {
    // @ts-expect-error: no such unit
    expect(() => durationMs("5 weeks")).toThrow("is not a duration")
  })
})

describe("guarded", () => {
  it("keeps arguments, result and types", async () => {
    const add = guarded(async (a: number, b = 2) => a + b, [])
    expectTypeOf(add).parameters.toEqualTypeOf<[a: number, b?: number | undefined]>()
    expectTypeOf(add).returns.toEqualTypeOf<Promise<number>>()
    expect(await add(1)).toBe(3)
    // @ts-expect-error: a text is not a number
    expect(await add("1")).toBe("12")
    expectTypeOf(guarded(fetch, [])).toEqualTypeOf<typeof fetch>()
    class Child extends Promise<string> {
      readonly pid = 1
    }
    expectTypeOf(guarded((_file: string) => new Child(() => {}), [])).toEqualTypeOf<(file: string) => Promise<string>>()
    // @ts-expect-error: not async
    guarded(() => 1, [])
    const pick = guarded(async <T>(items: readonly T[], at: number) => items[at], [])
    expectTypeOf(await pick(["a"], 0)).toEqualTypeOf<string | undefined>()
  })

  it("puts the first policy outermost", async () => {
    const trace: string[] = []
    await guarded(async () => trace.push("call"), [traced("a", trace), traced("b", trace)])()
    expect(trace).toEqual(["a in", "b in", "call", "b out", "a out"])
  })

  it("turns a throw before the first await into a rejection", async () => {
    const thrower = (): Promise<never> => {
      throw new Error("at once")
    }
    await expect(guarded(thrower, [])()).rejects.toThrow("at once")
  })

  it("names errors by the function, or as told", async () => {
    async function saveOrder(): Promise<never> {
      throw new Error("no")
    }
    const once = [retry({ times: 0 })]
    await expect(guarded(saveOrder, once)()).rejects.toThrow("saveOrder failed once")
    await expect(guarded(saveOrder, once, { name: "the order" })()).rejects.toThrow("the order failed once")
  })

  it("does not call under an aborted signal, and stops listening to one that outlives it", async () => {
    const stop = new AbortController()
    let calls = 0
    const count = guarded(async () => (calls += 1), [timeout("1s"), rate({ calls: 1000, per: "1s" })], {
      signal: stop.signal,
    })
    await count()
    let listeners = 0
    stop.signal.addEventListener = () => (listeners += 1)
    stop.signal.removeEventListener = () => (listeners -= 1)
    await count()
    expect({ calls, listeners }).toEqual({ calls: 2, listeners: 0 })
    stop.abort(new Error("enough"))
    await expect(count()).rejects.toThrow("enough")
    expect(calls).toBe(2)
  })

  it("lets calls inside inherit signal, caller and stage", async () => {
    const stop = new AbortController()
    const inner = guarded(async () => callSignal(), [allowed({ who: ["ann"], stages: ["dev"] })])
    const outer = guarded(() => inner(), [], { who: "ann", stage: "dev", signal: stop.signal })
    const signal = await outer()
    expect(signal.aborted).toBe(false)
    await expect(inner()).rejects.toMatchObject({ code: "POLICY_NOT_ALLOWED" })
    const hang = guarded(() => new Promise((_, reject) => callSignal().addEventListener("abort", reject)), [])
    const waiting = inContext({ signal: stop.signal }, () => hang())
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ type: "abort" })
  })

  it("gives a signal that never aborts outside a guarded call", () => expect(callSignal().aborted).toBe(false))
})

describe("a policy", () => {
  it("prints as its name and settings", () => {
    const policies = [
      retry({ times: 5, when: () => true }),
      timeout("2s"),
      rate({ calls: 120, per: "1m" }),
      allowed({ stages: ["dev"] }),
      logged(() => {}),
    ]
    expect(JSON.parse(JSON.stringify(policies))).toEqual([
      {
        name: "retry",
        settings: { times: 5, baseDelayMs: 200, maxDelayMs: 30_000, maxWaitMs: 600_000, jitter: "full" },
      },
      { name: "timeout", settings: { timeoutMs: 2_000 } },
      {
        name: "rate",
        settings: { calls: 120, windowMs: 60_000, burst: null, concurrent: null, maxWaitMs: 600_000 },
      },
      { name: "allowed", settings: { stages: ["dev"] } },
      { name: "logged", settings: {} },
    ])
  })
})

describe("allowed", () => {
  const lists = { who: ["ann", "bob"], stages: ["dev"] }
  it.each([
    [lists, { who: "ann", stage: "dev" }, undefined],
    [lists, { who: "eve", stage: "dev" }, 'caller "eve" is not one of "ann", "bob"'],
    [lists, { who: "ann", stage: "prod" }, 'stage "prod" is not one of "dev"'],
    [lists, {}, 'no caller is known, and it must be one of "ann", "bob"'],
    [{ stages: ["dev"] }, { stage: "dev" }, undefined],
    [{ stages: ["dev"] }, { who: "ann" }, 'no stage is known, and it must be one of "dev"'],
    [{ who: [] }, { who: "ann" }, 'caller "ann" is refused like everybody'],
    [{ who: ["ann"] }, { who: "Ann" }, 'caller "Ann" is not one of "ann"'],
  ])("%j for %j: %s", (options, caller, because) => expect(refusal(options, caller)).toBe(because))

  it("refuses before the call starts, and retry does not ask again", async () => {
    let calls = 0
    const drop = guarded(async () => (calls += 1), [retry(), allowed({ who: ["ann"] })], { who: "eve", name: "drop" })
    await expect(drop()).rejects.toMatchObject({
      code: "POLICY_NOT_ALLOWED",
      message: 'drop is not allowed: caller "eve" is not one of "ann"',
    })
    expect(calls).toBe(0)
  })

  it("needs a list", () => expect(() => allowed({})).toThrow("give who, stages or both"))
})

describe("logged", () => {
  it("tells how each call ended, and nothing of what was in it", async () => {
    const records: CallRecord[] = []
    const stop = new AbortController()
    const log = logged((record) => records.push(record))
    await callWith([log], async () => "secret", { name: "good" })
    const coded = Object.assign(new Error("secret"), { code: "EBUSY" })
    for (const error of [coded, new TypeError("secret"), "secret"]) {
      await callWith([log], () => Promise.reject(error), { name: "bad" }).catch(() => {})
    }
    const abort = async (): Promise<never> => {
      stop.abort()
      throw stop.signal.reason
    }
    await callWith([log], abort, { name: "cut", signal: stop.signal }).catch(() => {})
    expect(records.map(({ durationMs: _, ...rest }) => rest)).toEqual([
      { name: "good", outcome: "ok" },
      { name: "bad", outcome: "failed", errorCode: "EBUSY" },
      { name: "bad", outcome: "failed", errorCode: "TypeError" },
      { name: "bad", outcome: "failed", errorCode: "string" },
      { name: "cut", outcome: "aborted", errorCode: "AbortError" },
    ])
    expect(records.every(({ durationMs }) => durationMs >= 0 && durationMs < 1_000)).toBe(true)
    expect(JSON.stringify(records)).not.toContain("secret")
  })

  it("inside retry tells of each try, outside of all as one", async () => {
    const [inside, outside]: CallRecord[][] = [[], []]
    const fail = (): Promise<never> => Promise.reject(new Error("no"))
    const policies = [
      logged((one) => outside?.push(one)),
      retry({ baseDelayMs: 1 }),
      logged((one) => inside?.push(one)),
    ]
    await callWith(policies, fail).catch(() => {})
    expect(inside?.map(({ errorCode }) => errorCode)).toEqual(["Error", "Error", "Error", "Error"])
    expect(outside?.map(({ errorCode }) => errorCode)).toEqual(["POLICY_RETRIES_SPENT"])
  })

  it.each([
    ["throws", () => { throw new Error("sink") }], // biome-ignore format: one line each
    ["rejects", () => Promise.reject(new Error("sink"))],
  ])("a sink that %s changes nothing", async (_, sink) => {
    expect(await callWith([logged(sink)], async () => 1)).toBe(1)
  })
})
