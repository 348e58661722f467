import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { FettleEvent } from "fettle"
import type { PlanOptions } from "../../src/events/plan.ts"
import type { Program } from "../../src/program/program.ts"
import type { RunResult, RunSetup } from "../../src/run/context.ts"
import { localSetup } from "../../src/run/local.ts"
import { applyProgram, planProgram } from "../../src/run/run.ts"
import { keepIfFailed } from "./evidence.ts"

/** A folder that goes when the test passes and stays, with its evidence, when it fails. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fettle-test-"))
  keepIfFailed(folder)
  return folder
}

export interface TestRun extends RunResult {
  readonly events: readonly FettleEvent[]
}

/** Runs a program in a folder as its user would from code: state, data key and all in that folder. */
export function runsIn(
  folder: string,
  more: Partial<RunSetup> & { readonly env?: Record<string, string> } = {},
): {
  plan(program: Program, options?: PlanOptions & { bound?: boolean }): Promise<TestRun>
  apply(program: Program, options?: PlanOptions, saved?: TestRun["plan"]): Promise<TestRun>
} {
  const setup = (program: Program, events: FettleEvent[]): RunSetup => ({
    ...localSetup(program, {
      folder,
      env: { PATH: process.env.PATH, HOME: folder, ...more.env },
      who: "tester",
      pid: process.pid,
    }),
    subscribers: [(event) => events.push(event)],
    ...more,
  })
  return {
    plan: async (program, options = {}) => {
      const events: FettleEvent[] = []
      return { ...(await planProgram(setup(program, events), options)), events }
    },
    apply: async (program, options = {}, saved) => {
      const events: FettleEvent[] = []
      return { ...(await applyProgram(setup(program, events), options, async () => true, saved)), events }
    },
  }
}

/** The changes of a plan as "action address" lines, in their order. */
export function changesOf(result: TestRun): readonly string[] {
  return (result.plan?.changes ?? []).map((change) => `${change.action} ${change.address}`)
}

/** How nodes ended, as "outcome action address" lines. */
export function outcomesOf(result: TestRun): readonly string[] {
  return (result.applied?.outcomes ?? []).map((each) => `${each.outcome} ${each.action} ${each.address}`)
}
