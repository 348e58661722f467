import type { FettleEvent } from "../events/events.ts"
import { duration, seconds, several } from "./amounts.ts"
import { addEntry, SIGN_COLUMNS } from "./change-lines.ts"
import { addError } from "./error-lines.ts"
import { starred } from "./fold-changes.ts"
import { linesOf } from "./log-tail.ts"
import { addAnswered, addFinished, type Finished } from "./outcome-lines.ts"
import { type Look, Page, type Span, type Style } from "./page.ts"
import { planLines } from "./plan-lines.ts"
import { DETAIL_INDENT } from "./prop-lines.ts"
import { signOf } from "./signs.ts"
import { addSummary } from "./summary-lines.ts"
import { Tally } from "./tally.ts"
import { crop, displayWidth } from "./width.ts"

/** Reads faster than this are told only to who asked for all. */
const READ_SLOW_MS = 2_000
/** Slow reads that are told; of a thousand hosts the first few say enough. */
const READS_MAX = 5
/** Hosts on which the same is told one by one. */
const ALIKE_MAX = 5
/** Lines that stand on any screen. */
const SIGHT_LINES = 20
/** Widest address that others are aligned to. */
const COLUMN_MAX = 48

export interface StoryOptions {
  readonly verbose: boolean
  readonly root: string | undefined
  /** Most skipped nodes told one by one; the summary counts them all. */
  readonly skippedMax: number
}

type Level = Extract<FettleEvent, { type: "note" }>["level"]

const NOTES: Readonly<Record<Level, readonly [string, Style]>> = {
  info: ["·", "dim"],
  warning: ["!", "yellow"],
  error: ["×", "alarm"],
}

/** Parts of what is told; an empty line stands between two of them. */
type Part = "none" | "head" | "steps" | "plan" | "work" | "end"

/** What stays on the terminal: turns events into the lines that tell of them. */
export class Story {
  readonly #look: () => Look
  readonly #options: StoryOptions
  readonly #tally = new Tally()
  #part: Part = "none"
  #longest = 0
  #skipped = 0
  #reads = 0
  /** How often each thing that is the same on many hosts was told. */
  readonly #alike = new Map<string, number>()

  constructor(look: () => Look, options: StoryOptions) {
    this.#look = look
    this.#options = options
  }

  /** Lines told so far, and how many of them stood there before the first failure was told. */
  #lines = 0
  #firstFailureAt: number | undefined

  /** The lines that an event adds. `tail` is the end of the log of the node that it is about. */
  tell(event: FettleEvent, tail: readonly string[]): readonly string[] {
    const lines = this.#linesOf(event, tail)
    if (isFailure(event)) this.#firstFailureAt ??= this.#lines
    this.#lines += lines.length
    return lines
  }

