// A small shop: a log line for each request, and numbers about all of them.
import { appendFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { type Listening, listen } from "../story.ts"

export interface Shop extends Listening {
  /** How long each answer takes from now on. */
  slowMs: number
  /** Whose orders fail from now on. */
  broken: string | undefined
}

export async function shopWithLog(file: string): Promise<Shop> {
  const numbers = { requests: 0, errors: 0 }
  const server = await listen(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://shop")
    if (url.pathname === "/metrics") {
      response.end(JSON.stringify({ ...numbers, errorPercent: (100 * numbers.errors) / Math.max(1, numbers.requests) }))
      return
    }
    const begun = performance.now()
    numbers.requests += 1
    const requestId = `r${numbers.requests}`
    await sleep(shop.slowMs)
    const customer = url.searchParams.get("customer") ?? "nobody"
    const isBroken = customer === shop.broken
    if (isBroken) numbers.errors += 1
    const durationMs = Math.round(performance.now() - begun)
    const entry = isBroken
      ? { level: "error", requestId, customer, message: "no price", durationMs }
      : { level: "info", requestId, customer, message: "order taken", durationMs }
    appendFileSync(file, `${JSON.stringify(entry)}\n`)
    response.statusCode = isBroken ? 500 : 200
    response.end()
  })
  const shop: Shop = { ...server, slowMs: 5, broken: undefined }
  return shop
}
