import { describe, expect, test } from "vitest"
import type { Address } from "../program/address.ts"
import { Makers } from "./makers.ts"
import type { Work } from "./work.ts"

const node = (address: string, needs: readonly string[] = [], paths?: readonly string[] | "any"): Work =>
  ({
    address: address as Address,
    declaration: { needs },
    want: {},
    provider: paths === undefined ? {} : { makesHere: () => (paths === "any" ? undefined : paths) },
  }) as unknown as Work

describe("what a node reads may be made by a task before it", () => {
  test.each([
    ["any", "dist", true],
    [["dist"], "dist", true],
    [["dist/app.js"], "dist", true],
    [["dist"], "dist/app.js", true],
    [["./dist/"], "dist/x", true],
    [["dist/**/*.js"], "dist/x", true],
    [["**/*.js"], "dist/x", true],
    [["out"], "dist", false],
    [["dist2"], "dist", false],
    [["/srv/out"], "/srv/dist", false],
    [["/srv/out"], "dist", true],
    [["../out"], "dist", true],
    [[], "dist", false],
  ] as const)("%j and %s", (paths, reads, meets) => {
    const makers = new Makers()
    for (const each of [node("task", [], paths), node("between", ["task"]), node("file", ["between"])]) {
      makers.enter(each)
      makers.add(each)
    }
    expect(makers.of(node("file"), [reads])).toBe(meets ? "task" : undefined)
    expect(makers.of(node("aside"), [reads])).toBeUndefined()
    expect(makers.of(node("file"), [])).toBeUndefined()
  })

  test("thousands of tasks in a row cost what they are", () => {
    const makers = new Makers()
    const begun = performance.now()
    for (let at = 0; at < 3_000; at += 1) {
      const each = node(`t${at}`, at === 0 ? [] : [`t${at - 1}`], [`out/${at}`])
      makers.enter(each)
      makers.add(each)
    }
    expect(makers.of(node("t2999"), ["out/17"])).toBe("t17")
    expect(performance.now() - begun).toBeLessThan(2_000)
  })
})
