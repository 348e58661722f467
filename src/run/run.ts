import { apply } from "../apply/apply.ts"
import { Journal } from "../apply/journal.ts"
import type { Applied } from "../apply/outcome.ts"
import { asFettleError, FettleError } from "../errors.ts"
import { isDenied, isPending, type Plan, type PlanOptions } from "../events/plan.ts"
import { together } from "../plan/as-plan.ts"
import { bind } from "../plan/bind.ts"
import type { Latecomers } from "../plan/latecomers.ts"
import type { Planned } from "../plan/planned.ts"
import { Sessions } from "../plan/sessions.ts"
import {
  prefixOfVersions,
  settledVersions,
  standingVersions,
  stands,
  versionIn,
  withoutRefused,
} from "../plan/versions.ts"
import type { Address } from "../program/address.ts"
import { declare } from "../program/program.ts"
import { releaseMemories } from "../release/memory.ts"
import type { Held } from "../state/home.ts"
import type { OnWait } from "../state/lock.ts"
import type { Store } from "../state/store.ts"
import { EXIT, type RunContext, type RunResult, type RunSetup } from "./context.ts"
import { homeOf } from "./home.ts"
import { firstPass, nextPass, type Pass } from "./passes.ts"
import { planOnce } from "./plan-once.ts"
import { type Accept, type Consent, recorded } from "./recorded.ts"
import { redactingStore } from "./redacting-store.ts"
import { refuseClockSetBack, refuseStale } from "./refuse-stale.ts"
import {
  applyOutcome,
  type Begun,
  type Ended,
  existingKey,
  isBad,
  newKey,
  printing,
  readState,
  running,
} from "./running.ts"
import { settleOpen } from "./settle-open.ts"
import { verifyProgram } from "./verify.ts"

/** Passes over lists that become known during apply: each makes at least one more known. */
const PASSES_MAX = 20

/**
 * Plans a program: reads the world, writes nothing. With `bound` the plan says what it was made from, to be saved; with
 * `check: false` pending changes are no exit code of their own.
 * @throws nothing: what went wrong is in the result
 * @example const { plan } = await planProgram(setup, {})
 */
export async function planProgram(
  setup: RunSetup,
  options: PlanOptions & { readonly bound?: boolean; readonly check?: boolean } = {},
): Promise<RunResult> {
  return running(
    setup,
    () => readState(setup, options.bound === true),
    async (context) => {
      const sessions = new Sessions(context.engine, context.snapshot.targets, options.expectTargets)
      try {
        const { bound: saved, check, ...rest } = options
        const planned = await planOnce(context, sessions, rest)
        const plan = saved === true ? bound(context, planned, sessions) : planned.plan
        return { plan, applied: undefined, ...planOutcome(plan, check !== false) }
      } finally {
        await sessions.close()
      }
    },
  )
}

export function planOutcome(plan: Plan, checks: boolean): Pick<RunResult, "outcome" | "exitCode"> {
  if (isDenied(plan) || plan.changes.some((change) => change.action === "blocked"))
    return { outcome: "failed", exitCode: EXIT.error }
  return plan.changes.some(isPending)
    ? { outcome: "changes", exitCode: checks ? EXIT.changes : EXIT.done }
    : { outcome: "unchanged", exitCode: EXIT.done }
}

/**
 * Plans a program, asks for consent, carries the plan out and records it. A saved plan is refused where anything moved.
 * With `verifyOnly` it only asks the checks.
 * @throws nothing: what went wrong is in the result
 * @example const result = await applyProgram(setup, {}, async () => true)
 */
export async function applyProgram(
  setup: RunSetup,
  options: PlanOptions,
  consent: Consent,
  saved?: Plan,
): Promise<RunResult> {
  if (options.verifyOnly === true) return verifyProgram(setup, options)
  let held: Held | undefined
  const begin = async (): Promise<Begun> => {
    const { who, host, pid, command } = setup
    held = await (await homeOf(setup)).take({ who, host, pid, command }, waitsFor(setup))
    const snapshot = await held.store.load()
    const key = snapshot.keyId === undefined ? newKey(setup) : printing(existingKey(setup), snapshot)
    return { snapshot, key, lost: held.lost }
  }
  try {
    const work = (context: RunContext): Promise<Ended> =>
      recorded(context, { options, consent, overtook: held?.overtook }, (acceptIn) =>
        carryOut(context, written(setup, held as Held), options, acceptIn, saved),
      )
    return await running(setup, begin, work, true)
  } finally {
    await held?.release()
  }
}

