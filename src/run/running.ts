import { type Applied, factsOf } from "../apply/outcome.ts"
import { asFettleError, causeText, FettleError } from "../errors.ts"
import { isPending, type Plan } from "../events/plan.ts"
import { DataKey, findKey, makeKey, PRINTS } from "../secrets/key.ts"
import { EMPTY, type Snapshot } from "../state/store.ts"
import { EXIT, RunContext, type RunResult, type RunSetup } from "./context.ts"
import { homeOf } from "./home.ts"
import { tellEnd } from "./tell.ts"

/** A run's result before it is told. */
export type Ended = Omit<RunResult, "runId" | "error">

/** What a run begins with. */
export interface Begun {
  readonly snapshot: Snapshot
  readonly key: DataKey
  /** Aborted when the lock is somebody else's. */
  readonly lost?: AbortSignal | undefined
}

/** Sets a run up, tells its start and its end, and turns what it throws into a result. */
export async function running(
  setup: RunSetup,
  begin: () => Promise<Begun>,
  work: (context: RunContext) => Promise<Ended>,
  tells = false,
): Promise<RunResult> {
  let context: RunContext | undefined
  let ended: Ended
  let error: FettleError | undefined
  try {
    const { snapshot, key, lost } = await begin()
    context = new RunContext(losing(setup, lost), snapshot, key)
    context.events.emit({
      type: "run.started",
      command: setup.command,
      program: setup.program.name,
      stage: context.stage,
      who: setup.who,
      ...(setup.versions === undefined ? {} : { versions: setup.versions }),
    })
    if (snapshot.keyId !== undefined && snapshot.keyId !== key.id)
      throw new FettleError(
        "STATE_KEY_WRONG",
        `state was sealed with data key ${snapshot.keyId}; this one is ${key.id}`,
      )
    ended = await work(context)
    error = ended.applied?.fatal
  } catch (thrown) {
    error = asFettleError(thrown, "INTERNAL")
    const outcome = error.code === "CANCELLED" ? ("cancelled" as const) : ("failed" as const)
    ended = {
      outcome,
      exitCode: outcome === "cancelled" ? EXIT.cancelled : EXIT.error,
      plan: undefined,
      applied: undefined,
    }
  }
  const crash = (context?.setup ?? setup).crash?.()
  if (crash !== undefined) {
    error = crash
    ended = { ...ended, outcome: "failed", exitCode: EXIT.error }
  }
  if (tells && context !== undefined) await tellEnd(context, { ...ended, error })
  const told = context ?? new RunContext(setup, EMPTY, DataKey.passing())
  if (error !== undefined) told.events.emit({ type: "note", level: "error", text: error.fact, error: factsOf(error) })
  told.events.emit({
    type: "run.finished",
    outcome: ended.outcome,
    exitCode: ended.exitCode,
    durationMs: Date.now() - told.startedAt,
    counts: countsOf(ended.applied),
  })
  return { runId: told.events.runId, ...ended, error }
}

/** A lost lock ends a run as what nobody caught does. */
function losing(setup: RunSetup, lost: AbortSignal | undefined): RunSetup {
  if (lost === undefined) return setup
  return {
    ...setup,
    signal: setup.signal === undefined ? lost : AbortSignal.any([setup.signal, lost]),
    crash: () => setup.crash?.() ?? (lost.aborted ? (lost.reason as FettleError) : undefined),
  }
}

export function countsOf(applied: Applied | undefined): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { outcome, action } of applied?.outcomes ?? []) {
    const name = outcome === "done" ? action : outcome
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** How a run ended that carried a plan out. */
export function applyOutcome(
  plan: Plan,
  applied: Applied,
  signal: AbortSignal,
): Pick<RunResult, "outcome" | "exitCode"> {
  const isStopped = signal.aborted && applied.fatal === undefined
  if (isStopped || applied.fatal?.code === "CANCELLED") return { outcome: "cancelled", exitCode: EXIT.cancelled }
  const bad = applied.outcomes.filter(isBad)
  const failed =
    applied.fatal !== undefined ||
    bad.some((each) => each.verdict === undefined) ||
    plan.changes.some((change) => change.action === "blocked")
  if (failed) return { outcome: "failed", exitCode: EXIT.error }
  if (bad.some((each) => each.verdict === "no")) return { outcome: "no", exitCode: EXIT.no }
  if (bad.length > 0) return { outcome: "inconclusive", exitCode: EXIT.inconclusive }
  return plan.changes.some(isPending)
    ? { outcome: "done", exitCode: EXIT.done }
    : { outcome: "unchanged", exitCode: EXIT.done }
}

export function isBad(outcome: Applied["outcomes"][number]): boolean {
  return outcome.outcome === "failed" || outcome.outcome === "maybe"
}

/** State as it is, read without writing a byte. A key is made only where a plan is to be saved. */
export async function readState(setup: RunSetup, saved: boolean): Promise<Begun> {
  const home = await homeOf(setup)
  const snapshot = (await home.read((store) => store.load())) ?? EMPTY
  if (snapshot.keyId !== undefined) return { snapshot, key: printing(existingKey(setup), snapshot) }
  const makes = saved && !home.isShared // a shared state is begun with a key that everybody has
  return { snapshot, key: makes ? newKey(setup) : (findKey(setup.key) ?? DataKey.passing()) }
}

/** @throws FettleError `STATE_WRITE` where the disk is full or broken: nothing may be sealed with a key that may be lost */
export function newKey(setup: RunSetup): DataKey {
  try {
    return makeKey(setup.key)
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    throw new FettleError("STATE_WRITE", `the data key ${setup.key.file} cannot be made: ${causeText(thrown)}`, {
      cause: thrown,
    })
  }
}

/** A key that followed another one makes the fingerprints of that one; another key is told later. */
export function printing(key: DataKey, { keyId, secrets }: Snapshot): DataKey {
  return keyId === key.id ? key.withPrints(secrets.get(PRINTS)) : key
}

export function existingKey(setup: RunSetup): DataKey {
  const key = findKey(setup.key)
  if (key === undefined)
    throw new FettleError(
      "STATE_KEY_MISSING",
      `there is no data key in ${setup.key.file}, and FETTLE_STATE_KEY is not set`,
    )
  return key
}
