import { randomUUID } from "node:crypto"
import { asFettleError, FettleError } from "../errors.ts"
import type { NodeOutcome } from "../events/events.ts"
import { CALL_TIMEOUT_MS, type Engine } from "../plan/engine.ts"
import type { Planned } from "../plan/planner.ts"
import { driverOf } from "../plan/read.ts"
import type { Sessions } from "../plan/sessions.ts"
import { NOTHING, newWork, type Work } from "../plan/work.ts"
import { durationMs } from "../policies/duration.ts"
import { callWith, type Policy } from "../policies/policy.ts"
import type { Address } from "../program/address.ts"
import type { ChangeItem, ChangeResult, Connection, Driver, Intent, Json } from "../provider.ts"
import { encode } from "../state/encode.ts"
import type { IntentAction, NewIntent, Result, Row } from "../state/store.ts"
import { Finallies } from "./finally.ts"
import type { Journal } from "./journal.ts"
import { NodeLog } from "./node-log.ts"
import { type Applied, factsOf, type Outcome } from "./outcome.ts"
import { checkOutputs, differs, rowOf } from "./record.ts"
import { refresh } from "./refresh.ts"
import { link, newStep, type Step, stepsOf } from "./steps.ts"
import { writeCall } from "./write-call.ts"

export interface ApplyOptions {
  /** Aborted by the first Ctrl-C: calls in flight finish and are recorded, nothing new begins. */
  readonly stopping: AbortSignal
  readonly verifyOnly?: boolean | undefined
  readonly stage: string
  readonly who: string
}

/** Carries a plan out: as parallel as the graph, the connections and the run's limit allow. A failure stops only what depends on it. */
export async function apply(
  planned: Planned,
  journal: Journal,
  sessions: Sessions,
  engine: Engine,
  options: ApplyOptions,
): Promise<Applied> {
  const run = new ApplyRun(planned, journal, sessions, engine, options)
  return run.run()
}

/** A change that is in the journal and on its way. */
interface Underway {
  readonly step: Step
  readonly seq: number | undefined
  readonly token: string
  readonly action: IntentAction | "check"
  readonly startedAt: number
  readonly log: NodeLog
}

class ApplyRun {
  readonly #planned: Planned
  readonly #journal: Journal
  readonly #sessions: Sessions
  readonly #engine: Engine
  readonly #options: ApplyOptions
  readonly #finallies: Finallies
  readonly #ready = new Map<Connection | undefined, Step[]>()
  readonly #busy = new Map<Connection | undefined, number>()
  readonly #outcomes: Outcome[] = []
  readonly #changed = new Set<Address>()
  readonly #steps: Step[]
  #inFlight = 0
  #pumping = false
  #left: number
  #fatal: FettleError | undefined
  readonly #finished = Promise.withResolvers<void>()

  constructor(planned: Planned, journal: Journal, sessions: Sessions, engine: Engine, options: ApplyOptions) {
    this.#planned = planned
    this.#journal = journal
    this.#sessions = sessions
    this.#engine = engine
    this.#options = options
    this.#finallies = new Finallies(planned, journal, engine)
    this.#steps = [...stepsOf(planned, options.verifyOnly === true)]
    this.#left = this.#steps.length
  }

