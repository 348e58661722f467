import { expect, test } from "vitest"
import { weightsOf } from "./weights.ts"

test.each<[string, readonly number[], readonly number[]]>([
  ["a twentieth", [0.05, 0.95], [1, 19]],
  ["a half", [0.5, 0.5], [1, 1]],
  ["all", [1, 0], [1, 0]],
  ["nothing", [0, 0], [0, 0]],
  ["a quarter over one, the rest over three", [0.25, 0.25, 0.25, 0.25], [1, 1, 1, 1]],
  ["a tenth over two beside three", [0.05, 0.05, 0.3, 0.3, 0.3], [1, 1, 6, 6, 6]],
  ["less than the smallest part", [0.0001, 0.9999], [1, 256]],
])("%s", (_what, shares, weights) => {
  expect(weightsOf(shares, 256)).toEqual(weights)
})

test("every share of a hundred is kept within half a percent from 5 % on, over up to six servers a side", () => {
  for (let percent = 5; percent <= 95; percent += 1)
    for (const [fresh, old] of [
      [1, 1],
      [1, 6],
      [6, 1],
      [3, 5],
    ] as const) {
      const shares = [...Array(fresh).fill(percent / 100 / fresh), ...Array(old).fill(1 / old - percent / 100 / old)]
      const weights = weightsOf(shares, 256)
      const part = weights.slice(0, fresh).reduce((a, b) => a + b) / weights.reduce((a, b) => a + b)
      expect(Math.abs(part - percent / 100), `${percent} % of ${fresh} beside ${old}`).toBeLessThan(0.005)
    }
})
