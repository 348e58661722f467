import { asFettleError, FettleError } from "../../errors.ts"
import type { ChangeResult } from "../../provider.ts"
import { type FileStep, type Layout, layOut, NO_FOLDER, STALE } from "./change-script.ts"
import type { HostRecord } from "./frames.ts"
import { hiddenScript } from "./hidden-script.ts"
import type { HostOutcome, ScriptRecord } from "./kind.ts"
import type { PathFacts, PathSeen } from "./look.ts"
import type { Names } from "./names.ts"
import type { Prepared } from "./prepare.ts"
import { readChunks } from "./read.ts"
import type { Unit } from "./units.ts"
import { copyOf, noFolder, scriptError, scriptFailed, stepError, unpackError, unproved } from "./wave-errors.ts"

/** Exit code of a request for which the host could not make the session's own folder. */
const NO_SESSION_FOLDER = 73

/** The records of one request, matched to its units. */
export class Wave {
  readonly #units: readonly Unit[]
  readonly #names: Names
  /** File steps in the order of the units; `laidOut` numbers them. */
  readonly steps: readonly FileStep[]
  readonly #stepsOf = new Map<Unit, readonly FileStep[]>()
  readonly #numbers = new Map<FileStep, number>()
  readonly #stepOwners: Unit[] = []
  readonly #looks: HostRecord[] = []
  readonly #scripts = new Map<number, ScriptRecord>()
  readonly #open: Set<Unit>
  readonly #skipped = new Set<Unit>()
  readonly #paths = new Map<string, PathSeen>()
  readonly #unsynced = new Map<number, string>()
  readonly #again: Unit[] = []
  #layout: Layout = layOut([], "")
  #sentAt: number | undefined

  constructor(units: readonly Unit[], names: Names) {
    this.#units = units
    this.#names = names
    this.#open = new Set(units)
    for (const unit of units)
      this.#stepsOf.set(
        unit,
        unit.files.map(({ step }) => ({ ...step, turn: unit.turn })),
      )
    this.steps = [...this.#stepsOf.values()].flat()
  }