  async run(): Promise<Applied> {
    const stop = (): void => this.#pump()
    this.#options.stopping.addEventListener("abort", stop, { once: true })
    this.#engine.signal.addEventListener("abort", stop, { once: true })
    this.#enqueue(this.#steps.filter((step) => step.waits === 0))
    this.#pump()
    await this.#finished.promise
    this.#options.stopping.removeEventListener("abort", stop)
    if (this.#fatal === undefined) await this.#finallies.endAll()
    return { outcomes: this.#outcomes, fatal: this.#fatal }
  }

  /** Puts steps that wait for nothing any more into their connection's queue; what needs no doing ends at once. */
  #enqueue(steps: readonly Step[]): void {
    const queue = [...steps]
    for (let step = queue.pop(); step !== undefined; step = queue.pop()) {
      if (step.heldBy !== undefined)
        queue.push(...this.#end(step, "skipped", new FettleError("CHANGE_FAILED", `waits for ${step.heldBy}`)))
      else if (this.#isIdle(step))
        queue.push(
          ...this.#end(step, step.work.planned?.action === "blocked" ? "failed" : "unchanged", step.work.error),
        )
      else {
        const known = this.#ready.get(step.work.connection)
        if (known === undefined) this.#ready.set(step.work.connection, [step])
        else known.push(step)
      }
    }
  }

  #isIdle(step: Step): boolean {
    const { work } = step
    const action = work.planned?.action
    if (action === "blocked" || work.declaration?.type === "each") return true
    if (work.declaration?.type === "lookup") return action === "none"
    if (this.#options.verifyOnly === true) return action !== "check"
    if (action !== "none") return false
    if (work.planned?.because === "not a target") return true
    const stale = work.declaration?.complete === false && work.declaration.needs.some((need) => this.#changed.has(need))
    return !stale && work.open.length === 0 && !this.#needsRecord(work)
  }

  /** Whether state would say something else of an unchanged thing than it does. */
  #needsRecord(work: Work): boolean {
    if (work.declaration?.type !== "resource" && work.declaration?.type !== "task") return false
    if (work.seen === undefined || !("outputs" in work.seen) || work.want === undefined) return false
    return differs(rowOf(work, work.seen.outputs as Record<string, unknown>, this.#engine, false), work.row)
  }

  #pump(): void {
    const stopped = this.#options.stopping.aborted || this.#engine.signal.aborted || this.#fatal !== undefined
    if (!stopped) for (const [connection, queue] of this.#ready) if (queue.length > 0) this.#take(connection, queue)
    if (this.#inFlight > 0) return
    if (this.#left === 0) this.#finished.resolve()
    else if (stopped) {
      this.#fatal ??= new FettleError("CANCELLED", `cancelled with ${this.#left} steps left`)
      this.#finished.resolve()
    }
  }

  #take(connection: Connection | undefined, queue: Step[]): void {
    const room = Math.min(
      this.#engine.parallel - this.#inFlight,
      this.#waveOf(connection) - (this.#busy.get(connection) ?? 0),
    )
    if (room <= 0) return
    const batch = queue.splice(0, room)
    if (queue.length === 0) this.#ready.delete(connection)
    this.#inFlight += batch.length
    this.#busy.set(connection, (this.#busy.get(connection) ?? 0) + batch.length)
    this.#turn(batch).catch((thrown: unknown) => this.#end(batch[0] as Step, "failed", this.#die(thrown)))
  }

  readonly #waves = new Map<Connection | undefined, number>()

  #waveOf(connection: Connection | undefined): number {
    return this.#waves.get(connection) ?? connection?.limits?.concurrent ?? this.#engine.parallel
  }

  /** One batch of steps on one connection, from looking again to their record. */
  async #turn(batch: readonly Step[]): Promise<void> {
    let driver: Driver
    try {
      driver = await driverOf((batch[0] as Step).work, this.#sessions, this.#engine)
    } catch (thrown) {
      for (const step of batch) this.#done(step, "failed", asFettleError(thrown, "CONNECTION_FAILED"))
      return
    }
    this.#waves.set((batch[0] as Step).work.connection, driver.wave ?? this.#engine.parallel)
    await refresh(batch, this.#planned.works, this.#changed, driver.guards, this.#ready.get((batch[0] as Step).work.connection) ?? [], this.#sessions, this.#engine)
    const acting: Step[] = []
    for (const step of batch) if (!this.#endsWithout(step)) acting.push(step)
    const recording = acting.filter((step) => isRecordOnly(step.work.planned?.action))
    const changing = acting.filter((step) => !isRecordOnly(step.work.planned?.action))
    await Promise.all([this.#record(recording), this.#change(changing, driver)])
  }

  #endsWithout(step: Step): boolean {
    const { work } = step
    if (work.planned?.action !== "blocked") return false
    this.#done(step, "failed", work.error ?? new FettleError("CHANGE_FAILED", work.planned.because))
    return true
  }

  /** Steps that change only state: taken over, refreshed, forgotten, or nothing but a record. */
  async #record(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return
    const rows: Row[] = []
    const removed: { address: string; deposed: string }[] = []
    const results: Result[] = []
    for (const { work } of steps) {
      if (work.planned?.action === "forget")
        removed.push({ address: work.row?.address ?? work.address, deposed: work.row?.deposed ?? "" })
      else if (work.planned?.action === "refresh")
        rows.push({
          ...(work.row as Row),
          outputs: rowOf({ ...work, want: {} }, seenOutputs(work), this.#engine, false).outputs,
        })
      else if (this.#needsRecord(work)) rows.push(rowOf(work, seenOutputs(work), this.#engine, work.found))
      if (work.row !== undefined && work.row.address !== work.address && work.planned?.action !== "forget")
        removed.push({ address: work.row.address, deposed: "" })
      results.push(...this.#closing(work))
      if (work.declaration !== undefined && work.seen !== undefined && "outputs" in work.seen)
        work.known = work.seen.outputs as Record<string, unknown>
    }
    if (!(await this.#written(() => this.#journal.end(results, rows, removed)))) return this.#abandon(steps)
    for (const step of steps) this.#done(step, step.work.planned?.action === "none" ? "unchanged" : "done")
  }

  /** Open intents of an earlier run that this turn settles. */
  #closing(work: Work): readonly Result[] {
    return work.open.map((each) => ({
      seq: each.seq,
      outcome: "settled" as const,
      endedAt: this.#engine.now(),
      closes: true,
    }))
  }

  async #change(steps: readonly Step[], driver: Driver): Promise<void> {
    if (steps.length === 0) return
    const underway = await this.#begin(steps)
    if (underway === undefined) return this.#abandon(steps)
    const byItem = new Map<ChangeItem, Underway>()
    const alone: Promise<void>[] = []
    for (const each of underway) {
      this.#engine.emit({ type: "node.started", address: each.step.work.address, action: each.action })
      const item = this.#itemOf(each)
      if (each.step.work.declaration?.options.policies?.length) alone.push(this.#guarded(each, item, driver))
      else byItem.set(item, each)
    }
    if (byItem.size > 0) alone.push(this.#send(byItem, driver))
    await Promise.all(alone)
  }

  async #send(byItem: ReadonlyMap<ChangeItem, Underway>, driver: Driver): Promise<void> {
    const unsettled = new Set(byItem.keys())
    const settled: Promise<void>[] = []
    const settle = (item: ChangeItem, result: ChangeResult): void => {
      if (unsettled.delete(item)) settled.push(this.#settle(byItem.get(item) as Underway, result))
    }
    try {
      await driver.change([...byItem.keys()], settle)
    } catch (thrown) {
      for (const item of unsettled) settle(item, { failed: asFettleError(thrown, "PROVIDER_THREW"), maybe: true })
    }
    for (const item of unsettled)
      settle(item, {
        failed: new FettleError("PROVIDER_THREW", `the connection gave no result for ${item.address}`),
        maybe: true,
      })
    await Promise.all(settled)
  }

  /** One change with the policies of its node around it; a retry repeats the same intent. */
  async #guarded(each: Underway, item: ChangeItem, driver: Driver): Promise<void> {
    const { work } = each.step
    const answer: { result?: ChangeResult | undefined; tries: number } = { tries: 0 }
    const once = async (signal: AbortSignal): Promise<void> => {
      const intent = { ...item.intent, repeated: item.intent.repeated || answer.tries > 0 }
      answer.tries += 1
      answer.result = undefined
      await driver.change([{ ...item, signal, intent }], (_item, result) => (answer.result = result))
      throwUnlessMade(answer.result, work.address)
    }
    const { who, stage, stopping } = this.#options
    const policies = (work.declaration?.options.policies ?? []) as readonly Policy[]
    try {
      await callWith(policies, once, { name: work.address, who, stage, signal: this.#engine.signal, stopping })
    } catch (thrown) {
      const { result, tries } = answer
      const maybe = tries > 0 && (result === undefined || !("failed" in result) || result.maybe)
      answer.result = { failed: asFettleError(thrown, "CHANGE_FAILED"), maybe }
    }
    await this.#settle(each, answer.result as ChangeResult)
  }

  /** Writes the intents of all steps in one synced transaction. Undefined: nothing may start. */
  async #begin(steps: readonly Step[]): Promise<readonly Underway[] | undefined> {
    const startedAt = this.#engine.now()
    const underway: (Omit<Underway, "seq"> & { readonly intent: NewIntent | undefined })[] = []
    const opens: ReturnType<Finallies["opens"]>[number][] = []
    const closing: Result[] = []
    for (const step of steps) {
      const action = actionOf(step)
      const token = step.work.repeat?.token ?? randomUUID()
      underway.push({
        step,
        action,
        token,
        startedAt,
        log: new NodeLog(this.#engine, step.work.address),
        intent: action === "check" ? undefined : this.#intentOf(step, action, token, startedAt),
      })
      opens.push(...this.#finallies.opens(step.work.address))
      closing.push(...this.#closing(step.work))
    }
    const intents = [...underway.flatMap((each) => each.intent ?? []), ...opens.map((each) => each.intent)]
    if (intents.length === 0) return underway.map((each) => ({ ...each, seq: undefined }))
    let seqs: readonly number[] = []
    const written = await this.#written(async () => {
      seqs = await this.#journal.begin(intents, { results: closing })
    })
    if (!written) return undefined
    let at = 0
    const result = underway.map((each) => ({ ...each, seq: each.intent === undefined ? undefined : seqs[at++] }))
    for (const each of opens) each.opened(seqs[at++] as number)
    return result
  }

  #intentOf(step: Step, action: IntentAction, token: string, startedAt: number): NewIntent {
    const { work } = step
    const deposed = step.kind === "deposed" ? (work.row?.deposed ?? "") : ""
    return {
      address: work.address,
      deposed,
      action,
      kind: work.provider.kind,
      connection: work.connection?.name ?? "",
      id: work.id,
      token,
      want: work.want === undefined ? (work.row?.props ?? "{}") : encode(work.want),
      needs: work.declaration?.needs ?? work.row?.needs ?? [],
      startedAt,
    }
  }

  #itemOf(each: Underway): ChangeItem {
    const { work } = each.step
    const intent: Intent = {
      token: each.token,
      repeated: work.repeat !== undefined,
      ...(work.repeat?.progress === undefined ? {} : { progress: work.repeat.progress }),
    }
    const { seq } = each
    return {
      provider: work.provider,
      address: work.address,
      action: each.action === "delete" ? "delete" : "ensure",
      want: work.want,
      seen: work.seen ?? { absent: true },
      last: work.last,
      id: work.id,
      change: work.change ?? { action: "none" },
      intent,
      timeoutMs: this.#timeoutOf(work),
      signal: this.#engine.signal,
      call: (connection) =>
        writeCall(work, intent, connection, this.#engine, each.log, async (json) => {
          if (seq !== undefined) await this.#journal.write({ progress: [{ seq, json }] })
        }),
    }
  }

  #timeoutOf(work: Work): number {
    const given = work.declaration?.options.timeout
    return given === undefined ? (work.provider.timeoutMs ?? CALL_TIMEOUT_MS) : durationMs(given as number)
  }

  /** Records how one change ended and lets what waited for it go on. */
  async #settle(each: Underway, result: ChangeResult): Promise<void> {
    const { step } = each
    each.log.end()
    try {
      if ("failed" in result) await this.#failed(each, result.failed, result.maybe)
      else if ("deleted" in result) await this.#deleted(each)
      else await this.#made(each, result.outputs)
    } catch (thrown) {
      this.#done(step, "maybe", this.#die(thrown))
    }
  }

  async #made(each: Underway, given: unknown): Promise<void> {
    const { step, seq } = each
    const { work } = step
    let outputs: Readonly<Record<string, unknown>>
    let wrong: FettleError | undefined
    try {
      outputs = checkOutputs(work, given)
    } catch (thrown) {
      wrong = asFettleError(thrown, "OUTPUT_WRONG")
      outputs = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : NOTHING
    }
    if (work.declaration?.type === "check") return this.#answered(each, outputs, wrong)
    const row = {
      ...rowOf(work, outputs, this.#engine, each.action !== "update", carryOf(work, given)),
      unfinished: wrong !== undefined,
    }
    const former: readonly Row[] = work.former === undefined ? [] : [{ ...work.former, deposed: each.token }]
    const removed =
      work.row !== undefined && work.row.address !== work.address ? [{ address: work.row.address, deposed: "" }] : []
    await this.#journal.end(
      [
        {
          seq: seq as number,
          outcome: wrong === undefined ? "done" : "failed",
          endedAt: this.#engine.now(),
          error: wrong?.fact,
          closes: true,
        },
      ],
      [row, ...former],
      removed,
    )
    work.known = outputs
    this.#changed.add(work.address)
    for (const old of former) this.#addDeposed(step, old)
    this.#done(step, wrong === undefined ? "done" : "failed", wrong, each)
  }

  /** The old one of a replaced thing is deleted once everything that used it has moved on. */
  #addDeposed(step: Step, old: Row): void {
    const { work } = step
    const later = newStep(`${old.address}\n${old.deposed}`, "deposed", {
      ...newWork({
        address: old.address as Address,
        declaration: undefined,
        provider: work.provider,
        connection: work.connection,
        row: old,
        open: [],
      }),
      planned: { address: old.address, type: "resource", kind: old.kind, action: "delete", because: "replaced" },
    })
    this.#left += 1
    for (const follower of step.followers) if (follower.kind === "node") link(follower, later)
    link(step, later)
  }

  #answered(each: Underway, outputs: Readonly<Record<string, unknown>>, wrong: FettleError | undefined): void {
    const { step } = each
    const verdict = (outputs.verdict ?? "inconclusive") as "yes" | "no" | "inconclusive"
    const evidence = String(outputs.evidence ?? wrong?.fact ?? "")
    step.work.known = outputs
    this.#engine.emit({
      type: "check.finished",
      address: step.work.address,
      verdict,
      evidence,
      durationMs: this.#engine.now() - each.startedAt,
      measured: (outputs.measured ?? {}) as never,
    })
    const error =
      verdict === "yes" ? undefined : new FettleError(verdict === "no" ? "CHECK_NO" : "CHECK_INCONCLUSIVE", evidence)
    this.#done(step, verdict === "yes" ? "done" : "failed", error, each, verdict)
  }

  async #deleted(each: Underway): Promise<void> {
    const { step, seq } = each
    const { work } = step
    await this.#journal.end(
      [{ seq: seq as number, outcome: "done", endedAt: this.#engine.now(), closes: true }],
      [],
      [{ address: work.row?.address ?? work.address, deposed: work.row?.deposed ?? "" }],
    )
    if (step.kind !== "node") return this.#done(step, "done", undefined, each)
    work.row = undefined
    work.last = undefined
    work.seen = { absent: true }
    work.change = { action: "create" }
    if (work.provider.idOf !== undefined) work.id = undefined
    const driver = await driverOf(work, this.#sessions, this.#engine)
    await this.#change([step], driver)
  }

  async #failed(each: Underway, error: FettleError, maybe: boolean): Promise<void> {
    const { step, seq } = each
    const { work } = step
    error.at(work.address, work.declaration?.place)
    if (work.declaration?.type === "check")
      return this.#answered(each, { verdict: "inconclusive", evidence: error.fact }, error)
    const settlesItself =
      !maybe ||
      each.action === "delete" ||
      each.action === "update" ||
      (each.action === "run" && !this.#engine.signal.aborted)
    const rows = work.row === undefined || work.row.deposed !== "" ? [] : [{ ...work.row, unfinished: true }]
    await this.#journal.end(
      [
        {
          seq: seq as number,
          outcome: maybe ? "maybe" : "failed",
          endedAt: this.#engine.now(),
          error: `${error.code}: ${error.fact}`,
          closes: settlesItself,
        },
      ],
      rows,
    )
    this.#done(step, maybe && !settlesItself ? "maybe" : "failed", error, each)
  }

  async #written(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write()
      return true
    } catch (thrown) {
      this.#die(thrown)
      return false
    }
  }

  /** The run itself must end: nothing new begins. */
  #die(thrown: unknown): FettleError {
    this.#fatal ??= asFettleError(thrown, "INTERNAL")
    return this.#fatal
  }

