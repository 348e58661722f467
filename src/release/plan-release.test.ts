import { describe, expect, test } from "vitest"
import { type ReleaseOutputs, releaseProps } from "../program/release-props.ts"
import { broughtBack, held, promoted, rolledBack } from "./outcome.ts"
import { planRelease } from "./plan-release.ts"
import type { Progress } from "./progress.ts"

const want = (version: string, more: object = {}) => releaseProps.parse({ version, slot: 0, ...more })
const live = (version: string): ReleaseOutputs => promoted(want(version), undefined, "")
const left = (version: string, phase: Progress["phase"] = "shifting"): Progress => ({
  version,
  phase,
  step: 0,
  startedMs: 0,
  stepSinceMs: 0,
  servers: [],
})

/** What a plan says of a release whose version before has the traffic while another one may be on its way. */
function because(wanted: ReturnType<typeof want>, had: string | undefined, onItsWay?: Progress): string | undefined {
  const shown = onItsWay === undefined ? {} : { shown: { progress: onItsWay as never } }
  const seen = had === undefined ? { absent: true as const, ...shown } : { outputs: live(had), ...shown }
  return planRelease(wanted, seen, undefined).because
}

describe("what a plan says of a release", () => {
  const steps = "5 → 25 → 100 %, decided within 30m"
  const shifted = { traffic: { on: "lb", backend: "shop" } }
  const part = "2, which had a part of the traffic, is taken back"
  test.each([
    ["the first", want("1"), undefined, undefined, "1 is the first version"],
    ["another", want("2", shifted), "1", undefined, `1 → 2: ${steps}`],
    ["the same", want("1"), "1", undefined, undefined],
    ["on its way", want("2"), "1", left("2"), "goes on with 2, which had a part of the traffic"],
    ["the one before is declared again", want("1"), "1", left("2"), `${part}; 1 has all traffic`],
    ["the one before is asked for", want("1", { back: true }), "1", left("2"), `${part}; 1 has all traffic`],
    ["a third one", want("3", shifted), "1", left("2"), `${part}; then 1 → 3: ${steps}`],
    ["nothing before it", want("3"), undefined, left("2"), `${part}; then 3 is the first version`],
    ["one that is kept is asked for", want("0", { back: true }), "1", left("2"), `${part}; then back from 1 to 0`],
    ["itself is asked for", want("2", { back: true }), "1", left("2"), `${part}; then back from 1 to 2`],
    ["back without any on its way", want("0", { back: true }), "1", undefined, "back from 1 to 0"],
  ])("%s", (_name, wanted, had, onItsWay, words) => {
    expect(because(wanted, had, onItsWay)).toBe(words)
  })
})

test("every version that was taken back stays refused, until it is promoted or brought back by a person", () => {
  const refused = (outputs: ReleaseOutputs): readonly string[] => (outputs.refused ?? []).map(({ version }) => version)
  const four = rolledBack(want("4"), live("1"), "", 0)
  const five = rolledBack(want("5"), four, "", 0)
  expect(refused(five)).toEqual(["5", "4"])
  expect(refused(rolledBack(want("4"), five, "", 0))).toEqual(["4", "5"])
  expect(refused(held(five, "", left("6")))).toEqual(["5", "4"])
  expect(refused(promoted(want("6"), five, ""))).toEqual(["5", "4"])
  expect(refused(promoted(want("4"), five, ""))).toEqual(["5"])
  expect(refused(broughtBack(want("5"), five, "6", "", 0))).toEqual(["6", "4"])
  const many = Array.from({ length: 40 }, (_, at) => `${at}`)
  const after = many.reduce((before, version) => rolledBack(want(version), before, "", 0), live("1"))
  expect(refused(after)).toEqual(many.slice(20).reverse())
})
