import { expect, test } from "vitest"
import { at, covers, fill, keysOf, pathOf, withAt } from "./path.ts"

test.each([
  ["a", ["a"]],
  ["a.b.0", ["a", "b", "0"]],
  ["labels.fettle\\.dev/owner", ["labels", "fettle.dev/owner"]],
  ["a\\\\b", ["a\\b"]],
  ["", []],
])("the keys of %s are %j, and back", (path, keys) => {
  expect(keysOf(path)).toEqual(keys)
  expect(pathOf(keys)).toBe(path)
})

test.each([
  [{ a: { b: 1 } }, "a.b", 1],
  [{ a: [{ b: 1 }] }, "a.0.b", 1],
  [{ a: 1 }, "", { a: 1 }],
  [{}, "constructor", undefined],
  [{ a: {} }, "a.__proto__", undefined],
  [[1], "length", 1],
  ["text", "length", undefined],
  [null, "a", undefined],
])("%j at %s is %j", (value, path, gives) => {
  expect(at(value, path)).toEqual(gives)
})

test("withAt makes what is missing, keeps what is beside, and changes nothing given", () => {
  const before = { labels: { a: "1" }, n: 1 }
  expect(withAt(before, "labels.fettle", "t")).toEqual({ labels: { a: "1", fettle: "t" }, n: 1 })
  expect(withAt({}, "a.b.c", 1)).toEqual({ a: { b: { c: 1 } } })
  expect(before).toEqual({ labels: { a: "1" }, n: 1 })
  expect(Object.hasOwn(withAt({}, "__proto__.a", 1), "__proto__")).toBe(true)
})

test.each([
  ["7", "/o/7"],
  ["a/b", "/o/a%2Fb"],
  ["ü?#%", "/o/%C3%BC%3F%23%25"],
  ["$&", "/o/%24%26"],
  ["...", "/o/..."],
])("the id %s gives %s", (id, path) => {
  expect(fill("/o/{id}", id)).toBe(path)
})

test.each(["", ".", ".."])("the id %j is refused: it would name another path", (id) => {
  expect(() => fill("/o/{id}", id)).toThrow(/would name another path/)
})

test("a path covers itself and what is below it", () => {
  expect([covers("a", "a"), covers("a", "a.b"), covers("a", "ab"), covers("a.b", "a")]).toEqual([
    true,
    true,
    false,
    false,
  ])
})