/** Whose lock may soon be over. */
function waitsFor({ tellWait }: RunSetup): OnWait {
  return ({ who, host, command, since }, mostMs) =>
    tellWait?.(
      `${who} on ${host} (fettle ${command}, since ${since}) does not renew its lock: waiting until it is back or its lease is over, at most ${Math.ceil(mostMs / 1_000)} s.`,
    )
}

function written({ wrapStore }: RunSetup, { store }: Held): Store {
  return wrapStore === undefined ? store : wrapStore(store)
}

async function carryOut(
  context: RunContext,
  raw: Store,
  options: PlanOptions,
  acceptIn: (sessions: Sessions) => Accept,
  saved: Plan | undefined,
): Promise<Ended> {
  const { engine, setup, events } = context
  const store = redactingStore(raw, engine.redact)
  const run = await store.beginRun({
    id: events.runId,
    command: setup.command,
    who: setup.who,
    startedAt: context.startedAt,
    keyId: engine.key.id,
  })
  const sessions = new Sessions(engine, context.snapshot.targets, options.expectTargets)
  const journal = new Journal(store, run)
  const accept = acceptIn(sessions)
  let outcome = "failed"
  try {
    await settleOpen(context, journal)
    const latecomers = saved === undefined ? firstPass(options) : undefined
    let planned = await planOnce(context, sessions, options, { latecomers })
    if (saved !== undefined) {
      refuseClockSetBack(await store.runs(), context.startedAt)
      refuseStale(bound(context, planned, sessions), saved)
    }
    if (!(await accept(planned.plan, saved)))
      return { plan: planned.plan, applied: undefined, outcome: "cancelled", exitCode: EXIT.cancelled }
    planned = await makeRandomSecrets(context, journal, sessions, planned, options, latecomers)
    await recordMoves(planned, journal, sessions)
    const first = { planned, latecomers }
    const { plan, ...done } = await carryPasses(context, first, journal, sessions, options, store, accept)
    const applied = await removeOldVersions(context, done, journal, sessions, options, store)
    const ended = applyOutcome(plan, applied, engine.signal)
    outcome = setup.crash?.() === undefined ? ended.outcome : "failed"
    return { plan, applied, ...ended }
  } finally {
    await sessions.close()
    if (!journal.broken) await store.endRun(run, outcome, Date.now())
  }
}

function bound({ setup }: RunContext, planned: Planned, sessions: Sessions): Plan {
  const { notify = [], audit } = setup.program.options
  return bind(planned, notify, setup.sources?.() ?? "", sessions.identities, audit)
}

/** Makes and writes down random secrets before anything uses them; what was compared with a placeholder is compared anew. */
async function makeRandomSecrets(
  context: RunContext,
  journal: Journal,
  sessions: Sessions,
  planned: Planned,
  options: PlanOptions,
  latecomers?: Latecomers,
): Promise<Planned> {
  const made = context.engine.box.makePending()
  if (made.length === 0) return planned
  await journal.write({ secrets: made })
  context.snapshot = {
    ...context.snapshot,
    secrets: new Map([...context.snapshot.secrets, ...made.map(({ name, sealed }) => [name, sealed] as const)]),
  }
  await context.engine.box.settlePending()
  return planOnce(context, sessions, options, { engine: { ...context.engine, emit: () => {} }, latecomers })
}

/** Writes down new names of recorded things and the identities of targets seen for the first time. */
async function recordMoves(planned: Planned, journal: Journal, sessions: Sessions): Promise<void> {
  const moved: { from: string; to: string }[] = []
  for (const work of planned.works.values()) {
    if (work.row === undefined || work.row.address === work.address) continue
    if (work.planned?.action === "none" || work.planned?.action === "blocked") continue // not a target, or told as not done
    moved.push({ from: work.row.address, to: work.address })
    work.row = { ...work.row, address: work.address }
  }
  if (moved.length > 0 || sessions.unpinned.length > 0) await journal.write({ moved, targets: sessions.unpinned })
}

/**
 * Applies; again for those who answered late, with a plan and consent of their own, and while lists that nodes are made from become
 * known.
 */
