import { apply } from "../apply/apply.ts"
import { Journal } from "../apply/journal.ts"
import { type Applied, factsOf } from "../apply/outcome.ts"
import { asFettleError, causeText, FettleError } from "../errors.ts"
import { isPending, type Plan, type PlanOptions } from "../events/plan.ts"
import { bind } from "../plan/as-plan.ts"
import type { Planned } from "../plan/planned.ts"
import { makePlan } from "../plan/planner.ts"
import { Sessions } from "../plan/sessions.ts"
import { declare } from "../program/program.ts"
import { DataKey, findKey, makeKey } from "../secrets/key.ts"
import { type Lock, takeLock } from "../state/lock.ts"
import { openStore, readStore } from "../state/sqlite.ts"
import { EMPTY, type Snapshot, type Store } from "../state/store.ts"
import { EXIT, RunContext, type RunResult, type RunSetup, stateFile } from "./context.ts"
import { redactingStore } from "./redacting-store.ts"
import { settleOpen } from "./settle-open.ts"
import { tellEnd } from "./tell.ts"

/** Passes over lists that become known during apply: each makes at least one more known. */
const PASSES_MAX = 20

/** A run's result before it is told. */
type Ended = Omit<RunResult, "runId" | "error">

/**
 * Plans a program: reads the world, writes nothing. With `bound` the plan says what it was made from, to be saved.
 * @throws nothing: what went wrong is in the result
 * @example const { plan } = await planProgram(setup, {})
 */
export async function planProgram(
  setup: RunSetup,
  options: PlanOptions & { readonly bound?: boolean } = {},
): Promise<RunResult> {
  return running(
    setup,
    () => readState(setup, options.bound === true),
    async (context) => {
      const sessions = new Sessions(context.engine, context.snapshot.targets)
      try {
        const { bound, ...rest } = options
        const planned = await planOnce(context, sessions, rest)
        const plan = bound === true ? bind(planned) : planned.plan
        return { plan, applied: undefined, ...planOutcome(plan) }
      } finally {
        await sessions.close()
      }
    },
  )
}

function planOutcome(plan: Plan): Pick<RunResult, "outcome" | "exitCode"> {
  if (plan.changes.some((change) => change.action === "blocked")) return { outcome: "failed", exitCode: EXIT.error }
  return plan.changes.some(isPending)
    ? { outcome: "changes", exitCode: EXIT.changes }
    : { outcome: "unchanged", exitCode: EXIT.done }
}

/** Asked before a plan with changes is carried out. */
export type Consent = (plan: Plan) => Promise<boolean>

/**
 * Plans a program, asks for consent, carries the plan out and records it. A saved plan is refused where anything moved.
 * @throws nothing: what went wrong is in the result
 * @example const result = await applyProgram(setup, {}, async () => true)
 */
export async function applyProgram(
  setup: RunSetup,
  options: PlanOptions,
  consent: Consent,
  saved?: Plan,
): Promise<RunResult> {
  let lock: Lock | undefined
  let store: Store | undefined
  const begin = (): { snapshot: Snapshot; key: DataKey } => {
    const file = stateFile(setup)
    lock = takeLock(file.replace(/\.db$/, ".lock"), {
      who: setup.who,
      host: setup.host,
      pid: setup.pid,
      command: setup.command,
      since: new Date().toISOString(),
    })
    store = (setup.openStore ?? openStore)(file)
    const snapshot = store.load()
    return { snapshot, key: snapshot.keyId === undefined ? newKey(setup) : existingKey(setup) }
  }
  try {
    return await running(setup, begin, (context) => carryOut(context, store as Store, options, consent, saved), true)
  } finally {
    store?.close()
    lock?.release()
  }
}

async function carryOut(
  context: RunContext,
  raw: Store,
  options: PlanOptions,
  consent: Consent,
  saved: Plan | undefined,
): Promise<Ended> {
  const { engine, setup, events } = context
  const store = redactingStore(raw, engine.redact)
  const run = store.beginRun({
    id: events.runId,
    command: setup.command,
    who: setup.who,
    startedAt: context.startedAt,
    keyId: engine.key.id,
  })
  const sessions = new Sessions(engine, context.snapshot.targets)
  const journal = new Journal(store, run)
  let outcome = "failed"
  try {
    await settleOpen(context, journal)
    let planned = await planOnce(context, sessions, options)
    if (saved !== undefined) refuseStale(bind(planned), saved)
    if (planned.plan.changes.some(isPending) && !(await consent(planned.plan)))
      return { plan: planned.plan, applied: undefined, outcome: "cancelled", exitCode: EXIT.cancelled }
    planned = await makeRandomSecrets(context, journal, sessions, planned, options)
    await recordMoves(planned, journal, sessions)
    const applied = await carryPasses(context, planned, journal, sessions, options, store)
    const ended =
      engine.signal.aborted && applied.fatal === undefined
        ? { outcome: "cancelled" as const, exitCode: EXIT.cancelled }
        : applyOutcome(planned.plan, applied)
    outcome = ended.outcome
    return { plan: planned.plan, applied, ...ended }
  } finally {
    await sessions.close()
    if (!journal.broken) store.endRun(run, outcome, Date.now())
  }
}

function planOnce(
  context: RunContext,
  sessions: Sessions,
  options: PlanOptions,
  engine = context.engine,
): Promise<Planned> {
  const { setup, stage, params, snapshot } = context
  return makePlan(
    { scope: declare(setup.program, params), program: setup.program.name, stage, params, snapshot, options },
    sessions,
    engine,
  )
}