  laidOut(layout: Layout): void {
    this.#layout = layout
    for (const [number, step] of layout.steps.entries()) this.#numbers.set(step, number)
    for (const [unit, steps] of this.#stepsOf)
      for (const step of steps) this.#stepOwners[this.#numbers.get(step) as number] = unit
  }

  /** The numbers of a unit's file steps. */
  stepsOf(unit: Unit): readonly number[] {
    return (this.#stepsOf.get(unit) ?? []).map((step) => this.#numbers.get(step) as number)
  }

  /** Where one file of a unit is staged, and the chunk that it belongs to; undefined for a removal. */
  stagedOf(unit: Unit, at: number): { readonly path: string; readonly chunk: number } | undefined {
    return this.#layout.staged(this.stepsOf(unit)[at] as number)
  }

  sent(): void {
    this.#sentAt = performance.now()
  }

  add(record: HostRecord): void {
    const { kind, item, out } = record
    if (kind === "p") this.#stepFailed(record)
    else if (kind === "y") this.#unsynced.set(item, out.toString("utf8").trim())
    else if (kind === "c") this.#scriptEnded(record)
    else if (kind === "k") this.#scriptSkipped(record)
    else if (kind === "z") this.#skipped.add(this.#unitOf(item))
    else if (kind === "d") this.#folderFailed(record)
    else if (kind === "b") this.#setAside(item, out.toString("utf8"))
    else if (kind === "w") this.#names.learn(out.toString("utf8"))
    else if (kind === "v") this.#settleFiles(item)
    else this.#looks.push(record)
  }

  /** Settles what the records tell; gives the paths that must be looked at again before the rest can be told. */
  end(exitCode: number, complaint: string): readonly string[] {
    if (exitCode === NO_SESSION_FOLDER) this.#failAll(noFolder(), false)
    else if (exitCode !== 0)
      this.fail(
        new FettleError(
          "CHANGE_FAILED",
          `the shell that made the changes ended with exit code ${exitCode}${complaint}`,
        ),
      )
    for (const unit of this.#open)
      if (unit.change.script !== undefined && !this.#scripts.has(unit.number) && !this.#skipped.has(unit))
        this.#settle(unit, { failed: new FettleError("HOST_PROTOCOL", "the host gave no result"), maybe: true })
    for (const unit of this.#open) if (this.#isClear(unit)) this.#finish(unit)
    return [...this.#open]
      .filter((unit) => !this.#skipped.has(unit))
      .flatMap(({ files }) => files.map(({ step }) => step.path))
      .filter((path) => !this.#paths.has(path))
  }

  settleUnclear(found: ReadonlyMap<string, PathSeen>): void {
    for (const [path, seen] of found) this.#paths.set(path, seen)
    for (const unit of this.#open) if (!this.#skipped.has(unit)) this.#finish(unit)
  }

  /** Items that failed together and are to be tried one by one, with those that wait for them; the others that were skipped are settled. */
  again(alone: Set<Prepared>): Prepared[] {
    const again = new Set<Unit>(this.#again)
    for (const { members } of this.#again) for (const each of members) alone.add(each)
    for (const unit of this.#units) {
      if (!this.#skipped.has(unit) || !this.#open.has(unit)) continue
      const waitsOnlyFor = unit.after.filter((need) => !this.#wentWell.has(need))
      if (waitsOnlyFor.length > 0 && waitsOnlyFor.every((need) => again.has(need))) again.add(unit)
      else this.#settle(unit, { skipped: ((waitsOnlyFor[0] ?? unit).members[0] as Prepared).given.item.address })
    }
    return [...again].flatMap(({ members }) => members)
  }

  /** What is still open failed; it may have been done where the request had been sent. */
  fail(error: FettleError): void {
    try {
      this.#settleFiles(this.#layout.looks[this.#looks[0]?.item ?? 0]?.turn ?? 0) // some may have been read back already
    } catch {
      // Not whole enough to tell anything.
    }
    this.#failAll(error, this.#sentAt !== undefined)
  }

  readonly #wentWell = new Set<Unit>()

  #failAll(error: FettleError, maybe: boolean): void {
    for (const unit of this.#open) this.#settle(unit, { failed: error, maybe: maybe && !this.#skipped.has(unit) })
  }

  #stepFailed(record: HostRecord): void {
    const unit = this.#stepOwners[record.item]
    const step = this.#layout.steps[record.item]
    if (unit === undefined || step === undefined)
      throw new FettleError("HOST_PROTOCOL", `the host named file ${record.item}, which was not in the request`)
    const code = record.exitCode === STALE ? "STALE" : "FILE_REFUSED"
    const failed = stepError(code, step.path, record.err.toString("utf8"), record.exitCode === NO_FOLDER)
    this.#settle(unit, { failed, maybe: unit.files.length > 1 })
  }

  #setAside(step: number, path: string): void {
    const unit = this.#stepOwners[step]
    for (const { call } of unit?.members ?? [])
      call.log(`what a change before this one had put there was kept as ${path}`)
  }

  /** Units of files alone are done when their turn was read back. */
  #settleFiles(turn: number): void {
    const { looks } = this.#layout
    readChunks(looks, this.#looks.splice(0), this.#paths, true)
    for (const unit of this.#open)
      if (unit.turn === turn && unit.change.script === undefined && this.#isClear(unit)) this.#finish(unit)
  }

  /** Its files may have been put all the same. */
  #folderFailed(record: HostRecord): void {
    const words = record.err.toString("utf8").trim()
    this.#settle(this.#unitOf(record.item), { failed: new FettleError("FILE_REFUSED", words), maybe: true })
  }

  #scriptEnded(record: HostRecord): void {
    const unit = this.#unitOf(record.item)
    const text = (bytes: Buffer): string => bytes.toString("utf8").replace(/x$/, "")
    const brief = unit.change.brief === true
    this.#scripts.set(record.item, {
      exitCode: record.exitCode,
      out: brief ? record.out.toString("utf8") : text(record.out),
      err: brief ? "" : text(record.err),
    })
    if (this.#isClear(unit)) this.#finish(unit)
  }

  /** Its files have failed, and said so; or its slots could not be unpacked. */
  #scriptSkipped(record: HostRecord): void {
    this.#settle(this.#unitOf(record.item), { failed: unpackError(record.err.toString("utf8")), maybe: false })
  }

  #unitOf(number: number): Unit {
    const unit = this.#units[number]
    if (unit !== undefined) return unit
    throw new FettleError("HOST_PROTOCOL", `the host named item ${number}, which was not in the request`)
  }

  /** Whether it was begun, and all its files were matched in the look after the change. */
  #isClear(unit: Unit): boolean {
    return !this.#skipped.has(unit) && unit.files.every(({ step }) => this.#paths.has(step.path))
  }

  #finish(unit: Unit): void {
    const script = this.#scripts.get(unit.number)
    if (unit.members.length > 1 && script !== undefined && script.exitCode !== 0 && script.exitCode < 124) {
      this.#open.delete(unit)
      this.#again.push(unit)
      return
    }
    if (!this.#open.delete(unit)) return
    const results = unit.members.map((member) => this.#resultOf(unit, member))
    if (results.every((result) => !("failed" in result))) this.#wentWell.add(unit)
    for (const [at, { given }] of unit.members.entries()) given.settle(results[at] as ChangeResult)
  }

  #resultOf(unit: Unit, { given: { item, kind }, call, parts }: Prepared): ChangeResult {
    const script = this.#scripts.get(unit.number)
    const wrong = unproved(unit, this.#paths, this.#unsynced.get(unit.turn))
    if (wrong !== undefined) return { failed: wrong, maybe: true }
    if (script !== undefined && script.exitCode !== 0) {
      const late = unit.change.brief !== true && performance.now() - (this.#sentAt ?? 0) >= item.timeoutMs
      const told = hiddenScript(script, call)
      return scriptFailed(told, item, scriptError(told, item, kind), late)
    }
    if (item.action === "delete") return { deleted: true }
    try {
      const outcome: HostOutcome = {
        path: (path) => this.#names.namedFacts(this.#paths.get(path) as PathFacts),
        script,
      }
      return { outputs: kind.result(outcome, item.want, (sha256) => call.seal(sha256), parts) }
    } catch (thrown) {
      return { failed: asFettleError(thrown, "PROVIDER_THREW"), maybe: true }
    }
  }

  #settle(unit: Unit, result: ChangeResult): void {
    if (!this.#open.delete(unit)) return
    for (const { given } of unit.members)
      given.settle("failed" in result ? { ...result, failed: copyOf(result.failed, given) } : result)
  }
}
