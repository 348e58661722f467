import { expect, test } from "vitest"
import type { PlanOptions } from "../../src/events/plan.ts"
import { forcedIn } from "../../src/run/recorded.ts"

const CASES: readonly (readonly [PlanOptions, readonly string[]])[] = [
  [{}, []],
  [{ targets: ["a"], limit: "web" }, []],
  [{ expectAbsent: 0 }, ["--expect-absent 0"]],
  [{ expectDeletes: 12, expectTargets: ["a", "b"] }, ["--expect-deletes 12", "--expect-target a", "--expect-target b"]],
  [{ replace: ["x"], force: ["t"], adopt: ["y"] }, ["--replace x", "--force t", "adopt y"]],
  [{ destroy: true, refreshOnly: true }, ["destroy", "--refresh-only"]],
  [{ backTo: { release: "r", version: "1" } }, ["rollback r 1"]],
]

test.each(CASES)("%j overrides %j", (options, forced) => {
  expect(forcedIn(options)).toEqual(forced)
})
