import type { Plan, PlanOptions } from "../events/plan.ts"
import { DEFAULT_STAGE } from "../program/program.ts"
import { EXIT } from "../run/context.ts"
import { applyProgram } from "../run/run.ts"
import type { Call } from "./call.ts"
import { ciReporters } from "./ci-reporters.ts"
import { type Asking, consentOf } from "./consent.ts"
import type { Loaded } from "./load.ts"
import { reporterFor } from "./reporter.ts"
import { runLog } from "./run-log.ts"
import { setupOf, stateFolderOf } from "./setup.ts"
import { listenForStop } from "./stop.ts"
import { checkTypes } from "./types-check.ts"

/** What a command that changes something does besides its options. */
export interface Doing {
  readonly options: PlanOptions
  readonly asking: Asking
  readonly saved?: Plan
}

/** Plans, asks, applies, shows and logs; gives the exit code. */
export async function runProgram(call: Call, loaded: Loaded, doing: Doing): Promise<number> {
  const reporter = reporterFor(call)
  const stop = listenForStop(reporter.say)
  const stage = doing.saved?.stage ?? call.options.stage ?? DEFAULT_STAGE
  const log = runLog(stateFolderOf(call, loaded.folder), loaded.program.name, stage)
  const ci = await ciReporters(call)
  const setup = setupOf(call, loaded, {
    subscribers: [reporter.subscriber, log, ...ci.subscribers],
    signal: stop.signal,
    stopping: stop.stopping,
    crash: stop.crash,
    pause: reporter.pause,
    ...(doing.saved === undefined ? {} : { stage: doing.saved.stage, params: doing.saved.params }),
  })
  try {
    if (call.options.types === true) await checkTypes(loaded, setup.tools)
    const result = await applyProgram(setup, doing.options, consentOf(call, doing.asking, stop.stopping), doing.saved)
    return stop.signal.aborted && stop.crash() === undefined ? EXIT.cancelled : result.exitCode
  } finally {
    reporter.close()
    ci.close()
    stop.end()
  }
}
