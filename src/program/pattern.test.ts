import { describe, expect, test } from "vitest"
import { choose } from "./pattern.ts"

const all = [
  { name: "web1", labels: ["web", "eu"] },
  { name: "web2", labels: ["web", "us"] },
  { name: "web3", labels: ["web", "eu", "old"] },
  { name: "db1", labels: ["db", "eu"] },
  { name: "deploy@h:22", labels: [] },
  { name: "fe80::1", labels: [] },
]

const choice = (pattern: string): string =>
  choose(all, pattern)
    .map(({ name }) => name)
    .join(" ")

describe("choose", () => {
  test.each([
    ["all", "web1 web2 web3 db1 deploy@h:22 fe80::1"],
    ["web", "web1 web2 web3"],
    ["db1,web1", "web1 db1"],
    ["web:db", "web1 web2 web3 db1"],
    ["web:&eu", "web1 web3"],
    ["web,&eu,!old", "web1"],
    ["!old:web:&eu", "web1"],
    ["!web", "db1 deploy@h:22 fe80::1"],
    ["web*", "web1 web2 web3"],
    ["web?,!*3", "web1 web2"],
    ["web:!nothing*", "web1 web2 web3"],
    ["fe80::1", "fe80::1"],
    ["all,!fe80::1,!deploy@h:22", "web1 web2 web3 db1"],
    ["web[0]", "web1"],
    ["web[1:2]", "web2 web3"],
    ["web[1:]", "web2 web3"],
    ["web[:0]", "web1"],
    ["web[-1]", "web3"],
    [" web1 , db ", "web1 db1"],
  ])("%s", (pattern, expected) => {
    expect(choice(pattern)).toBe(expected)
  })

  test.each(["wbe", "web:!odl", "web:&uk", "we*:&db", "web,!web", "", ",", "web[7]", "x*"])(
    "%s is refused",
    (pattern) => {
      expect(() => choose(all, pattern)).toThrow(expect.objectContaining({ code: "LIMIT_UNKNOWN" }))
    },
  )

  test("what there is, is named", () => {
    expect(() => choose(all, "wbe")).toThrow(
      expect.objectContaining({ next: expect.stringContaining("there are: web, eu, us, old, db, web1") }),
    )
  })
})
