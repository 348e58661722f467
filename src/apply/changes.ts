import { randomUUID } from "node:crypto"
import { asFettleError, FettleError } from "../errors.ts"
import type { NodeOutcome } from "../events/events.ts"
import type { Engine } from "../plan/engine.ts"
import { driverOf } from "../plan/read.ts"
import type { Sessions } from "../plan/sessions.ts"
import { NOTHING, Remembered, type Repeat, type Work } from "../plan/work.ts"
import { callWith, type Policy } from "../policies/policy.ts"
import type { Address } from "../program/address.ts"
import type { ChangeItem, ChangeResult, Driver } from "../provider.ts"
import { encode } from "../state/encode.ts"
import type { NewIntent, Row } from "../state/store.ts"
import type { Finallies } from "./finally.ts"
import { actionOf, intentOf, itemOf, type Underway } from "./intents.ts"
import type { Journal } from "./journal.ts"
import { type Judged, judge } from "./judge.ts"
import { NodeLog } from "./node-log.ts"
import type { ApplyOptions, Outcome } from "./outcome.ts"
import { policiesFor } from "./policies-for.ts"
import { closing, rowOf } from "./record.ts"
import type { Step } from "./steps.ts"

/** What a change tells whoever gives steps their turns. */
export interface Turns {
  done(step: Step, outcome: NodeOutcome, error?: FettleError, each?: Underway, verdict?: Outcome["verdict"]): void
  /** The run itself must end. */
  die(thrown: unknown): FettleError
  /** Nothing was begun for these, and nothing will be. */
  abandon(steps: readonly Step[]): void
  /** False where the journal could not be written, and the run ends. */
  written(write: () => Promise<unknown>): Promise<boolean>
  changed(address: Address): void
  addDeposed(step: Step, old: Row): void
  /** Looks at a thing again and makes what its program still wants changed. */
  again(step: Step): Promise<void>
}

/** Makes the changes of one run: intent, call, record. */
export class Changes {
  readonly #journal: Journal
  readonly #sessions: Sessions
  readonly #engine: Engine
  readonly #options: ApplyOptions
  readonly #finallies: Finallies
  readonly #turns: Turns

  constructor(parts: {
    journal: Journal
    sessions: Sessions
    engine: Engine
    options: ApplyOptions
    finallies: Finallies
    turns: Turns
  }) {
    this.#journal = parts.journal
    this.#sessions = parts.sessions
    this.#engine = parts.engine
    this.#options = parts.options
    this.#finallies = parts.finallies
    this.#turns = parts.turns
  }

