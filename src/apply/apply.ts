import { asFettleError, FettleError } from "../errors.ts"
import type { NodeOutcome } from "../events/events.ts"
import type { Engine } from "../plan/engine.ts"
import type { Planned } from "../plan/planned.ts"
import { driverOf } from "../plan/read.ts"
import type { Sessions } from "../plan/sessions.ts"
import type { Work } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import type { Connection, Driver } from "../provider.ts"
import type { Result, Row } from "../state/store.ts"
import { type Chain, chainOf, NO_CHAIN, usesAny } from "./chains.ts"
import { Changes, type Turns } from "./changes.ts"
import { Finallies } from "./finally.ts"
import type { Underway } from "./intents.ts"
import type { Journal } from "./journal.ts"
import { type Applied, type ApplyOptions, factsOf, type Outcome } from "./outcome.ts"
import { closing, deposedBy, differs, isRecordOnly, rowOf, seenOutputs } from "./record.ts"
import { lookAgain, refresh } from "./refresh.ts"
import { Removals } from "./removals.ts"
import { Rolls } from "./rolls.ts"
import { type Step, stepsOf } from "./steps.ts"

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
  readonly #rolls: Rolls
  readonly #ready = new Map<Connection | undefined, Step[]>()
  readonly #busy = new Map<Connection | undefined, number>()
  readonly #outcomes: Outcome[] = []
  readonly #changed = new Set<Address>()
  readonly #steps: Step[]
  readonly #changes: Changes
  readonly #ended = new WeakSet<Step>()
  readonly #removals: Removals
  #inFlight = 0
  /** Calls under way: a connection that takes any number of changes in one call has one for all of them. */
  #calls = 0
  /** Steps that stand for no call of their own. */
  readonly #carried = new WeakSet<Step>()
  /** Steps that travel with those they wait for. */
  readonly #chained = new WeakSet<Step>()
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
    // Questions leave nothing that would have to be put away at their end.
    this.#finallies = new Finallies(options.verifyOnly === true ? { ...planned, order: [] } : planned, journal, engine)
    const turns: Turns = {
      done: (step, outcome, error, each, verdict) => this.#done(step, outcome, error, each, verdict),
      die: (thrown) => this.#die(thrown),
      abandon: (steps) => this.#abandon(steps),
      written: (write) => this.#written(write),
      changed: (address) => this.#changed.add(address),
      addDeposed: (step, old) => this.#addDeposed(step, old),
      again: (step) => this.#again(step),
    }
    this.#changes = new Changes({ journal, sessions, engine, options, finallies: this.#finallies, turns })
    this.#steps = [...stepsOf(planned, options.verifyOnly === true)]
    this.#removals = new Removals(planned.works, this.#steps, engine)
    this.#left = this.#steps.length
    this.#rolls = new Rolls(options.verifyOnly === true ? [] : planned.scope.fleets.values(), this.#steps)
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
      else if (this.#rolls.refused(step) !== undefined)
        queue.push(...this.#end(step, "skipped", this.#rolls.refused(step)))
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
    if (this.#inFlight > 0 || (!stopped && this.#goesOn())) return
    if (this.#left === 0) this.#finished.resolve()
    else if (stopped) {
      this.#fatal ??= new FettleError(
        "CANCELLED",
        `cancelled with ${this.#left} ${this.#left === 1 ? "step" : "steps"} left`,
      )
      this.#finished.resolve()
    }
  }

  /** Where nothing is under way and all that is left waits for a place: see `unlock`. Gives whether something goes on by this. */
  #goesOn(): boolean {
    const waiting = [...this.#ready.values()].flat()
    const unlocked = this.#rolls.unlock(waiting)
    if (unlocked === "refused") {
      this.#ready.clear()
      this.#enqueue(waiting)
    }
    if (unlocked !== undefined) this.#pumpSoon()
    return unlocked !== undefined
  }

  #take(connection: Connection | undefined, queue: Step[]): void {
    const driver = this.#sessions.opened(connection)
    const free = this.#engine.parallel - this.#calls
    const room = Math.min(
      driver?.chains === true && free > 0 ? Number.POSITIVE_INFINITY : free,
      this.#waveOf(connection, driver) - (this.#busy.get(connection) ?? 0),
    )
    if (room <= 0) return
    const batch = this.#rolls.take(queue, room)
    if (queue.length === 0) this.#ready.delete(connection)
    if (batch.length === 0) return
    this.#start(connection, batch, driver?.chains === true ? 1 : batch.length)
    const underway = [...batch]
    this.#turn(batch, underway).catch((thrown: unknown) => {
      this.#die(thrown)
      this.#abandon(underway.filter((step) => !this.#ended.has(step)))
    })
  }

  /** Counts steps as under way; the first `calls` of them each as a call of its own. */
  #start(connection: Connection | undefined, steps: readonly Step[], calls: number): void {
    for (const step of steps.slice(calls)) this.#carried.add(step)
    this.#calls += Math.min(calls, steps.length)
    this.#inFlight += steps.length
    this.#busy.set(connection, (this.#busy.get(connection) ?? 0) + steps.length)
  }

  #waveOf(connection: Connection | undefined, driver: Driver | undefined): number {
    return driver?.wave ?? connection?.limits?.concurrent ?? this.#engine.parallel
  }

  /** One batch of steps on one connection, from looking again to their record. What travels with it is added to `underway`. */
  async #turn(batch: readonly Step[], underway: Step[]): Promise<void> {
    let driver: Driver
    try {
      driver = await driverOf((batch[0] as Step).work, this.#sessions, this.#engine)
    } catch (thrown) {
      for (const step of batch) this.#done(step, "failed", asFettleError(thrown, "CONNECTION_FAILED"))
      return
    }
    const moved = await refresh(
      batch,
      this.#planned.works,
      this.#changed,
      driver.guards,
      this.#ready.get((batch[0] as Step).work.connection) ?? [],
      this.#sessions,
      this.#engine,
    )
    this.#removals.moved(batch)
    const acting = batch.filter((step) => !this.#endsWithout(step))
    const recording = acting.filter((step) => isRecordOnly(step.work.planned?.action))
    const changing = acting.filter((step) => !isRecordOnly(step.work.planned?.action))
    const { steps: chained, needsOf } = this.#chain(changing, driver, moved)
    underway.push(...chained)
    await Promise.all([this.#record(recording), this.#changes.change([...changing, ...chained], driver, needsOf)])
  }

  /** What can travel with these changes is under way, too, from here on. */
  #chain(changing: readonly Step[], driver: Driver, moved: ReadonlySet<Address>): Chain {
    const connection = changing[0]?.work.connection
    if (driver.chains !== true || this.#options.stopping.aborted) return NO_CHAIN
    const chain = chainOf(changing, connection, (step) => !usesAny(step, moved) && this.#rolls.admits(step))
    for (const step of chain.steps) this.#chained.add(step)
    this.#start(connection, chain.steps, 0)
    return chain
  }

  /** What a repeated create made is as it was wanted then: the plan's entry stands for all that follows. */
  async #again(step: Step): Promise<void> {
    const { work } = step
    const told = work.planned
    await lookAgain(work, this.#sessions, this.#engine)
    if (this.#endsWithout(step)) return
    const isDone = isRecordOnly(work.planned?.action)
    work.planned = told
    if (isDone) return this.#record([step])
    await this.#changes.change([step], await driverOf(work, this.#sessions, this.#engine))
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
          refreshed: true,
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

  #addDeposed(step: Step, old: Row): void {
    this.#left += 1
    this.#rolls.add(this.#removals.ofReplaced(step, old))
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
    if (!this.#carried.has(step)) this.#calls -= 1
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
    this.#rolls.ended(step, outcome)
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
        ...(work.planned?.order === undefined ? {} : { order: work.planned.order }),
        ...(error === undefined ? {} : { error: factsOf(error) }),
      })
    }
    const freed: Step[] = []
    for (const follower of step.followers) {
      follower.waits -= 1
      if (outcome === "failed" || outcome === "maybe" || outcome === "skipped") follower.heldBy ??= work.address
      if (follower.waits === 0 && !this.#chained.has(follower)) freed.push(follower)
    }
    if (step.kind === "node") this.#finallies.ended(work.address).catch((thrown: unknown) => this.#die(thrown))
    return freed
  }
}
