// Question 8: the same shop is watched by its log and by numbers. Each sees what the other is blind to.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { check, http, log, program, verify } from "fettle"
import { folder, proven, say, setupOf, tell } from "../story.ts"
import { shopWithLog } from "./service.ts"

const file = join(folder, "shop.log")
writeFileSync(file, "")
const shop = await shopWithLog(file)

/** Logging is asked for events, monitoring for numbers. */
const watched = program("shop", {}, () => {
  check("log", log.quiet({ path: file, level: "error" }))
  check("latency", http.get(`${shop.url}/?customer=probe`, { maxLatencyMs: 500 }))
  check("error-rate", http.get(`${shop.url}/metrics`, { json: { errorPercent: { max: 5 } } }))
})

try {
  say("1. All is well.")
  await customers(20)
  const well = await ask()
  proven(
    "all three say yes",
    [well.log, well.latency, well["error-rate"]].every((each) => each === "yes"),
  )

  say("2. The shop becomes slow. Every order is still taken.")
  shop.slowMs = 800
  const slow = await ask()
  proven("the log says nothing: no single event is wrong", slow.log === "yes")
  proven("the number does", slow.latency === "no")
  shop.slowMs = 5

  say("3. It is fast again, and the orders of one customer of forty fail.")
  shop.broken = "ann"
  await customers(39, "ann")
  const one = await ask()
  proven("the numbers are within their limits", one.latency === "yes" && one["error-rate"] === "yes")
  proven("the log has the event", one.log === "no")
  const entry = lines().find(({ level }) => level === "error")
  tell(JSON.stringify(entry))
  proven("with whose it was, why, and an id to follow", entry?.customer === "ann" && entry.requestId !== undefined)

  say("4. An average hides what a percentile shows.")
  const times = [...Array.from({ length: 98 }, () => 12), 2_400, 2_600].sort((a, b) => a - b)
  const mean = times.reduce((sum, each) => sum + each, 0) / times.length
  const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? 0
  tell(`mean ${Math.round(mean)} ms, p99 ${p99} ms`)
  proven("two of a hundred wait for seconds, and the mean looks fine", mean < 100 && p99 > 2_000)
} finally {
  await shop.close()
}

async function customers(count: number, last?: string): Promise<void> {
  const names = [...Array.from({ length: count }, (_, nth) => `customer${nth}`), ...(last === undefined ? [] : [last])]
  await Promise.all(names.map((name) => fetch(`${shop.url}/?customer=${name}`)))
}

/** What each check says, by its name. */
async function ask(): Promise<Record<string, string>> {
  const verdicts: Record<string, string> = {}
  const told: string[] = []
  const setup = setupOf(watched)
  await verify({
    ...setup,
    subscribers: [
      (event) => {
        if (event.type !== "check.finished") return
        const name = /\[(.*)\]/.exec(event.address)?.[1] ?? ""
        verdicts[name] = event.verdict
        told.push(`${name.padEnd(11)}${event.verdict.padEnd(4)} ${event.evidence}`)
      },
    ],
  })
  tell(told.sort().join("\n"))
  return verdicts
}

function lines(): { level: string; customer: string; requestId: string }[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
}
