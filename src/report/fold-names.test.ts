import { expect, test } from "vitest"
import { foldNames } from "./fold-names.ts"

const count = (prefix: string, from: number, to: number, width = 1): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `${prefix}${String(from + at).padStart(width, "0")}`)

test.each([
  [[], ""],
  [["db"], "db"],
  [["db1", "db2"], "db1, db2"],
  [count("web", 1, 20), "web[1-20]"],
  [count("web", 1, 997, 4), "web[0001-0997]"],
  [[...count("web", 1, 5), ...count("web", 7, 9), "db1"], "web[1-5], web[7-9], db1"],
  [["web3", "web1", "web2"], "web[1-3]"],
  [["a1.example.org", "a2.example.org", "a3.example.org"], "a[1-3].example.org"],
  [["r2w1", "r2w2", "r2w3"], "r2w[1-3]"],
  [count("web", 1, 12, 2), "web[01-12]"],
  [count("web", 0, 999, 3), "web[000-999]"],
  [count("web", 98, 102), "web[98-102]"],
])("%j", (names, expected) => {
  expect(foldNames(names)).toBe(expected)
})

test("parts above the limit are counted", () => {
  expect(foldNames(["a", "b", "c", "web1", "web2", "web3"], 2)).toBe("a, b and 4 more")
})