  #abandon(steps: readonly Step[]): void {
    for (const step of steps) this.#done(step, "skipped", this.#fatal)
  }

  #done(step: Step, outcome: NodeOutcome, error?: FettleError, each?: Underway, verdict?: Outcome["verdict"]): void {
    const { connection } = step.work
    this.#inFlight -= 1
    this.#busy.set(connection, (this.#busy.get(connection) ?? 1) - 1)
    this.#enqueue(this.#end(step, outcome, error, each, verdict))
    this.#pumpSoon()
  }

  /** Results that come together are followed by one batch, not by one each. */
  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  /** Notes how a step ended; gives the steps that wait for nothing any more. */
  #end(
    step: Step,
    outcome: NodeOutcome,
    error?: FettleError,
    each?: Underway,
    verdict?: Outcome["verdict"],
  ): readonly Step[] {
    const { work } = step
    this.#left -= 1
    const action = work.planned?.action ?? "none"
    if (outcome !== "unchanged" || action !== "none") {
      const durationMs = each === undefined ? 0 : this.#engine.now() - each.startedAt
      this.#outcomes.push({
        address: work.address,
        action,
        outcome,
        error: error?.at(work.address, work.declaration?.place),
        verdict,
      })
      this.#engine.emit({
        type: "node.finished",
        address: work.address,
        action,
        outcome,
        durationMs,
        because: work.planned?.because,
        ...(error === undefined ? {} : { error: factsOf(error) }),
      })
    }
    const freed: Step[] = []
    for (const follower of step.followers) {
      follower.waits -= 1
      if (outcome === "failed" || outcome === "maybe" || outcome === "skipped") follower.heldBy ??= work.address
      if (follower.waits === 0) freed.push(follower)
    }
    if (step.kind === "node") this.#finallies.ended(work.address).catch((thrown: unknown) => this.#die(thrown))
    return freed
  }
}

