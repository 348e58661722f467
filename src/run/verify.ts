import { apply } from "../apply/apply.ts"
import { Journal } from "../apply/journal.ts"
import { FettleError } from "../errors.ts"
import type { PlanOptions } from "../events/plan.ts"
import { Sessions } from "../plan/sessions.ts"
import type { RunContext, RunResult, RunSetup } from "./context.ts"
import { homeOf } from "./home.ts"
import { planOnce } from "./plan-once.ts"
import { applyOutcome, type Ended, readState, running } from "./running.ts"

/** What may be said of which checks are asked. */
export type VerifyOptions = Pick<PlanOptions, "targets" | "verifyOnly">

/**
 * Asks the checks of a program. It only asks: it takes no lock, writes no byte of state and settles nothing, so it works on a
 * read-only file system, and beside a run.
 * @throws nothing: what went wrong is in the result
 * @example const { outcome } = await verifyProgram(setup)
 */
export async function verifyProgram(setup: RunSetup, options: VerifyOptions = {}): Promise<RunResult> {
  return running(
    setup,
    () => readState(setup, false),
    (context) => askChecks(context, options),
    true,
  )
}

async function askChecks(context: RunContext, options: VerifyOptions): Promise<Ended> {
  const { engine, setup, stage } = context
  await tellOfRun(context)
  const sessions = new Sessions(engine, context.snapshot.targets)
  try {
    const planned = await planOnce(context, sessions, { ...options, verifyOnly: true })
    engine.emit({ type: "apply.started", total: planned.plan.changes.length, pass: 1 })
    const stopping = setup.stopping ?? new AbortController().signal
    const asking = { stopping, verifyOnly: true, stage, who: setup.who }
    const applied = await apply(planned, new Journal({ commit: refuse }, 0), sessions, engine, asking)
    return { plan: planned.plan, applied, ...applyOutcome(planned.plan, applied, engine.signal) }
  } finally {
    await sessions.close()
  }
}

/** Questions leave nothing to write down. */
async function refuse(): Promise<never> {
  throw new FettleError("INTERNAL", "something was to be written while checks were asked")
}

/** What a run changes while it is asked about may be found half done. */
async function tellOfRun({ setup, engine }: RunContext): Promise<void> {
  const owner = await (await homeOf(setup)).owner(setup.host)
  if (owner === undefined) return
  const { who, host, pid, command, since } = owner
  const text = `${who} on ${host} (pid ${pid}, fettle ${command}, since ${since}) is at work here: what is asked about may be changing`
  engine.emit({ type: "note", level: "warning", text })
}
