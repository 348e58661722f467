import { expect, test } from "vitest"
import { expandRanges } from "./ranges.ts"

test.each([
  ["web", "web"],
  ["web[1:3]", "web1 web2 web3"],
  ["web[08:11].x", "web08.x web09.x web10.x web11.x"],
  ["db-[a:c]", "db-a db-b db-c"],
  ["n[0:6:3]", "n0 n3 n6"],
  ["n[:2]", "n0 n1 n2"],
  ["r[1:2]w[a:b]", "r1wa r1wb r2wa r2wb"],
  ["[2001]", "[2001]"],
])("%s", (pattern, expected) => {
  expect(expandRanges(pattern).join(" ")).toBe(expected)
})

test.each(["w[3:1]", "w[a:3]", "w[1:9999999]", "w[01:100]", "w[1:3:0]", "w[:]", "w[0:999][0:999]", "w[z:a]"])(
  "%s is refused",
  (pattern) => {
    expect(() => expandRanges(pattern)).toThrow(RangeError)
  },
)
