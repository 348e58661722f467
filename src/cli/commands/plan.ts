import { resolve } from "node:path"
import { EXIT } from "../../run/context.ts"
import { planProgram } from "../../run/run.ts"
import { type Call, planOptionsOf } from "../call.ts"
import { loadProgram } from "../load.ts"
import { writePlan } from "../plan-file.ts"
import { reporterFor } from "../reporter.ts"
import { setupOf } from "../setup.ts"
import { listenForStop } from "../stop.ts"
import { checkTypes } from "../types-check.ts"

/** Shows what is not as the program says; with `--out` the plan is saved. Changes nothing, so a stop may come at once. */
export async function plan(call: Call): Promise<number> {
  const loaded = await loadProgram(call)
  const reporter = reporterFor(call)
  const stop = listenForStop(reporter.say)
  const setup = setupOf(call, loaded, {
    subscribers: [reporter.subscriber],
    signal: stop.stopping,
    stopping: stop.stopping,
  })
  try {
    if (call.options.types === true) await checkTypes(loaded, setup.tools)
    const result = await planProgram(setup, { ...planOptionsOf(call.options), bound: call.options.out !== undefined })
    if (call.options.out !== undefined && result.plan !== undefined)
      save(call, call.options.out, result.plan, reporter.say)
    return result.exitCode === EXIT.changes && call.options.check !== true ? EXIT.done : result.exitCode
  } finally {
    reporter.close()
    stop.end()
  }
}

function save(call: Call, out: string, made: Parameters<typeof writePlan>[1], tell: (text: string) => void): void {
  writePlan(resolve(call.around.cwd, out), made)
  if (call.options.quiet !== true) tell(`Saved. To carry out exactly this plan: fettle apply ${out}`)
}
