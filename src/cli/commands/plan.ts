import { resolve } from "node:path"
import { FettleError } from "../../errors.ts"
import type { Plan } from "../../events/plan.ts"
import { type Duration, durationMs } from "../../policies/duration.ts"
import { planProgram } from "../../run/run.ts"
import { makeKey } from "../../secrets/key.ts"
import { type Call, planOptionsOf } from "../call.ts"
import { loadProgram } from "../load.ts"
import { writePlan } from "../plan-file.ts"
import { writeMarkdown } from "../plan-markdown-file.ts"
import { reporterFor } from "../reporter.ts"
import { setupOf } from "../setup.ts"
import { listenForStop } from "../stop.ts"
import { checkTypes } from "../types-check.ts"
import { planUntrusted } from "../untrusted.ts"

/** Shows what is not as the program says; with `--out` the plan is saved. Changes nothing, so a stop may come at once. */
export async function plan(call: Call): Promise<number> {
  if (call.options.untrusted === true) return planUntrusted(call)
  const expiresMs = expiryOf(call)
  const loaded = await loadProgram(call)
  const reporter = reporterFor(call)
  const stop = listenForStop(reporter.say)
  const setup = setupOf(call, loaded, {
    subscribers: [reporter.subscriber],
    signal: stop.stopping,
    stopping: stop.stopping,
    crash: stop.crash,
    pause: reporter.pause,
  })
  try {
    if (call.options.types === true) await checkTypes(loaded, setup.tools)
    const { out, check } = call.options
    const options = { ...planOptionsOf(call.options), bound: out !== undefined, check: check === true }
    const result = await planProgram(setup, options)
    if (result.plan !== undefined) writeMarkdown(call, result.plan)
    if (out !== undefined && result.plan !== undefined) save(call, out, result.plan, expiresMs, reporter.say)
    return result.exitCode
  } finally {
    reporter.close()
    stop.end()
  }
}

/** @throws FettleError `USAGE` */
function expiryOf({ options }: Call): number | undefined {
  if (options.expires === undefined) return undefined
  if (options.out === undefined)
    throw new FettleError("USAGE", "--expires says how long a saved plan is good: give --out FILE beside it")
  return durationMs(options.expires as Duration)
}

function save(call: Call, out: string, made: Plan, expiresMs: number | undefined, tell: (text: string) => void): void {
  writePlan(resolve(call.around.cwd, out), made, { key: makeKey(call.around.key), by: call.around.who, expiresMs })
  const blocked = made.changes.filter((change) => change.action === "blocked").length
  const but =
    blocked === 0 ? "" : `, but for the ${blocked === 1 ? "one node that is" : `${blocked} nodes that are`} blocked`
  if (call.options.quiet !== true) tell(`Saved${but}. To carry out exactly this plan: fettle apply ${out}`)
}