async function carryPasses(
  context: RunContext,
  first: Pass,
  journal: Journal,
  sessions: Sessions,
  options: PlanOptions,
  store: Store,
  accept: Accept,
): Promise<Applied & { readonly plan: Plan }> {
  const { engine, setup, stage } = context
  const applyOptions = {
    stopping: setup.stopping ?? new AbortController().signal,
    stage,
    who: setup.who,
  }
  // What was asked for by name is done by the first pass: a later one would make it anew once more.
  const { replace: _replace, force: _force, ...later } = options
  let { planned, latecomers } = first
  let plan = planned.plan
  let isPartial = false
  let all: Applied = { outcomes: [], fatal: undefined }
  for (let pass = 1; pass <= PASSES_MAX; pass += 1) {
    engine.emit({ type: "apply.started", total: planned.plan.changes.length, pass })
    const applied = await apply(planned, journal, sessions, engine, applyOptions)
    all = { outcomes: [...all.outcomes, ...applied.outcomes], fatal: applied.fatal }
    isPartial ||= planned.partial
    latecomers = nextPass(latecomers, planned, pass)
    if (applied.fatal !== undefined) return { ...all, plan }
    if (latecomers === undefined && (!isPartial || all.outcomes.some(isBad))) return { ...all, plan }
    if (latecomers === undefined) isPartial = false // this pass is about all that is known by now
    try {
      context.snapshot = await store.load()
      planned = await planOnce(context, sessions, later, { latecomers })
      if (latecomers !== undefined) {
        plan = together(plan, planned.plan)
        if (!(await accept(planned.plan)))
          return { ...all, fatal: new FettleError("CANCELLED", "what answered later was left as it is"), plan }
      }
      planned = await makeRandomSecrets(context, journal, sessions, planned, later, latecomers)
      await recordMoves(planned, journal, sessions)
    } catch (thrown) {
      // What the passes before have done is told all the same.
      return { ...all, fatal: asFettleError(thrown, "INTERNAL"), plan }
    }
  }
  return { ...all, plan }
}

/**
 * Removes the versions that releases of this run have done with: taken back, or older than what they keep. Whether it can be done is told,
 * and does not change how the run ended; what is left goes with the next one.
 */
async function removeOldVersions(
  context: RunContext,
  done: Applied,
  journal: Journal,
  sessions: Sessions,
  options: PlanOptions,
  store: Store,
): Promise<Applied> {
  const { engine, setup, stage } = context
  if (done.fatal !== undefined || options.destroy === true || options.verifyOnly === true) return done
  if (!done.outcomes.some(({ address, verdict }) => verdict !== undefined && prefixOfVersions(address) !== undefined))
    return done
  try {
    context.snapshot = await store.load()
    const targets = leftOver(context)
    if (targets.length === 0) return done
    const removing = { targets, doneWith: new Set(targets), expectDeletes: targets.length }
    const planned = await planOnce(context, sessions, removing, { engine: { ...engine, emit: () => {} } })
    const stopping = setup.stopping ?? new AbortController().signal
    const own = (address: string): boolean => targets.includes(address) // a release that is refused by now is told already
    const emit: typeof engine.emit = (body) => {
      if (!("address" in body) || own(body.address)) engine.emit(body)
    }
    const asked = { stopping, stage, who: setup.who }
    const { outcomes, fatal } = await apply(planned, journal, sessions, { ...engine, emit }, asked)
    return { outcomes: [...done.outcomes, ...outcomes.filter(({ address }) => own(address))], fatal }
  } catch (thrown) {
    return { ...done, fatal: asFettleError(thrown, "INTERNAL") }
  }
}

/** What is recorded of versions that no release needs any more, and what the version that has all traffic no longer declares. */
function leftOver({ setup, params, snapshot }: RunContext): readonly string[] {
  const scope = withoutRefused(declare(setup.program, params, releaseMemories(snapshot), "apply"))
  const [standing, settled] = [standingVersions(scope), settledVersions(scope)]
  return snapshot.rows
    .filter(({ address, deposed }) => deposed === "" && !scope.declarations.has(address as Address))
    .filter(({ address }) => standing.some(({ prefix }) => versionIn(address, prefix) !== undefined))
    .filter(({ address }) => !stands(address, standing) || stands(address, settled))
    .map(({ address }) => address)
}