/** @throws FettleError `PLAN_STALE` saying which of program, state and world moved */
function refuseStale(now: Plan, saved: Plan): void {
  const moved = (["program", "state", "world"] as const).filter((each) => now.bound?.[each] !== saved.bound?.[each])
  if (moved.length > 0 || now.hash !== saved.hash)
    throw new FettleError("PLAN_STALE", `${moved.join(", ") || "the plan"} moved since the plan was made`, {
      details: { moved },
    })
}

/** Makes and writes down random secrets before anything uses them; what was compared with a placeholder is compared anew. */
async function makeRandomSecrets(
  context: RunContext,
  journal: Journal,
  sessions: Sessions,
  planned: Planned,
  options: PlanOptions,
): Promise<Planned> {
  const made = context.engine.box.makePending()
  if (made.length === 0) return planned
  await journal.write({ secrets: made })
  context.snapshot = {
    ...context.snapshot,
    secrets: new Map([...context.snapshot.secrets, ...made.map(({ name, sealed }) => [name, sealed] as const)]),
  }
  await context.engine.box.settlePending()
  return planOnce(context, sessions, options, { ...context.engine, emit: () => {} })
}

/** Writes down new names of recorded things and the identities of targets seen for the first time. */
async function recordMoves(planned: Planned, journal: Journal, sessions: Sessions): Promise<void> {
  const moved: { from: string; to: string }[] = []
  for (const work of planned.works.values()) {
    if (work.row === undefined || work.row.address === work.address) continue
    moved.push({ from: work.row.address, to: work.address })
    work.row = { ...work.row, address: work.address }
  }
  if (moved.length > 0 || sessions.unpinned.length > 0) await journal.write({ moved, targets: sessions.unpinned })
}

/** Applies; again while lists that nodes are made from become known. */
async function carryPasses(
  context: RunContext,
  first: Planned,
  journal: Journal,
  sessions: Sessions,
  options: PlanOptions,
  store: Store,
): Promise<Applied> {
  const { engine, setup, stage } = context
  const applyOptions = {
    stopping: setup.stopping ?? new AbortController().signal,
    verifyOnly: options.verifyOnly,
    stage,
    who: setup.who,
  }
  let planned = first
  let all: Applied = { outcomes: [], fatal: undefined }
  for (let pass = 1; pass <= PASSES_MAX; pass += 1) {
    engine.emit({ type: "apply.started", total: planned.plan.changes.length, pass })
    const applied = await apply(planned, journal, sessions, engine, applyOptions)
    all = { outcomes: [...all.outcomes, ...applied.outcomes], fatal: applied.fatal }
    if (!planned.partial || applied.fatal !== undefined || applied.outcomes.some(isBad)) return all
    context.snapshot = store.load()
    planned = await planOnce(context, sessions, options)
    planned = await makeRandomSecrets(context, journal, sessions, planned, options)
    await recordMoves(planned, journal, sessions)
  }
  return all
}

function isBad(outcome: Applied["outcomes"][number]): boolean {
  return outcome.outcome === "failed" || outcome.outcome === "maybe"
}

function applyOutcome(plan: Plan, applied: Applied): Pick<RunResult, "outcome" | "exitCode"> {
  if (applied.fatal?.code === "CANCELLED") return { outcome: "cancelled", exitCode: EXIT.cancelled }
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

/** State as it is, read without writing a byte. A key is made only where a plan is to be saved. */
function readState(setup: RunSetup, saved: boolean): { snapshot: Snapshot; key: DataKey } {
  const store = readStore(stateFile(setup))
  const snapshot = store?.load() ?? EMPTY
  store?.close()
  if (snapshot.keyId !== undefined) return { snapshot, key: existingKey(setup) }
  return { snapshot, key: saved ? newKey(setup) : (findKey(setup.key) ?? DataKey.passing()) }
}

/** @throws FettleError `STATE_WRITE` where the disk is full or broken: nothing may be sealed with a key that may be lost */
function newKey(setup: RunSetup): DataKey {
  try {
    return makeKey(setup.key)
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    throw new FettleError("STATE_WRITE", `the data key ${setup.key.file} cannot be made: ${causeText(thrown)}`, {
      cause: thrown,
    })
  }
}

function existingKey(setup: RunSetup): DataKey {
  const key = findKey(setup.key)
  if (key === undefined)
    throw new FettleError(
      "STATE_KEY_MISSING",
      `there is no data key in ${setup.key.file}, and FETTLE_STATE_KEY is not set`,
    )
  return key
}

/** Sets a run up, tells its start and its end, and turns what it throws into a result. */
async function running(
  setup: RunSetup,
  begin: () => { snapshot: Snapshot; key: DataKey },
  work: (context: RunContext) => Promise<Ended>,
  tells = false,
): Promise<RunResult> {
  let context: RunContext | undefined
  let ended: Ended
  let error: FettleError | undefined
  try {
    const { snapshot, key } = begin()
    context = new RunContext(setup, snapshot, key)
    context.events.emit({
      type: "run.started",
      command: setup.command,
      program: setup.program.name,
      stage: context.stage,
      who: setup.who,
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

function countsOf(applied: Applied | undefined): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { outcome, action } of applied?.outcomes ?? []) {
    const name = outcome === "done" ? action : outcome
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}
