import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { FettleError } from "../src/errors.ts"
import { callSignal } from "../src/policies/context.ts"
import { callWith, guarded } from "../src/policies/policy.ts"
import { type RetryOptions, retry, worthRetrying } from "../src/policies/retry.ts"
import { httpStatus, retryAfterMs } from "../src/policies/retry-after.ts"
import { timeout } from "../src/policies/timeout.ts"
import { randomFrom } from "./policies-limits.ts"

const NOW = Date.UTC(2026, 0, 1, 12)

/** Makes a call that always fails; gives what it rejected with and the waits between its tries, in whole ms. */
async function waitsOf(options: RetryOptions, fail: (attempt: number) => unknown = () => new Error("down")) {
  const startsMs: number[] = []
  const call = async (): Promise<never> => {
    startsMs.push(performance.now())
    throw fail(startsMs.length)
  }
  const ended = callWith([retry(options)], call, { name: "it" }).catch((error: unknown) => error)
  await vi.runAllTimersAsync()
  const waitsMs = startsMs.slice(1).map((startMs, at) => Math.round(startMs - (startsMs[at] ?? 0)))
  return { error: await ended, waitsMs }
}

const answer = (status: number, headers: Record<string, string> = {}) => ({ status, headers: new Headers(headers) })

describe("retry", () => {
  beforeEach(() => void vi.useFakeTimers({ now: NOW }))
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  it.each([0, 1, 3, 7])("tries %i times again, then keeps the last error as the cause", async (times) => {
    const errors: Error[] = []
    const { error, waitsMs } = await waitsOf({ times }, (attempt) => {
      errors.push(new Error(`try ${attempt}`))
      return errors.at(-1)
    })
    expect(errors).toHaveLength(times + 1)
    expect(waitsMs).toHaveLength(times)
    expect(error).toBeInstanceOf(FettleError)
    expect(error).toMatchObject({ code: "POLICY_RETRIES_SPENT", details: { calls: times + 1 } })
    expect((error as Error).cause).toBe(errors.at(-1))
  })

  it("gives the result of the first try that succeeds", async () => {
    let calls = 0
    const ended = callWith([retry()], async () => {
      calls += 1
      if (calls < 3) throw new Error("not yet")
      return calls
    })
    await vi.runAllTimersAsync()
    expect(await ended).toBe(3)
  })

  it("doubles the backoff up to its bound", async () => {
    const { waitsMs } = await waitsOf({ times: 6, baseDelayMs: 100, maxDelayMs: 1_000, jitter: "none" })
    expect(waitsMs).toEqual([100, 200, 400, 800, 1_000, 1_000])
  })

  it("full jitter stays between 0 and the backoff, and spreads", async () => {
    const { waitsMs } = await waitsOf({ times: 200, baseDelayMs: 1_000, maxDelayMs: 1_000, random: randomFrom(7) })
    expect(Math.min(...waitsMs)).toBeLessThan(50)
    expect(Math.max(...waitsMs)).toBeGreaterThan(950)
    expect(Math.max(...waitsMs)).toBeLessThanOrEqual(1_000)
  })

  it("decorrelated jitter stays between the base and three times the last wait, below the bound", async () => {
    const rules = { times: 200, baseDelayMs: 100, maxDelayMs: 2_000, jitter: "decorrelated" } as const
    const { waitsMs } = await waitsOf({ ...rules, random: randomFrom(3) })
    for (const [at, waitMs] of waitsMs.entries()) {
      expect(waitMs).toBeGreaterThanOrEqual(100)
      expect(waitMs).toBeLessThanOrEqual(Math.min(2_001, Math.max(100, (waitsMs[at - 1] ?? 100) * 3 + 3)))
    }
    expect(new Set(waitsMs).size).toBeGreaterThan(50)
  })

  it("repeats exactly with the same random numbers", async () => {
    const once = await waitsOf({ times: 20, random: randomFrom(42) })
    const twice = await waitsOf({ times: 20, random: randomFrom(42) })
    expect(twice.waitsMs).toEqual(once.waitsMs)
  })

  it("asks `when`, and passes on what it does not want", async () => {
    const seen: [string, number][] = []
    const when = (failure: unknown, retries: number): boolean => {
      seen.push([(failure as Error).message, retries])
      return retries < 2
    }
    const { error } = await waitsOf({ when }, (attempt) => new Error(`try ${attempt}`))
    expect(seen).toEqual([["try 1", 0], ["try 2", 1], ["try 3", 2]]) // biome-ignore format: a table
    expect(error).toMatchObject({ message: "try 3" })
    expect(error).not.toBeInstanceOf(FettleError)
  })

  it("does not multiply with a retry inside", async () => {
    let calls = 0
    const ended = callWith([retry(), retry({ times: 2 })], async () => {
      calls += 1
      throw new Error("down")
    }).catch(({ code }: { code: string }) => code)
    await vi.runAllTimersAsync()
    expect(await ended).toBe("POLICY_RETRIES_SPENT")
    expect(calls).toBe(3)
  })

  it("ends a wait at once when the signal aborts", async () => {
    const stop = new AbortController()
    let calls = 0
    const policies = [retry({ baseDelayMs: 60_000, jitter: "none" })]
    const fail = async (): Promise<never> => {
      calls += 1
      throw new Error("down")
    }
    const ended = callWith(policies, fail, { signal: stop.signal }).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(10)
    stop.abort(new Error("enough"))
    expect(await ended).toMatchObject({ message: "enough" })
    expect(calls).toBe(1)
  })

  it("does not try again after an abort in flight", async () => {
    const stop = new AbortController()
    let calls = 0
    const cut = async (): Promise<never> => {
      calls += 1
      stop.abort(new Error("enough"))
      throw new Error("cut off")
    }
    await expect(callWith([retry()], cut, { signal: stop.signal })).rejects.toThrow("cut off")
    expect(calls).toBe(1)
  })

  it("gives the failure itself when the run is stopping, in flight or in a wait", async () => {
    const stopping = new AbortController()
    const fail = (): Promise<never> => Promise.reject(new Error("down"))
    const waiting = callWith([retry()], fail, { stopping: stopping.signal }).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(1)
    stopping.abort()
    expect(await waiting).toMatchObject({ message: "down" })
    await expect(callWith([retry()], fail, { stopping: stopping.signal })).rejects.toThrow("down")
  })

  it.each([
    { times: -1 },
    { times: 1.5 },
    { times: Number.NaN },
    { baseDelayMs: -1 },
    { maxDelayMs: Number.NaN },
    { maxWaitMs: Infinity },
  ])("refuses %j", (options) => {
    expect(() => retry(options)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
  })

  describe("Retry-After", () => {
    const asks = (headers: Record<string, string>) => () => Object.assign(new Error("busy"), answer(503, headers))

    it.each([
      ["seconds", asks({ "retry-after": "90" }), 90_000],
      ["a date", asks({ "retry-after": new Date(NOW + 120_000).toUTCString() }), 120_000],
      ["more than maxDelayMs", asks({ "retry-after": "300" }), 300_000],
      ["less than the backoff", asks({ "retry-after": "0" }), 200],
      ["nothing readable", asks({ "retry-after": "soon" }), 200],
    ])("%s", async (_, fail, waitMs) => {
      const { waitsMs } = await waitsOf({ times: 1, jitter: "none" }, fail)
      expect(waitsMs).toEqual([waitMs])
    })

    it("is never cut: above maxWaitMs it stops and says so", async () => {
      const { error, waitsMs } = await waitsOf({ maxWaitMs: 60_000 }, asks({ "retry-after": "61" }))
      expect(waitsMs).toEqual([])
      expect(error).toMatchObject({
        code: "POLICY_RETRIES_SPENT",
        message: "it is not tried again: the server asks to wait 61000 ms, more than maxWaitMs (60000)",
        cause: { message: "busy" },
      })
    })

    it("waits longer than a 32-bit timer can", async () => {
      const days = String(30 * 86_400)
      const { waitsMs } = await waitsOf({ times: 1, maxWaitMs: 1e10 }, asks({ "retry-after": days }))
      expect(waitsMs).toEqual([30 * 86_400_000])
    })
  })
})

describe("retryAfterMs and httpStatus", () => {
  beforeEach(() => void vi.useFakeTimers({ now: NOW }))
  afterEach(() => void vi.useRealTimers())
  const loop: { cause?: unknown } = {}
  loop.cause = loop
  const date = (ms: number): string => new Date(ms).toUTCString()

  it.each<[string, unknown, number | undefined, number | undefined]>([
    ["a Response", new Response("", { status: 429, headers: { "retry-after": "2" } }), 2_000, 429],
    ["plain headers of any case", { statusCode: 503, headers: { "Retry-After": "3" } }, 3_000, 503],
    ["headers with lists", { status: 503, headers: { "retry-after": ["4"] } }, 4_000, 503],
    ["numbers", { headers: { "retry-after": 5 } }, 5_000, undefined],
    ["milliseconds", answer(429, { "retry-after-ms": "1250", "retry-after": "2" }), 1_250, 429],
    ["retryAfterMs", { retryAfterMs: 77 }, 77, undefined],
    ["an error's response", { response: answer(429, { "retry-after": "6" }) }, 6_000, 429],
    ["an error's cause", new Error("a", { cause: new Error("b", { cause: { retryAfterMs: 8 } }) }), 8, undefined],
    ["our own error", new FettleError("HTTP_FAILED", "no", { details: { status: 500, retryAfterMs: 9 } }), 9, 500],
    ["a date in the past", answer(503, { "retry-after": date(NOW - 5_000) }), 0, 503],
    ["a server's own clock", answer(503, { "retry-after": date(NOW + 95_000), date: date(NOW + 90_000) }), 5_000, 503],
    ["nonsense", { status: "429", headers: { "retry-after": {} }, retryAfterMs: Number.NaN }, undefined, undefined],
    ["a loop", loop, undefined, undefined],
    ["nothing", undefined, undefined, undefined],
  ])("%s", (_, value, waitMs, status) => {
    expect(retryAfterMs(value)).toBe(waitMs)
    expect(httpStatus(value)).toBe(status)
  })
})

describe("worthRetrying", () => {
  it.each<[boolean, string, unknown]>([
    [true, "any error", new Error("x")],
    [true, "fetch failed", new TypeError("fetch failed")],
    [true, "a text", "x"],
    [true, "a timeout", new FettleError("POLICY_TIMEOUT", "late")],
    [true, "408", answer(408)],
    [true, "429", answer(429)],
    [true, "500", { response: answer(500) }],
    [true, "503", answer(503)],
    [true, "403 with Retry-After", answer(403, { "retry-after": "1" })],
    [false, "400", answer(400)],
    [false, "403", answer(403)],
    [false, "404 inside", new Error("x", { cause: answer(404) })],
    [false, "501", answer(501)],
    [false, "an abort", new DOMException("stop", "AbortError")],
    [false, "a refusal", new FettleError("POLICY_NOT_ALLOWED", "no")],
    [false, "spent retries", new FettleError("POLICY_RETRIES_SPENT", "no")],
  ])("%s for %s", (worth, _, failure) => expect(worthRetrying(failure)).toBe(worth))
})

describe("retry around fetch", () => {
  /** A server that answers with these statuses in turn, the last one for ever. */
  async function server(statuses: readonly number[]) {
    let calls = 0
    const http = createServer((_, response) => {
      const status = statuses[Math.min(calls, statuses.length - 1)] ?? 500
      calls += 1
      response.writeHead(status, status === 404 ? {} : { "retry-after": "0" }).end(`answer ${calls}`)
    })
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`
    const close = async (): Promise<void> => {
      http.close()
      http.closeAllConnections()
    }
    return { url, calls: () => calls, [Symbol.asyncDispose]: close }
  }
  const get = (url: string): Promise<Response> => fetch(url, { signal: callSignal() })

  it.each([
    [[503, 429, 200], 200, 3],
    [[503], 503, 3],
    [[404], 404, 1],
  ])("%j ends with %i after %i calls, as a response", async (statuses, status, calls) => {
    await using far = await server(statuses)
    const response = await guarded(get, [retry({ times: 2, baseDelayMs: 1 }), timeout("2s")])(far.url)
    expect([response.status, await response.text(), far.calls()]).toEqual([status, `answer ${calls}`, calls])
  })

  it("tries again where nobody listens, and keeps the cause", async () => {
    const far = await server([200])
    await far[Symbol.asyncDispose]()
    const error = await guarded(get, [retry({ times: 1, baseDelayMs: 1 })])(far.url).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: "POLICY_RETRIES_SPENT", cause: { cause: { code: "ECONNREFUSED" } } })
  })
})
