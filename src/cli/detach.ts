import { randomBytes } from "node:crypto"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { type Detached, letGo, startDetached } from "../connect/detached.ts"
import { type ErrorCode, FettleError } from "../errors.ts"
import type { ErrorFacts, FettleEvent, Subscriber } from "../events/events.ts"
import { isPending, type Plan, type PlanOptions } from "../events/plan.ts"
import { EXIT } from "../run/context.ts"
import { planProgram } from "../run/run.ts"
import { makeKey } from "../secrets/key.ts"
import { makeStateFolder } from "../state/folder.ts"
import type { Call } from "./call.ts"
import { consentOf } from "./consent.ts"
import { eventIn } from "./event-line.ts"
import type { Loaded } from "./load.ts"
import { writePlan } from "./plan-file.ts"
import { say } from "./print.ts"
import { reporterFor } from "./reporter.ts"
import { setupOf, stateFolderOf, storeOf } from "./setup.ts"
import { listenForStop } from "./stop.ts"
import { checkTypes } from "./types-check.ts"

/** Characters of a run's id that tell it apart from the others. */
const SHORT = 8

/** Plans, shows, asks, and leaves exactly that plan to a process of its own. Gives the exit code of what was seen of it. */
export async function detachProgram(call: Call, loaded: Loaded, options: PlanOptions): Promise<number> {
  const reporter = reporterFor(call)
  const stop = listenForStop(reporter.say)
  try {
    const setup = setupOf(call, loaded, {
      subscribers: [reporter.subscriber],
      signal: stop.stopping,
      stopping: stop.stopping,
      crash: stop.crash,
      pause: reporter.pause,
    })
    if (call.options.types === true) await checkTypes(loaded, setup.tools)
    const { plan, exitCode } = await planProgram(setup, { ...options, bound: true, check: false })
    if (plan === undefined || exitCode !== EXIT.done || !plan.changes.some(isPending)) return exitCode
    if (!(await consentOf(call, {}, stop.stopping)(plan))) return EXIT.cancelled
    return await withPlanFile(call, loaded, plan, (file) => detachPlan(call, loaded, file, reporter.subscriber))
  } finally {
    reporter.close()
    stop.end()
  }
}

/** Saves a plan for as long as the work takes: who carries it out has read it by then. */
async function withPlanFile<T>(
  call: Call,
  { folder }: Loaded,
  plan: Plan,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const place = stateFolderOf(call, folder)
  makeStateFolder(place)
  const file = join(place, `detached-${randomBytes(6).toString("hex")}.plan.json`)
  writePlan(file, plan, { key: makeKey(call.around.key), by: call.around.who })
  try {
    return await work(file)
  } finally {
    rmSync(file, { force: true })
  }
}

/**
 * Starts a process that carries a saved plan out and goes on when this one has ended, and its terminal with it.
 * @param show tells what the process says until it has begun
 * @throws FettleError what kept it from beginning
 */
export async function detachPlan(call: Call, loaded: Loaded, file: string, show: Subscriber): Promise<number> {
  const address = storeOf(call)
  const store = address === undefined ? {} : { FETTLE_STORE: address } // not a word of a command, which everybody may read
  const words = [...process.execArgv, MAIN, "apply", file, ...wordsOf(call, loaded)]
  const child = startDetached(process.execPath, words, call.around.cwd, { ...call.around.env, ...store })
  const begun = await beginning(child, show)
  if (!("runId" in begun)) return begun.exitCode
  letGo(child)
  tell(call, begun.runId, child.pid as number)
  return EXIT.done
}

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url))

function wordsOf(call: Call, { file, folder }: Loaded): readonly string[] {
  const { parallel, junit, report } = call.options
  return [
    ...["--json", "--file", file, "--state", stateFolderOf(call, folder)],
    ...(parallel === undefined ? [] : ["--parallel", parallel]),
    ...(junit === undefined ? [] : ["--junit", junit]),
    ...(report === undefined ? [] : ["--report", report]),
  ]
}

/** What the first of its events say: it carries the plan out, or it has ended before that. */
async function beginning(child: Detached, show: Subscriber): Promise<{ runId: string } | { exitCode: number }> {
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => resolve(code ?? EXIT.error))
  })
  child.stderr.pipe(process.stderr, { end: false })
  for await (const line of createInterface({ input: child.stdout })) {
    const event = eventIn(line) as FettleEvent | ({ readonly type: "error" } & ErrorFacts) | undefined
    if (event === undefined) continue // what the program itself prints
    if (event.type === "error") throw new FettleError(event.code as ErrorCode, event.fact, { next: event.next })
    if (event.type === "note") show(event)
    if (event.type === "apply.started") return { runId: event.runId }
  }
  return { exitCode: await ended }
}

function tell({ options }: Call, runId: string, pid: number): void {
  if (options.json === true) say(JSON.stringify({ type: "detached", runId, pid }))
  else if (options.quiet === true) say(runId)
  else {
    const run = runId.slice(0, SHORT)
    say(`Run ${run} goes on in the background (process ${pid}).`)
    say(`  follow  fettle logs ${run} --follow`)
    say("  stop    fettle stop")
  }
}
