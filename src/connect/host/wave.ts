import { asFettleError, FettleError } from "../../errors.ts"
import type { ChangeResult } from "../../provider.ts"
import { type FileStep, type Layout, layOut, NO_FOLDER, STALE, verifyChunks } from "./change-script.ts"
import type { HostRecord } from "./frames.ts"
import type { HostOutcome, ScriptRecord } from "./kind.ts"
import type { PathFacts, PathSeen } from "./look.ts"
import type { Names } from "./names.ts"
import type { Under } from "./prepare.ts"
import { readChunks } from "./read.ts"

/** Exit code of a request for which the host could not make the session's own folder. */
const NO_SESSION_FOLDER = 73

/** The records of one request, matched to its items. */
export class Wave {
  readonly #items: readonly Under[]
  readonly #names: Names
  readonly #byNumber: ReadonlyMap<number, Under>
  readonly #numbers = new Map<FileStep, number>()
  readonly #stepOwners: Under[] = []
  readonly #looks: HostRecord[] = []
  readonly #scripts = new Map<number, ScriptRecord>()
  readonly #open: Set<Under>
  #layout: Layout = layOut([], "")
  #sentAt: number | undefined
  #unsynced: string | undefined
  #paths: Map<string, PathSeen> | undefined

  constructor(items: readonly Under[], names: Names) {
    this.#items = items
    this.#names = names
    this.#open = new Set(items)
    this.#byNumber = new Map(items.map((under) => [under.number, under]))
  }

