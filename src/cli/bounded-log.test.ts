import { expect, test } from "vitest"
import type { FettleEvent } from "../events/events.ts"
import { BoundedLog } from "./bounded-log.ts"

const at = { runId: "r", at: 1, traceId: "t" }
const line = (address: string, text: string): FettleEvent =>
  ({ ...at, type: "node.log", address, stream: "stdout", text }) as unknown as FettleEvent
const finished = (address: string): FettleEvent =>
  ({ ...at, type: "node.finished", address, action: "run", outcome: "done", durationMs: 1 }) as unknown as FettleEvent

function texts(written: string): readonly string[] {
  return written
    .split("\n")
    .filter(Boolean)
    .map((each) => JSON.parse(each))
    .map((event) => event.text ?? event.type)
}

test("of a node that writes without end its beginning and its end are kept, and what is left out is said", () => {
  const log = new BoundedLog({ head: 2_000, tail: 1_000 })
  let written = ""
  for (let at = 0; at < 100_000; at += 1) written += log.take(line("noisy", `line ${at}`))
  written += log.take(line("quiet", "one"))
  written += log.take(finished("noisy")) + log.take(finished("quiet"))
  const told = texts(written)
  expect(written.length).toBeLessThan(3_500)
  expect(told.slice(0, 2)).toEqual(["line 0", "line 1"])
  expect(told.filter((text) => text.startsWith("…"))).toEqual([
    expect.stringMatching(/^… \d+ characters are left out here$/),
  ])
  expect(told.slice(-3)).toEqual(["line 99999", "node.finished", "node.finished"])
})

test("what fits is written as it comes, and nothing is lost of what only just does not", () => {
  const log = new BoundedLog({ head: 500, tail: 500 })
  let written = ""
  for (let at = 0; at < 8; at += 1) written += log.take(line("a", `line ${at}`))
  expect(texts(written).length).toBeGreaterThan(2)
  expect(texts(written + log.rest())).toEqual(Array.from({ length: 8 }, (_, at) => `line ${at}`))
})
