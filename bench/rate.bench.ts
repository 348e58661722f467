import { callWith, guarded, type Policy } from "../src/policies/policy.ts"
import { rate } from "../src/policies/rate.ts"
import { fixedWindow, type Limiter, limitedServer, ratePercent, slidingWindow } from "../test/policies-limits.ts"
import type { Bench } from "./context.ts"

// A limit of 120 calls a minute, with the clock 15 times faster: one round takes 16 s. `-- real` takes the minute.
const CALLS = 120
const SCALED_MS = 4_000
const WINDOWS = 3.5
const ROUNDS = 5

/** How much of a server's limit `rate` uses, and what it costs to wait in its line. */
export default async (bench: Bench): Promise<void> => {
  const windowMs = bench.args.includes("real") ? 60_000 : SCALED_MS
  for (const [name, limiter] of Object.entries({
    "fixed windows": () => fixedWindow(CALLS, windowMs, 700),
    "sliding windows": () => slidingWindow(CALLS, windowMs),
  })) {
    await used(bench, name, windowMs, limiter)
  }
  await waiting(bench)
}

/** The floor is the server's own limit, found by a client that keeps asking and is refused most of the time. */
async function used(bench: Bench, name: string, windowMs: number, limiter: () => Limiter): Promise<void> {
  let refused = 0
  let greedyRefused = 0
  const ours = async (): Promise<number> => {
    const limit = rate({ calls: CALLS, per: windowMs, concurrent: 8 })
    const result = await round(limiter(), windowMs, (get) => {
      const call = guarded(get, [limit])
      return Promise.all(Array.from({ length: CALLS * WINDOWS }, call))
    })
    refused += result.refused
    return result.percent
  }
  const other = async (): Promise<number> => {
    const result = await round(limiter(), windowMs, (get) => greedy(get, windowMs * WINDOWS))
    greedyRefused += result.refused
    return result.percent
  }
  const medians = await bench.interleave(windowMs === SCALED_MS ? ROUNDS : 3, { ours, other })
  const what = `${CALLS} calls in ${windowMs / 1_000} s, ${name}`
  bench.row({ name: `${what}: rate used`, unit: "%", ...medians, otherName: "the limit itself", target: "ours >= 95" })
  bench.row({
    name: `${what}: calls refused`,
    unit: "calls",
    ours: refused,
    other: greedyRefused,
    otherName: "a greedy client",
    target: "ours <= 0",
  })
}

async function round(limiter: Limiter, windowMs: number, client: (get: () => Promise<unknown>) => Promise<unknown>) {
  const server = await limitedServer({ limited: limiter })
  try {
    await client(async () => (await fetch(server.url("limited"))).text())
    const { taken, refused } = server.seen("limited") ?? { taken: [], refused: Number.NaN }
    return { percent: ratePercent(taken, CALLS, windowMs), refused }
  } finally {
    await server.close()
  }
}

/** Asks every 5 ms until the time is over. */
async function greedy(get: () => Promise<unknown>, durationMs: number): Promise<void> {
  const endMs = performance.now() + durationMs
  while (performance.now() < endMs) {
    await get()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Linear: one of 200,000 who wait costs what one of 20,000 costs; beside it the same calls without a rate. */
async function waiting(bench: Bench): Promise<void> {
  const microseconds = async (count: number, policies: readonly Policy[]): Promise<number> => {
    const startMs = performance.now()
    await Promise.all(Array.from({ length: count }, () => callWith(policies, async () => undefined)))
    return ((performance.now() - startMs) * 1_000) / count
  }
  const unlimited = () => rate({ calls: 1_000_000, per: "1s", burst: 1_000_000, concurrent: 1 })
  const long = () => microseconds(200_000, [unlimited()])
  const [each, bare] = [
    await bench.interleave(ROUNDS, { ours: long, other: () => microseconds(20_000, [unlimited()]) }),
    await bench.interleave(ROUNDS, { ours: long, other: () => microseconds(200_000, []) }),
  ]
  const name = "one call of 200,000 in line"
  bench.row({ name, unit: "µs", ...each, otherName: "one of 20,000", target: "ratio <= 3" })
  bench.row({ name, unit: "µs", ...bare, otherName: "without a rate" })
}
