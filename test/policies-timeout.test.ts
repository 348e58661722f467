import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { callSignal } from "../src/policies/context.ts"
import type { Duration } from "../src/policies/duration.ts"
import { type Call, callWith, guarded } from "../src/policies/policy.ts"
import { rate } from "../src/policies/rate.ts"
import { retry } from "../src/policies/retry.ts"
import { timeout } from "../src/policies/timeout.ts"

/** Ends after a time, or with the reason of its signal. */
const heeding =
  (durationMs: number): Call<string> =>
  (signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve("done"), durationMs)
      signal.addEventListener("abort", () => {
        clearTimeout(timer)
        reject(signal.reason)
      })
    })

/** What a call came to, and when, in ms of the fake clock. */
async function ended(call: Promise<unknown>) {
  const startMs = performance.now()
  const outcome = call.then(
    (value) => ({ value, afterMs: performance.now() - startMs }),
    (error: unknown) => ({ error, afterMs: performance.now() - startMs }),
  )
  await vi.runAllTimersAsync()
  return outcome
}

describe("timeout", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  it("lets a call end in time, and leaves no timer", async () => {
    expect(await ended(callWith([timeout("2s")], heeding(1_999)))).toEqual({ value: "done", afterMs: 1_999 })
  })

  it("passes the call's own error on", async () => {
    const fail = (): Promise<never> => Promise.reject(new Error("own"))
    expect(await ended(callWith([timeout("2s")], fail))).toMatchObject({ error: { message: "own" }, afterMs: 0 })
  })

  it("aborts the signal and names the ms", async () => {
    let reason: unknown
    const call: Call<string> = (signal) => {
      signal.addEventListener("abort", () => (reason = signal.reason))
      return heeding(5_000)(signal)
    }
    const { error, afterMs } = (await ended(callWith([timeout("2s")], call, { name: "ping" }))) as {
      error: unknown
      afterMs: number
    }
    expect(error).toMatchObject({ code: "POLICY_TIMEOUT", message: "ping was not done within 2000 ms" })
    expect(reason).toBe(error)
    expect(afterMs).toBe(2_000)
  })

  it("does not wait for a call that ignores its signal, nor for what it throws later", async () => {
    const deaf = (): Promise<never> =>
      new Promise((_, reject) => setTimeout(() => reject(new Error("much later")), 60_000))
    const call = callWith([timeout(50)], deaf).catch(({ code }: { code: string }) => code)
    await vi.advanceTimersByTimeAsync(50)
    expect(await call).toBe("POLICY_TIMEOUT")
    await vi.runAllTimersAsync() // an unhandled rejection would fail this test
  })

  it("tells a timeout from an abort by the caller", async () => {
    const stop = new AbortController()
    const call = callWith([timeout("2s")], heeding(5_000), { signal: stop.signal })
    setTimeout(() => stop.abort(new Error("enough")), 10)
    expect(await ended(call)).toMatchObject({ error: { message: "enough" }, afterMs: 10 })
  })

  it("inside retry limits each try", async () => {
    let calls = 0
    const policies = [retry({ times: 2, baseDelayMs: 100, jitter: "none" }), timeout("1s")]
    const call: Call<string> = (signal) => {
      calls += 1
      return heeding(calls < 3 ? 5_000 : 500)(signal)
    }
    expect(await ended(callWith(policies, call))).toEqual({ value: "done", afterMs: 1_000 + 100 + 1_000 + 200 + 500 })
  })

  it("inside retry is the cause when all tries were late", async () => {
    const policies = [retry({ times: 2, baseDelayMs: 100, jitter: "none" }), timeout("1s")]
    expect(await ended(callWith(policies, heeding(5_000)))).toMatchObject({
      error: { code: "POLICY_RETRIES_SPENT", cause: { code: "POLICY_TIMEOUT" } },
      afterMs: 3_300,
    })
  })

  it("outside retry limits all tries together, and ends a wait between them", async () => {
    let calls = 0
    const policies = [timeout("1s"), retry({ times: 9, baseDelayMs: 400, jitter: "none" })]
    const fail: Call<never> = async () => {
      calls += 1
      throw new Error("down")
    }
    expect(await ended(callWith(policies, fail))).toMatchObject({ error: { code: "POLICY_TIMEOUT" }, afterMs: 1_000 })
    expect(calls).toBe(2)
  })

  it("outside rate limits the wait for a turn, inside it only the call", async () => {
    const limit = rate({ calls: 1, per: "1m" })
    const late = async (policies: Parameters<typeof callWith>[0]) =>
      callWith(policies, heeding(0)).catch(({ code }: { code: string }) => code)
    const first = late([limit])
    const [outside, inside] = [late([timeout("1s"), limit]), late([limit, timeout("1s")])]
    await vi.runAllTimersAsync()
    expect(await Promise.all([first, outside, inside])).toEqual(["done", "POLICY_TIMEOUT", "done"])
  })

  it("works with several in one list, the nearest first", async () => {
    expect(await ended(callWith([timeout("5s"), timeout("1s")], heeding(9_000)))).toMatchObject({ afterMs: 1_000 })
    expect(await ended(callWith([timeout("1s"), timeout("5s")], heeding(9_000)))).toMatchObject({ afterMs: 1_000 })
  })

  it.each([0, "0s", -1, "soon"])("%j is refused", (value) => {
    expect(() => timeout(value as Duration)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
  })

  it("may be longer than a 32-bit timer", async () => {
    const patient: Call<string> = (signal) => new Promise((_, reject) => signal.addEventListener("abort", reject))
    expect(await ended(callWith([timeout("60d")], patient))).toMatchObject({ afterMs: 60 * 86_400_000 })
  })
})

describe("timeout in real time", () => {
  it("stops a real fetch that hangs", async () => {
    let closed = false
    const server = createServer((request, response) => {
      if (request.url === "/quick") response.end("ok")
      else request.on("close", () => (closed = true))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const get = guarded((path: string) => fetch(url + path, { signal: callSignal() }), [timeout("1s")])
    expect(await (await get("/quick")).text()).toBe("ok")
    await expect(get("/hangs")).rejects.toMatchObject({ code: "POLICY_TIMEOUT" })
    await vi.waitFor(() => expect(closed).toBe(true), { timeout: 10_000 })
    server.close()
    server.closeAllConnections()
  })

  it("keeps no timer alive: 10,000 calls with a long timeout leave nothing behind", async () => {
    const active = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const beforeCount = active()
    const quick = guarded(async () => 1, [timeout("1h")])
    await Promise.all(Array.from({ length: 10_000 }, () => quick()))
    expect(active()).toBeLessThanOrEqual(beforeCount)
  })
})