  laidOut(layout: Layout): void {
    this.#layout = layout
    for (const [number, step] of layout.steps.entries()) this.#numbers.set(step, number)
    for (const under of this.#items) for (const { step } of under.files) this.#stepOwners[this.numberOf(step)] = under
  }

  numberOf(step: FileStep): number {
    return this.#numbers.get(step) as number
  }

  sent(): void {
    this.#sentAt = performance.now()
  }

  add(record: HostRecord): void {
    if (record.kind === "p") this.#stepFailed(record)
    else if (record.kind === "y")
      this.#unsynced = record.exitCode === 0 ? undefined : record.out.toString("utf8").trim()
    else if (record.kind === "c") this.#scriptEnded(record)
    else if (record.kind === "k") this.#scriptSkipped(record)
    else if (record.kind === "w") this.#names.learn(record.out.toString("utf8"))
    else this.#looks.push(record)
  }

  /** Items that were not to blame for a request that stopped before it changed anything. */
  unstaged(): Under[] {
    const left = [...this.#open]
    if (left.length < this.#items.length) return left
    this.fail(new FettleError("HOST_PROTOCOL", "the host could not stage files and did not say which"))
    return []
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
    this.#settleFiles()
    for (const under of this.#open)
      if (under.change.script !== undefined && !this.#scripts.has(under.number))
        this.#settle(under, { failed: new FettleError("HOST_PROTOCOL", "the host gave no result"), maybe: true })
    return [...this.#open]
      .flatMap(({ files }) => files.map(({ step }) => step.path))
      .filter((path) => !this.#paths?.has(path))
  }

  settleUnclear(found: ReadonlyMap<string, PathSeen>): void {
    for (const [path, seen] of found) this.#paths?.set(path, seen)
    for (const under of this.#open) this.#finish(under)
  }

  /** What is still open failed; it may have been done where the request had been sent. */
  fail(error: FettleError): void {
    try {
      this.#settleFiles() // some may have been read back already
    } catch {
      // Not whole enough to tell anything.
    }
    this.#failAll(error, this.#sentAt !== undefined)
  }

  #failAll(error: FettleError, maybe: boolean): void {
    for (const under of this.#open) this.#settle(under, { failed: copyOf(error, under), maybe })
  }

  #stepFailed(record: HostRecord): void {
    const under = this.#stepOwners[record.item]
    const step = this.#layout.steps[record.item]
    if (under === undefined || step === undefined)
      throw new FettleError("HOST_PROTOCOL", `the host named file ${record.item}, which was not in the request`)
    const said = record.err.toString("utf8").trim()
    const words = said.includes("Wrote only") ? `${said} (tar's words for: no space left)` : said
    const code = record.exitCode === STALE ? "STALE" : "FILE_REFUSED"
    const next =
      record.exitCode === NO_FOLDER
        ? "declare the folder with host.directory, and let the file come after it"
        : undefined
    this.#settle(under, {
      failed: new FettleError(code, `${step.path}: ${words}`, { next }),
      maybe: under.files.length > 1,
    })
  }

  /** Items of files alone are done before the first script begins. */
  #settleFiles(): void {
    if (this.#paths !== undefined) return
    const paths = new Map<string, PathSeen>()
    if (this.#layout.steps.length > 0) readChunks(verifyChunks(this.#layout.steps), this.#looks, paths, true)
    this.#paths = paths
    for (const under of this.#open) if (under.change.script === undefined && this.#isClear(under)) this.#finish(under)
  }

  #scriptEnded(record: HostRecord): void {
    this.#settleFiles()
    const under = this.#underOf(record)
    const text = (bytes: Buffer): string => bytes.toString("utf8").replace(/x$/, "")
    const brief = under.change.brief === true
    this.#scripts.set(record.item, {
      exitCode: record.exitCode,
      out: brief ? record.out.toString("utf8") : text(record.out),
      err: brief ? "" : text(record.err),
    })
    if (this.#isClear(under)) this.#finish(under)
  }

  /** Its files have failed, and said so; or its slots could not be unpacked. */
  #scriptSkipped(record: HostRecord): void {
    this.#settleFiles()
    const words = record.err.toString("utf8").trim()
    const failed = new FettleError("CHANGE_FAILED", `its files could not be unpacked on the host: ${words}`)
    this.#settle(this.#underOf(record), { failed, maybe: false })
  }

  #underOf(record: HostRecord): Under {
    const under = this.#byNumber.get(record.item)
    if (under !== undefined) return under
    throw new FettleError("HOST_PROTOCOL", `the host named item ${record.item}, which was not in the request`)
  }

  /** Whether all its files were matched in the look after the change. */
  #isClear(under: Under): boolean {
    return under.files.every(({ step }) => this.#paths?.has(step.path) === true)
  }

  #finish(under: Under): void {
    this.#settle(under, this.#resultOf(under))
  }

  #resultOf(under: Under): ChangeResult {
    const { item, kind } = under.given
    const script = this.#scripts.get(under.number)
    const unproved = this.#unproved(under)
    if (unproved !== undefined) return { failed: unproved, maybe: true }
    if (script !== undefined && script.exitCode !== 0) return this.#scriptFailed(script, under)
    if (item.action === "delete") return { deleted: true }
    try {
      const outcome: HostOutcome = {
        path: (path) => this.#names.namedFacts(this.#paths?.get(path) as PathFacts),
        script,
      }
      return { outputs: kind.result(outcome, item.want, (sha256) => under.call.seal(sha256)) }
    } catch (thrown) {
      return { failed: asFettleError(thrown, "PROVIDER_THREW"), maybe: true }
    }
  }

  /** A script that a signal ended, ours after its time or another's, may have done its work. */
  #scriptFailed(script: ScriptRecord, under: Under): ChangeResult {
    const { timeoutMs, address } = under.given.item
    const late = under.change.brief !== true && performance.now() - (this.#sentAt ?? 0) >= timeoutMs
    if (script.exitCode !== 124 && script.exitCode <= 128) return { failed: scriptError(script, under), maybe: false }
    if (!late) return { failed: scriptError(script, under), maybe: true }
    const details = { timeoutMs, tail: wordsOf(script) }
    return {
      failed: new FettleError("TIMEOUT", `${address} was not done within ${timeoutMs} ms`, { details }),
      maybe: true,
    }
  }

  /** What stands there after the change is not what was written. */
  #unproved(under: Under): FettleError | undefined {
    if (under.files.length > 0 && this.#unsynced !== undefined)
      return new FettleError("CHANGE_FAILED", `a folder could not be synced: ${this.#unsynced}`)
    for (const { step } of under.files) {
      const found = this.#paths?.get(step.path)
      const good =
        step.sha256 === undefined
          ? found === "absent"
          : typeof found === "object" && "type" in found && found.sha256 === step.sha256
      if (!good)
        return new FettleError(
          "FILE_REFUSED",
          `${step.path} was ${step.sha256 === undefined ? "removed" : "written"} and is not so when read again`,
        )
    }
    return undefined
  }

  #settle(under: Under, result: ChangeResult): void {
    if (!this.#open.delete(under)) return
    under.given.settle(result)
  }
}

function scriptError(script: ScriptRecord, { given: { item, kind } }: Under): FettleError {
  const own = kind.failure?.(script, item.want)
  if (own !== undefined) return own
  const words = wordsOf(script)
  if (script.exitCode === STALE) return new FettleError("STALE", words || "it changed after it was read")
  return new FettleError("CHANGE_FAILED", words || `the script ended with exit code ${script.exitCode}`, {
    details: { exitCode: script.exitCode },
  })
}

/** The end of what a script wrote, standard error first. */
function wordsOf(script: ScriptRecord): string {
  return (script.err || script.out).trim().slice(-2_000)
}

function noFolder(): FettleError {
  return new FettleError(
    "HOST_TOOLS",
    "the host has no folder for its sessions: /dev/shm, /tmp and /var/tmp cannot be written",
  )
}

/** Each item gets an error of its own, because each is told where it happened. */
function copyOf(error: FettleError, { given }: Under): FettleError {
  return new FettleError(error.code, error.fact, {
    address: given.item.address,
    cause: error.cause,
    next: error.next,
    details: error.details,
  })
}
