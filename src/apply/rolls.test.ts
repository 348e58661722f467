import { describe, expect, test } from "vitest"
import type { Connection } from "../provider.ts"
import { Rolls } from "./rolls.ts"
import type { Step } from "./steps.ts"

const step = (address: string): Step =>
  ({ key: address, kind: "node", work: { address }, waits: 0, followers: [], heldBy: undefined }) as unknown as Step

const fleet = (path: string, serial: number, maxUnavailable = Number.POSITIVE_INFINITY) => ({
  path,
  serial,
  maxUnavailable,
  members: new Map<string, Connection>([1, 2, 3].map((at) => [`h${at}`, {} as Connection])),
})

const [a1, b1, a2, a3] = ["web/h1/k[a]", "web/h1/sub/k[b]", "web/h2/k[a]", "web/h3/k[a]"].map(step) as [
  Step,
  Step,
  Step,
  Step,
]
const other = step("db/h9/k[a]")

describe("rolls", () => {
  test("a host has its place from its first step to its last", () => {
    const rolls = new Rolls([fleet("web", 1)], [a1, b1, a2, other])
    expect([a1, a2, b1, other].map((each) => rolls.admits(each))).toEqual([true, false, true, true])
    rolls.ended(a1, "done")
    expect(rolls.admits(a2)).toBe(false)
    rolls.ended(b1, "unchanged")
    expect(rolls.admits(a2)).toBe(true)
  })

  test("where too many failed, no other host begins, and those that began go on", () => {
    const rolls = new Rolls([fleet("web", 2, 0)], [a1, b1, a2, a3])
    expect([a1, a2].map((each) => rolls.admits(each))).toEqual([true, true])
    rolls.ended(a1, "failed")
    expect(rolls.refused(b1)).toBeUndefined()
    expect(rolls.admits(b1)).toBe(true)
    expect(rolls.refused(a3)).toMatchObject({ code: "ROLL_STOPPED", fact: expect.stringContaining("1 of 3 hosts") })
    expect(rolls.admits(a3, true)).toBe(false)
  })

  test("as many may fail as are allowed; skipped is not failed", () => {
    const rolls = new Rolls([fleet("web", 3, 1)], [a1, a2, a3])
    rolls.ended(a1, "maybe")
    rolls.ended(a2, "skipped")
    expect(rolls.refused(a3)).toBeUndefined()
    expect(rolls.admits(a3)).toBe(true)
  })

  test("without fleets nothing is held", () => {
    const rolls = new Rolls([fleet("web", Number.POSITIVE_INFINITY)], [a1])
    expect(rolls.isEmpty).toBe(true)
    expect(rolls.admits(a1)).toBe(true)
  })
})
