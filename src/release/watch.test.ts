import { expect, test } from "vitest"
import type { Tick } from "./roll-out-parts.ts"
import { burning, coarser } from "./watch.ts"

const MINUTE = 60_000
/** Looks a minute apart, each with so many bad ones of 1,000. */
const minutes = (amount: number, bad: (at: number) => number): readonly Tick[] =>
  Array.from({ length: amount }, (_, at) => ({ atMs: (at + 1) * MINUTE, requests: 1_000, bad: bad(at) }))

test("a budget that burns fast takes a version back, one that burns slowly does not", () => {
  const at = (ticks: readonly Tick[]) => burning(ticks, ticks.at(-1)?.atMs ?? 0, 0.999)
  expect(at(minutes(10, () => 20))).toMatchObject({ takesBack: true, words: expect.stringContaining("burns 20 times") })
  expect(at(minutes(40, () => 7))).toMatchObject({ takesBack: true, words: expect.stringContaining("burns 7 times") })
  expect(at(minutes(40, () => 3))).toMatchObject({ takesBack: false, words: expect.stringContaining("burns 3 times") })
  expect(at(minutes(40, (minute) => (minute % 2 === 0 ? 1 : 0)))).toBeUndefined() // half of the budget
  expect(at([{ atMs: MINUTE, requests: 10, bad: 2 }])).toBeUndefined() // two of them are chance
})

test("one that has stopped burning is let go on", () => {
  const ticks = minutes(50, (minute) => (minute < 10 ? 100 : 0))
  expect(burning(ticks, 50 * MINUTE, 0.999)?.takesBack).not.toBe(true)
})

test("what was counted stays of a few hundred spans, and loses nothing", () => {
  let ticks: readonly Tick[] = []
  for (const each of minutes(10_000, (at) => at % 3)) ticks = coarser([...ticks, each])
  expect(ticks.length).toBeLessThanOrEqual(240)
  const sum = (key: "requests" | "bad"): number => ticks.reduce((all, each) => all + each[key], 0)
  expect([sum("requests"), sum("bad")]).toEqual([10_000_000, 9_999])
  expect(ticks.every((each, at) => at === 0 || each.atMs > (ticks[at - 1] as Tick).atMs)).toBe(true)
  expect(ticks.slice(-60)).toEqual(minutes(10_000, (at) => at % 3).slice(-60))
})