  #linesOf(event: FettleEvent, tail: readonly string[]): readonly string[] {
    this.#tally.take(event)
    const page = new Page(this.#look())
    if (event.type === "plan.made") return this.#plan(event, page)
    if (event.type === "node.finished") this.#finished(event, tail, page)
    else if (event.type === "check.finished") addAnswered(page, event, { ...this.#options, column: this.#column(page) })
    else this.#others(event, page)
    if (page.lines.length === 0) return page.lines
    return [...this.#turnTo(partOf(event, this.#part)), ...page.lines]
  }

  #others(event: FettleEvent, page: Page): void {
    const { verbose } = this.#options
    if (event.type === "run.started") addHead(page, event, verbose)
    else if (event.type === "plan.read" && (verbose || event.durationMs >= READ_SLOW_MS)) this.#slow(event, page)
    else if (event.type === "settle.started") addSettle(page, event)
    else if (event.type === "settle.done")
      page.add([["green", "  = "], event.address, ["dim", `  ${event.how}`]], SIGN_COLUMNS)
    else if (event.type === "node.started" && verbose)
      addEntry(
        page,
        signOf(event.action, "create-first").sign,
        "dim",
        event.address,
        [["dim", "begins"]],
        this.#column(page),
      )
    else if (event.type === "node.log" && (verbose || this.#tally.releases.has(event.address))) addLog(page, event)
    else if (event.type === "note") addNote(page, event, this.#options.root)
    else if (event.type === "run.finished") addSummary(page, event, this.#tally, this.#isInSight())
  }

  /** What failed was told a moment ago, whole, and still stands on the screen: the end need not say it again. */
  #isInSight(): boolean {
    return this.#firstFailureAt !== undefined && this.#lines - this.#firstFailureAt <= SIGHT_LINES
  }

  #slow(event: Extract<FettleEvent, { type: "plan.read" }>, page: Page): void {
    this.#reads += 1
    if (this.#options.verbose || this.#reads <= READS_MAX) addRead(page, event)
    else if (this.#reads === READS_MAX + 1) page.add([["dim", "… more answers come as slowly"]], 2)
  }

  #plan({ plan }: Extract<FettleEvent, { type: "plan.made" }>, page: Page): readonly string[] {
    for (const { address } of plan.changes) {
      const width = displayWidth(address)
      if (width > this.#longest && width <= COLUMN_MAX) this.#longest = width
    }
    if (!this.#tally.applied)
      return [...this.#turnTo("plan"), ...planLines(plan, { ...this.#look(), ...this.#options })]
    // A later pass: what an each(…) is made from has become known.
    if (plan.changes.every((change) => change.action === "check")) return []
    page.add([["bold", "More is known now:"]])
    return [...this.#turnTo("plan"), ...page.lines, ...planLines(plan, { ...this.#look(), ...this.#options })]
  }

  #finished(event: Finished, tail: readonly string[], page: Page): void {
    const { verbose, root, skippedMax } = this.#options
    if (event.outcome === "unchanged" && !verbose) return
    if (event.outcome === "skipped") {
      this.#skipped += 1
      if (this.#skipped > skippedMax) return
    }
    if (event.outcome === "done" && !verbose && this.#isMany(event, page)) return
    const isBad = event.outcome === "failed" || event.outcome === "maybe"
    const answered = event.action === "check" && this.#tally.hasAnswered(event.address)
    addFinished(page, event, {
      column: this.#column(page),
      verbose,
      root,
      tail: this.#tally.releases.has(event.address) ? [] : tail,
      toldAt: isBad && !answered ? this.#tally.toldAt(event) : undefined,
      answered,
    })
  }

  /** What is done alike on many hosts is told for the first few; the end says on which it was done. */
  #isMany({ address, action }: Finished, page: Page): boolean {
    const pattern = starred(address, this.#tally.hosts.hostOf(address))
    if (pattern === address) return false
    const key = `${action} ${pattern}`
    const told = (this.#alike.get(key) ?? 0) + 1
    this.#alike.set(key, told)
    if (told === ALIKE_MAX + 1)
      page.add(
        [" ".repeat(SIGN_COLUMNS), ["dim", `… ${pattern} is the same on more hosts; the end names them`]],
        SIGN_COLUMNS,
      )
    return told > ALIKE_MAX
  }

  /** Addresses stand in one column, as far as the page allows. */
  #column(page: Page): number {
    return Math.min(this.#longest, Math.floor(page.width / 2))
  }

  /** An empty line where another part begins. */
  #turnTo(part: Part): readonly string[] {
    const before = this.#part
    this.#part = part
    return before === part || before === "none" ? [] : [""]
  }
}

function isFailure(event: FettleEvent): boolean {
  if (event.type === "plan.made") return event.plan.changes.some(({ action }) => action === "blocked")
  return event.type === "node.finished" && (event.outcome === "failed" || event.outcome === "maybe")
}

function partOf(event: FettleEvent, now: Part): Part {
  if (event.type === "run.started") return "head"
  if (event.type === "run.finished") return "end"
  if (
    event.type === "node.finished" ||
    event.type === "check.finished" ||
    event.type === "node.started" ||
    event.type === "node.log"
  )
    return "work"
  return now === "work" ? "work" : "steps"
}

function addHead(page: Page, event: Extract<FettleEvent, { type: "run.started" }>, verbose: boolean): void {
  const more = verbose ? ` · by ${event.who} · run ${event.runId}` : ""
  page.add([["bold", event.program], ` · ${event.stage}`, ["dim", ` · ${event.command}${more}`]], 2)
}

function addRead(page: Page, { connection, items, durationMs }: Extract<FettleEvent, { type: "plan.read" }>): void {
  const from = connection === "" ? "" : ` from ${connection}`
  page.add([["dim", `Read ${several(items, "item")}${from} in ${duration(durationMs)}`]], 2)
}

function addSettle(page: Page, { intents, waitMs }: Extract<FettleEvent, { type: "settle.started" }>): void {
  const were = `${several(intents, "change")} of an earlier run ${intents === 1 ? "was" : "were"} cut off.`
  const wait =
    waitMs > 0
      ? ` What ${intents === 1 ? "it" : "they"} made may take ${seconds(waitMs + 999)} to show; waiting.`
      : " Looking at what was done."
  page.add([["magenta", were], wait], 2)
}

function addLog(page: Page, { address, text }: Extract<FettleEvent, { type: "node.log" }>): void {
  const mark: Span = ["dim", `${" ".repeat(SIGN_COLUMNS)}${crop(address, Math.floor(page.width / 2))} │ `]
  for (const line of linesOf(text)) page.addBehind(mark, line)
}

function addNote(page: Page, event: Extract<FettleEvent, { type: "note" }>, root: string | undefined): void {
  const { level, text, error, runId } = event
  if (error === undefined) {
    const [sign, style] = NOTES[level]
    page.add([[style, `  ${sign} `], level === "info" ? ["dim", text] : text], SIGN_COLUMNS)
    return
  }
  const { address } = error
  const code: Span = ["alarm", error.code]
  if (address === undefined) page.add([["red", "  × "], code], DETAIL_INDENT)
  else addEntry(page, "×", "red", address, [code], 0)
  addError(page, error, { indent: DETAIL_INDENT, root, address, runId })
}
