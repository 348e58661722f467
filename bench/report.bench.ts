// A report of a run of 5,000 nodes, on the built package: from its events as they are kept to the whole page, and how large that is.
// Beside it, as the floor, the same events only parsed and packed as they are.
import { deflateRawSync } from "node:zlib"
import type { FettleEvent } from "../src/events/events.ts"
import type { runPage } from "../src/report/run-page/run-page.ts"
import type { RunRecord } from "../src/report/run-page/run-record.ts"
import { manyNodes } from "../test/report/many-nodes.ts"
import type { Bench } from "./context.ts"

const ROUNDS = 7
const HOSTS = 1_000

export default async function bench({ row, interleave }: Bench): Promise<void> {
  const page = (await import(built("report/run-page/run-page.js"))) as { runPage: typeof runPage }
  const record = (await import(built("report/run-page/run-record.js"))) as { RunRecord: typeof RunRecord }
  const lines = manyNodes(HOSTS).map((event) => JSON.stringify(event))
  const parsed = (): readonly FettleEvent[] => lines.map((line) => JSON.parse(line))
  let text = ""
  const ours = (): void => {
    const run = new record.RunRecord()
    for (const event of parsed()) run.take(event)
    text = page.runPage(run)
  }
  const other = (): void => {
    deflateRawSync(JSON.stringify(parsed()), { level: 9 })
  }
  const times = await interleave(ROUNDS, { ours, other })
  row({
    name: "5,000 nodes: events to page",
    unit: "ms",
    ...times,
    otherName: "parsed and packed",
    target: "ours <= 500",
  })
  row({
    name: "5,000 nodes: size of the page",
    unit: "kB",
    ours: Buffer.byteLength(text) / 1_000,
    target: "ours <= 300",
  })
}

function built(path: string): string {
  return new URL(`../dist/${path}`, import.meta.url).href
}