  /**
   * All changes of a batch: their intents in one synced transaction, then the calls, each recorded as it ends. `needsOf` gives the
   * steps of the batch, before it in their order, that must have ended well before a step begins.
   */
  async change(steps: readonly Step[], driver: Driver, needsOf?: (step: Step) => readonly Step[]): Promise<void> {
    if (steps.length === 0) return
    const underway = await this.#begin(steps)
    if (underway === undefined) return this.#turns.abandon(steps)
    const byItem = new Map<ChangeItem, Underway>()
    const alone: Promise<void>[] = []
    const items = new Map<Step, ChangeItem>()
    for (const each of underway) {
      this.#engine.emit({ type: "node.started", address: each.step.work.address, action: each.action })
      const after = needsOf?.(each.step).flatMap((need) => items.get(need) ?? [])
      const made = itemOf(each, this.#journal, this.#engine, this.#sessions, this.#options.stopping)
      const item = { ...made, ...(after?.length ? { after } : {}) }
      items.set(each.step, item)
      const policies = policiesFor(each.step.work, this.#engine)
      if (policies.length > 0) alone.push(this.#guarded(each, item, driver, policies))
      else byItem.set(item, each)
    }
    if (byItem.size > 0) alone.push(this.#send(byItem, driver))
    await Promise.all(alone)
  }

  async #send(byItem: ReadonlyMap<ChangeItem, Underway>, driver: Driver): Promise<void> {
    const unsettled = new Set(byItem.keys())
    const settled: Promise<unknown>[] = []
    const settle = (item: ChangeItem, result: ChangeResult): Promise<boolean> | undefined => {
      if (!unsettled.delete(item)) return undefined
      const recorded = this.#settle(byItem.get(item) as Underway, result)
      settled.push(recorded)
      return recorded
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
  async #guarded(each: Underway, item: ChangeItem, driver: Driver, policies: readonly Policy[]): Promise<void> {
    const { work } = each.step
    const answer: { result?: ChangeResult | undefined; tries: number } = { tries: 0 }
    const recorded = Promise.withResolvers<boolean>()
    const once = async (signal: AbortSignal): Promise<void> => {
      const intent = { ...item.intent, repeated: item.intent.repeated || answer.tries > 0 }
      answer.tries += 1
      answer.result = undefined
      const again: ChangeItem = {
        ...item,
        signal,
        intent,
        call: (connection) => ({ ...item.call(connection), intent }),
      }
      await driver.change([again], (_item, result) => {
        answer.result = result
        return recorded.promise
      })
      throwUnlessMade(answer.result, work.address)
    }
    const { who, stage, stopping } = this.#options
    try {
      await callWith(policies, once, { name: work.address, who, stage, signal: this.#engine.signal, stopping })
    } catch (thrown) {
      const { result, tries } = answer
      const maybe = tries > 0 && (result === undefined || !("failed" in result) || result.maybe)
      answer.result = { failed: asFettleError(thrown, "CHANGE_FAILED"), maybe }
    }
    recorded.resolve(await this.#settle(each, answer.result as ChangeResult))
  }

  /** Records how one change ended and lets what waited for it go on; gives whether its intent is closed. */
  async #settle(each: Underway, result: ChangeResult): Promise<boolean> {
    const { step } = each
    each.log.end()
    try {
      if ("failed" in result) return await this.#failed(each, result.failed, result.maybe)
      if ("skipped" in result) await this.#skipped(each, result.skipped)
      else if ("deleted" in result) await this.#deleted(each)
      else return await this.#made(each, result.outputs)
      return true
    } catch (thrown) {
      this.#turns.done(step, "maybe", this.#turns.die(thrown))
      return false
    }
  }

  /** Gives whether its intent is closed. */
  async #made(each: Underway, given: unknown): Promise<boolean> {
    const { step, seq } = each
    const { work } = step
    const judged = judge(each, given)
    const { outputs, id, carry, wrong } = judged
    if (work.declaration?.type === "check") return this.#answered(each, outputs, wrong)
    if (judged.lost) return this.#failed(each, wrong as FettleError, true)
    if (each.repeat !== undefined) {
      await this.#repeated(each, each.repeat, judged)
      return true
    }
    const made = rowOf(work, outputs, this.#engine, each.action !== "update", carry)
    const row = { ...made, id, unfinished: wrong !== undefined }
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
        ...closing(work, this.#engine),
      ],
      [row, ...former],
      removed,
    )
    work.known = outputs
    this.#turns.changed(work.address)
    for (const old of former) this.#turns.addDeposed(step, old)
    const { verdict, error = wrong } = wrong === undefined ? answerOf(work, outputs) : {}
    this.#turns.done(step, error === undefined ? "done" : "failed", error, each, verdict)
    return true
  }

  /**
   * A create that was cut off has been made again as it was, and is recorded so: with the props of then. What it replaced
   * is to be deleted; where the program has come back to that, the new one is.
   */
  async #repeated(each: Underway, repeat: Repeat, { outputs, id, carry, wrong }: Judged): Promise<void> {
    const { step, seq, token } = each
    const { work } = step
    const then: Work = { ...work, row: undefined, want: repeat.want }
    const made: Row = { ...rowOf(then, outputs, this.#engine, true, carry), id, unfinished: wrong !== undefined }
    const old = each.action === "replace" ? (work.former ?? work.row) : undefined
    const cameBack = old?.id !== undefined && work.provider.id(work.want) === old.id
    const current = cameBack ? (old as Row) : made
    const deposed = cameBack ? [{ ...made, deposed: token }] : old === undefined ? [] : [{ ...old, deposed: token }]
    const endedAt = this.#engine.now()
    const outcome = wrong === undefined ? ("done" as const) : ("failed" as const)
    await this.#journal.end(
      [{ seq: seq as number, outcome, endedAt, error: wrong?.fact, closes: true }, ...closing(work, this.#engine)],
      [...(cameBack ? [] : [current]), ...deposed],
    )
    for (const row of deposed) this.#turns.addDeposed(step, row)
    Object.assign(work, { row: current, last: new Remembered(current), former: undefined, id: current.id })
    Object.assign(work, { repeat: undefined, open: [], known: outputs })
    this.#turns.changed(work.address)
    if (wrong !== undefined) return this.#turns.done(step, "failed", wrong, each)
    if (!cameBack && encode(work.want) === repeat.intent.want) return this.#turns.done(step, "done", undefined, each)
    await this.#turns.again(step)
  }

  /** Writes the intents of all steps in one synced transaction. Undefined: nothing may start. */
  async #begin(steps: readonly Step[]): Promise<readonly Underway[] | undefined> {
    const startedAt = this.#engine.now()
    const underway: (Omit<Underway, "seq"> & { readonly intent: NewIntent | undefined })[] = []
    const opens: ReturnType<Finallies["opens"]>[number][] = []
    for (const step of steps) {
      const action = actionOf(step)
      const token = step.work.repeat?.intent.token ?? randomUUID()
      underway.push({
        step,
        action,
        token,
        repeat: step.work.repeat,
        startedAt,
        log: new NodeLog(this.#engine, step.work.address),
        intent: action === "check" ? undefined : intentOf(step, action, token, startedAt),
      })
      opens.push(...this.#finallies.opens(step.work.address))
    }
    const intents = [...underway.flatMap((each) => each.intent ?? []), ...opens.map((each) => each.intent)]
    if (intents.length === 0) return underway.map((each) => ({ ...each, seq: undefined }))
    let seqs: readonly number[] = []
    const written = await this.#turns.written(async () => {
      seqs = await this.#journal.begin(intents)
    })
    if (!written) return undefined
    let at = 0
    const result = underway.map((each) => ({ ...each, seq: each.intent === undefined ? undefined : seqs[at++] }))
    for (const each of opens) each.opened(seqs[at++] as number)
    return result
  }

  #answered(each: Underway, outputs: Readonly<Record<string, unknown>>, wrong: FettleError | undefined): true {
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
    this.#turns.done(step, verdict === "yes" ? "done" : "failed", error, each, verdict)
    return true
  }

  async #deleted(each: Underway): Promise<void> {
    const { step, seq } = each
    const { work } = step
    await this.#journal.end(
      [
        { seq: seq as number, outcome: "done", endedAt: this.#engine.now(), closes: true },
        ...closing(work, this.#engine),
      ],
      [],
      [{ address: work.row?.address ?? work.address, deposed: work.row?.deposed ?? "" }],
    )
    if (step.kind !== "node") return this.#turns.done(step, "done", undefined, each)
    work.row = undefined
    work.last = undefined
    work.seen = { absent: true }
    work.change = { action: "create" }
    if (work.provider.idOf !== undefined) work.id = undefined
    const driver = await driverOf(work, this.#sessions, this.#engine)
    await this.change([step], driver)
  }

  /** It came after another change of the same call, which did not end well: nothing was begun. */
  async #skipped(each: Underway, by: Address): Promise<void> {
    const error = new FettleError("CHANGE_FAILED", `waits for ${by}`)
    await this.#journal.end(
      [{ seq: each.seq as number, outcome: "failed", endedAt: this.#engine.now(), error: error.fact, closes: true }],
      [],
    )
    this.#turns.done(each.step, "skipped", error)
  }

  /** A task that has run and failed is not one that never ran: the next plan says so. */
  #firstFailure(work: Work): readonly Row[] {
    if (work.declaration?.type !== "task") return []
    return [{ ...rowOf(work, NOTHING, this.#engine, true), unfinished: true }]
  }

  /** Gives whether its intent is closed. */
  async #failed(each: Underway, error: FettleError, maybe: boolean): Promise<boolean> {
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
    const rows =
      work.row === undefined
        ? this.#firstFailure(work)
        : work.row.deposed !== ""
          ? []
          : [{ ...work.row, unfinished: true }]
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
    this.#turns.done(step, maybe && !settlesItself ? "maybe" : "failed", error, each)
    return settlesItself
  }
}

/** What a kind says whose result is an answer. */
function answerOf(
  { provider }: Work,
  outputs: unknown,
): { readonly verdict?: Outcome["verdict"]; readonly error?: FettleError } {
  return provider.answer?.(outputs) ?? {}
}

/** A change that did not go through, as an exception: what policies look at. */
function throwUnlessMade(result: ChangeResult | undefined, address: Address): void {
  if (result === undefined) throw new FettleError("PROVIDER_THREW", `the connection gave no result for ${address}`)
  if ("failed" in result) throw result.failed
}
