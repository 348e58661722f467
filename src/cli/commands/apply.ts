import { resolve } from "node:path"
import { FettleError } from "../../errors.ts"
import type { Plan, PlanOptions } from "../../events/plan.ts"
import { DEFAULT_STAGE, declare, paramsFor } from "../../program/program.ts"
import { TASK_KIND } from "../../program/task.ts"
import { findKey } from "../../secrets/key.ts"
import { type Call, paramsOf, planOptionsOf } from "../call.ts"
import { detachPlan, detachProgram } from "../detach.ts"
import { type Loaded, loadProgram } from "../load.ts"
import { readPlan } from "../plan-file.ts"
import { reporterFor } from "../reporter.ts"
import { runProgram } from "../run-program.ts"

/** Makes it so. A saved plan is consent to exactly that plan. */
export async function apply(call: Call): Promise<number> {
  const loaded = await loadProgram(call)
  const file = call.args[0]
  const options = planOptionsOf(call.options)
  const isDetached = call.options.detach === true
  if (file === undefined)
    return isDetached ? detachProgram(call, loaded, options) : runProgram(call, loaded, { options, asking: {} })
  const saved = readPlan(resolve(call.around.cwd, file), findKey(call.around.key))
  refuseMixed(call, options, saved, loaded)
  if (isDetached) return detachPlan(call, loaded, resolve(call.around.cwd, file), reporterFor(call).subscriber)
  return runProgram(call, loaded, { options: saved.options, asking: { meant: () => true }, saved })
}

/** A saved plan says itself what it is about. @throws FettleError `USAGE`, `PLAN_STALE` */
function refuseMixed({ options }: Call, asked: PlanOptions, saved: Plan, { program, file }: Loaded): void {
  if (Object.keys(asked).length > 0 || options.param !== undefined || (options.stage ?? saved.stage) !== saved.stage)
    throw new FettleError("USAGE", "a saved plan has its own stage, parameters and options; give none beside it", {
      next: "fettle apply FILE, or fettle plan with the options and --out FILE",
    })
  if (saved.program !== program.name)
    throw new FettleError("PLAN_STALE", `the plan is of the program ${saved.program}; ${file} is ${program.name}`, {
      next: "give the right program with --file",
    })
}

/** Asks the checks, or those among the targets and what they need. Nothing is changed, so nobody is asked. */
export async function verify(call: Call): Promise<number> {
  const loaded = await loadProgram(call)
  return runProgram(call, loaded, {
    options: { ...planOptionsOf(call.options), verifyOnly: true },
    asking: { meant: () => true },
  })
}

/** Deletes everything that Fettle made. The command is consent to its own deletions once the program's name is typed. */
export async function destroy(call: Call): Promise<number> {
  const loaded = await loadProgram(call)
  const options = { ...planOptionsOf(call.options), destroy: true }
  return runProgram(call, loaded, { options, asking: { word: loaded.program.name } })
}

/** Runs one task, with what it needs. Running it is meant; other changes are asked about. */
export async function run(call: Call): Promise<number> {
  const loaded = await loadProgram(call)
  const task = taskNamed(call.args[0] ?? "", call, loaded)
  const options = { targets: [task], ...(call.options.force === true ? { force: [task] } : {}) }
  const meant = (change: { readonly address: string }): boolean => change.address === task
  return runProgram(call, loaded, { options, asking: { meant } })
}

/** The address of a task from its address or its name. @throws FettleError `TARGET_UNKNOWN` */
function taskNamed(name: string, { options }: Call, { program }: Loaded): string {
  const scope = declare(program, paramsFor(program, options.stage ?? DEFAULT_STAGE, paramsOf(options)))
  const tasks = [...scope.declarations.values()]
    .filter((each) => each.type === "task")
    .map((each) => String(each.address))
  const found = tasks.filter((address) => address === name || address.endsWith(`${TASK_KIND}[${name}]`))
  if (found.length === 1) return found[0] as string
  const next = tasks.length === 0 ? "the program declares no task" : `it has ${tasks.join(", ")}`
  throw new FettleError(
    "TARGET_UNKNOWN",
    found.length === 0 ? `there is no task ${name}` : `${found.length} tasks are named ${name}`,
    { next: found.length === 0 ? next : `give the whole address: ${found.join(", ")}` },
  )
}

/** Takes over what is already at the addresses. Taking over is meant; what would be changed besides is asked about. */
export async function adopt(call: Call): Promise<number> {
  const loaded = await loadProgram(call)
  const options = { targets: call.args, adopt: call.args }
  return runProgram(call, loaded, { options, asking: { meant: (change) => change.action === "adopt" } })
}
