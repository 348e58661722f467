import { expect, test } from "vitest"
import type { ExpectedData } from "../program/probe-settings.ts"
import { at, fault, shown } from "./expectation.ts"

const show = (value: unknown): string => shown(value, (text) => text)

test.each<[unknown, ExpectedData]>([
  [200, 200],
  ["tea", "tea"],
  [null, null],
  [5, { min: 5, max: 5 }],
  ["12", { min: 10 }],
  ["v1.2", { regex: "^v1", flags: "" }],
  [404, { regex: "^4", flags: "g" }],
  ["abc", { contains: "b", not: "x" }],
  [["a", "b"], { contains: "b" }],
  [{ a: [1] }, { equals: { a: [1] } }],
  [undefined, { exists: false }],
  [0, { exists: true }],
  [undefined, { not: 1 }],
])("%j is as expected: %j", (value, expected) => {
  expect(fault("it", value, expected, show)).toBeUndefined()
})

test.each<[unknown, ExpectedData, string]>([
  [500, { min: 200, max: 299 }, "it is 500, expected 200 to 299"],
  [undefined, "tea", 'it is missing, expected "tea"'],
  ["5", 5, 'it is "5", expected 5'],
  ["", { min: 0 }, 'it is "", expected at least 0'],
  ["x", { max: 1 }, 'it is "x", expected at most 1'],
  [null, { min: 0 }, "it is null, expected at least 0"],
  [5, { contains: "5" }, 'it is 5, expected to contain "5"'],
  [undefined, { exists: true }, "it is missing, expected to be there"],
  [1, { exists: false }, "it is 1, expected not to be there"],
  ["a", { not: "a", matches: { regex: "b", flags: "i" } }, 'it is "a", expected not "a" and to match /b/i'],
  [{ a: 1 }, { equals: { a: 2 } }, 'it is {"a":1}, expected {"a":2}'],
])("%j is not %j", (value, expected, words) => {
  expect(fault("it", value, expected, show)).toBe(words)
})

test("a long value is cut", () => {
  expect(fault("it", "x".repeat(9_999), "y", show)?.length).toBeLessThan(200)
})

test.each<[string, unknown]>([
  ["items.0.name", "tea"],
  ["items.length", 1],
  ["a\\.b.c", 1],
  ["items.1.name", undefined],
  ["constructor", undefined],
  ["items.0.name.length", undefined],
])("the part at %s", (path, value) => {
  expect(at({ items: [{ name: "tea" }], "a.b": { c: 1 } }, path)).toBe(value)
})
