// Far sides that limit calls, for the tests and the benchmark of `rate`: each in the way a common server counts.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** Takes or refuses a call that arrives at a time. */
export type Limiter = (nowMs: number) => boolean

/** Counts in windows that begin at fixed moments; `phaseMs` says where they begin. */
export function fixedWindow(calls: number, windowMs: number, phaseMs: number): Limiter {
  let window = Number.NaN
  let count = 0
  return (nowMs) => {
    const current = Math.floor((nowMs + phaseMs) / windowMs)
    if (current !== window) count = 0
    window = current
    count += 1
    return count <= calls
  }
}

/** Counts exactly what arrived in the window that ends now. */
export function slidingWindow(calls: number, windowMs: number): Limiter {
  const arrivals: number[] = []
  let first = 0
  return (nowMs) => {
    while (first < arrivals.length && (arrivals[first] ?? 0) <= nowMs - windowMs) first += 1
    if (arrivals.length - first >= calls) return false
    arrivals.push(nowMs)
    return true
  }
}

/** Guesses the last window from two fixed ones, as proxies do that keep two numbers for each client. */
export function slidingCounter(calls: number, windowMs: number, phaseMs: number): Limiter {
  const counts = new Map<number, number>()
  return (nowMs) => {
    const at = (nowMs + phaseMs) / windowMs
    const window = Math.floor(at)
    const count = counts.get(window) ?? 0
    if ((counts.get(window - 1) ?? 0) * (1 - (at - window)) + count >= calls) return false
    counts.set(window, count + 1)
    return true
  }
}

/** What a server saw. */
export interface Seen {
  readonly taken: number[]
  refused: number
}

/** A server on this machine with one limiter for each path; `close` ends it. */
export async function limitedServer(limiters: Readonly<Record<string, Limiter>>) {
  const seen = new Map(Object.keys(limiters).map((name): [string, Seen] => [name, { taken: [], refused: 0 }]))
  const server = createServer((request, response) => {
    const nowMs = performance.now()
    const name = (request.url ?? "/").slice(1)
    const mine = seen.get(name)
    if (mine !== undefined && limiters[name]?.(nowMs) === true) {
      mine.taken.push(nowMs)
      response.end("ok")
    } else {
      if (mine !== undefined) mine.refused += 1
      response.writeHead(429).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: (name: string) => `http://127.0.0.1:${port}/${name}`, seen: (name: string) => seen.get(name), close }
}

/**
 * How much of an allowed rate was used, in percent: over whole windows, and after the first, since a burst at the start
 * and windows cut in half would flatter.
 */
export function ratePercent(takenMs: readonly number[], calls: number, windowMs: number): number {
  const [firstMs = 0, lastMs = 0] = [takenMs[0], takenMs.at(-1)]
  const windows = Math.floor((lastMs - firstMs) / windowMs) - 1
  const [fromMs, toMs] = [firstMs + windowMs, firstMs + (windows + 1) * windowMs]
  return (100 * takenMs.filter((ms) => ms > fromMs && ms <= toMs).length) / (calls * windows)
}

/** Repeatable numbers from 0 to below 1. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
