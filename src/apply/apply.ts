import { asFettleError, FettleError } from "../errors.ts"
import type { NodeOutcome } from "../events/events.ts"
import type { Engine } from "../plan/engine.ts"
import type { Planned } from "../plan/planned.ts"
import { driverOf } from "../plan/read.ts"
import type { Sessions } from "../plan/sessions.ts"
import { addressOfRow, NOTHING, newWork, type Work } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import type { Connection, Driver } from "../provider.ts"
import type { Result, Row } from "../state/store.ts"
import { Changes, type Turns } from "./changes.ts"
import { Finallies } from "./finally.ts"
import type { Underway } from "./intents.ts"
import type { Journal } from "./journal.ts"
import { type Applied, type ApplyOptions, factsOf, type Outcome } from "./outcome.ts"
import { closing, differs, rowOf } from "./record.ts"
import { refresh } from "./refresh.ts"
import { link, newStep, type Step, stepsOf } from "./steps.ts"

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
  readonly #changes: Changes
  readonly #ended = new WeakSet<Step>()
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
    const turns: Turns = {
      done: (step, outcome, error, each, verdict) => this.#done(step, outcome, error, each, verdict),
      die: (thrown) => this.#die(thrown),
      abandon: (steps) => this.#abandon(steps),
      written: (write) => this.#written(write),
      changed: (address) => this.#changed.add(address),
      addDeposed: (step, old) => this.#addDeposed(step, old),
    }
    this.#changes = new Changes({ journal, sessions, engine, options, finallies: this.#finallies, turns })
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
    if (this.#engine.signal.aborted && this.#outcomes.some(({ error }) => error?.code === "CANCELLED"))
      this.#fatal ??= new FettleError("CANCELLED", "cancelled while calls were under way")
    // After a second Ctrl-C, or where nothing can be recorded, what is owed runs at the next start.
    if (!this.#engine.signal.aborted && !this.#journal.broken) await this.#finallies.endAll()
    return { outcomes: this.#outcomes, fatal: this.#fatal }
  }

  /** Puts steps that wait for nothing any more into their connection's queue; what needs no doing ends at once. */
  #enqueue(steps: readonly Step[]): void {
    const queue = [...steps]
    for (const step of queue) {
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
    this.#turn(batch).catch((thrown: unknown) => {
      this.#die(thrown)
      this.#abandon(batch.filter((step) => !this.#ended.has(step)))
    })
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
    await refresh(
      batch,
      this.#planned.works,
      this.#changed,
      driver.guards,
      this.#ready.get((batch[0] as Step).work.connection) ?? [],
      this.#sessions,
      this.#engine,
    )
    const acting: Step[] = []
    for (const step of batch) if (!this.#endsWithout(step)) acting.push(step)
    const recording = acting.filter((step) => isRecordOnly(step.work.planned?.action))
    const changing = acting.filter((step) => !isRecordOnly(step.work.planned?.action))
    await Promise.all([this.#record(recording), this.#changes.change(changing, driver)])
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
      if (work.former !== undefined) rows.push({ ...work.former, deposed: deposedBy(work) })
      if (work.row !== undefined && work.row.address !== work.address && work.planned?.action !== "forget")
        removed.push({ address: work.row.address, deposed: "" })
      results.push(...closing(work, this.#engine))
      if (work.declaration !== undefined && work.seen !== undefined && "outputs" in work.seen)
        work.known = work.seen.outputs as Record<string, unknown>
    }
    if (!(await this.#written(() => this.#journal.end(results, rows, removed)))) return this.#abandon(steps)
    for (const step of steps) {
      const { former, planned } = step.work
      if (former !== undefined) this.#addDeposed(step, { ...former, deposed: deposedBy(step.work) })
      this.#done(step, planned?.action === "none" ? "unchanged" : "done")
    }
  }

  /** The old one of a replaced thing is deleted once everything that used it has moved on. */
  #addDeposed(step: Step, old: Row): void {
    const { work } = step
    const later = newStep(`${old.address}\n${old.deposed}`, "deposed", {
      ...newWork({
        address: addressOfRow(old),
        declaration: undefined,
        provider: work.provider,
        connection: work.connection,
        row: old,
        open: [],
      }),
      planned: { address: addressOfRow(old), type: "resource", kind: old.kind, action: "delete", because: "replaced" },
    })
    this.#left += 1
    for (const follower of step.followers) if (follower.kind === "node") link(follower, later)
    link(step, later)
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
    this.#ended.add(step)
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

/** The token under which a replaced thing waits to be deleted: of the create that was found. */
function deposedBy(work: Work): string {
  return work.open.at(-1)?.token ?? work.address
}

function isRecordOnly(action: string | undefined): boolean {
  return action === "adopt" || action === "forget" || action === "refresh" || action === "none"
}

function seenOutputs(work: Work): Readonly<Record<string, unknown>> {
  return work.seen !== undefined && "outputs" in work.seen ? (work.seen.outputs as Record<string, unknown>) : NOTHING
}
