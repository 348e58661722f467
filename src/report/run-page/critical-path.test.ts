import { expect, test } from "vitest"
import { criticalPath, type Worked } from "./critical-path.ts"

/** From when to when a node worked. */
function from(beginMs: number, endMs: number): Worked {
  return { beginMs, endMs }
}

test.each([
  ["nothing", [], [], []],
  ["nothing that worked", [[], [0]], [undefined, undefined], []],
  ["one node", [[]], [from(0, 5)], [0]],
  ["a chain", [[], [0], [1]], [from(0, 5), from(5, 9), from(9, 12)], [0, 1, 2]],
  ["the need that ended last", [[], [], [0, 1]], [from(0, 5), from(0, 8), from(8, 9)], [1, 2]],
  ["the end, though another took longer", [[], []], [from(0, 80), from(85, 90)], [1]],
  ["over what had nothing to do", [[], [0], [1]], [from(0, 5), undefined, from(5, 9)], [0, 2]],
  ["a wait for a free lane", [[], [0]], [from(0, 1), from(50, 60)], [0, 1]],
  ["what ended at the very beginning", [[], [0]], [from(0, 0), from(0, 1)], [0, 1]],
  ["a circle, which no graph has", [[1], [0]], [from(0, 5), from(0, 6)], [0, 1]],
] as const)("the path over %s", (_name, needs, worked, path) => {
  expect(criticalPath(needs, worked)).toEqual(path)
})

test("a long chain of many needs is walked once", () => {
  const amount = 20_000
  const needs = Array.from({ length: amount }, (_each, at) => (at < 2 ? [] : [at - 1, at - 2]))
  const worked = needs.map((_need, at) => (at === 0 || at === amount - 1 ? from(at, at + 1) : undefined))
  expect(criticalPath(needs, worked)).toEqual([0, amount - 1])
})