/** A change that did not go through, as an exception: what policies look at. */
function throwUnlessMade(result: ChangeResult | undefined, address: Address): void {
  if (result === undefined) throw new FettleError("PROVIDER_THREW", `the connection gave no result for ${address}`)
  if ("failed" in result) throw result.failed
}

/** Facts that a provider wants remembered; it knows the very object that it returned. */
function carryOf(work: Work, given: unknown): Json | undefined {
  return typeof given === "object" && given !== null ? work.provider.carry?.(given) : undefined
}

function isRecordOnly(action: string | undefined): boolean {
  return action === "adopt" || action === "forget" || action === "refresh" || action === "none"
}

function seenOutputs(work: Work): Readonly<Record<string, unknown>> {
  return work.seen !== undefined && "outputs" in work.seen ? (work.seen.outputs as Record<string, unknown>) : NOTHING
}

/** What goes into the journal for a step. A replace that deletes first is two changes: its first is a delete. */
function actionOf(step: Step): IntentAction | "check" {
  if (step.kind !== "node") return "delete"
  const { work } = step
  const action = work.change?.action
  if (action === "check") return "check"
  if (action === "run") return "run"
  if (action === "replace" && work.former === undefined && work.row !== undefined)
    return work.change !== undefined && "order" in work.change && work.change.order === "create-first"
      ? asCreateFirst(work)
      : "delete"
  if (action === "update") return "update"
  return work.former === undefined ? "create" : "replace"
}

/** A new one is made beside the old one, which is deleted when everything that used it has moved on. */
function asCreateFirst(work: Work): IntentAction {
  work.former = work.row
  work.row = undefined
  work.last = undefined
  work.seen = { absent: true }
  if (work.provider.idOf !== undefined) work.id = undefined
  return "replace"
}
