import type { ErrorFacts, FettleEvent } from "../events/events.ts"
import { duration } from "./amounts.ts"
import { addEntry } from "./change-lines.ts"
import { addError, addQuoted, addRemedy } from "./error-lines.ts"
import type { Page, Span, Style } from "./page.ts"
import { DETAIL_INDENT } from "./prop-lines.ts"
import { signOf } from "./signs.ts"

export type Finished = Extract<FettleEvent, { type: "node.finished" }>
export type Answered = Extract<FettleEvent, { type: "check.finished" }>
export type Verdict = Answered["verdict"]

/** Longest facts for machines shown, in characters. */
const DETAILS_MAX = 600

/** What is known when a node's lines are written. */
export interface Telling {
  readonly column: number
  readonly verbose: boolean
  readonly root: string | undefined
  /** The last lines of the node's log. */
  readonly tail: readonly string[]
  /** The address where the same error was told before. */
  readonly toldAt: string | undefined
  /** True where its verdict has been told. */
  readonly answered: boolean
}

const VERDICTS: Readonly<Record<Verdict, readonly [string, Style]>> = {
  yes: ["✓", "green"],
  no: ["✗", "alarm"],
  inconclusive: ["?", "yellow"],
}

export function verdictSign(verdict: Verdict): readonly [string, Style] {
  return VERDICTS[verdict]
}

/** Adds how a node's turn ended; an error with its fact, place, cause, next step and the end of the log. */
export function addFinished(page: Page, event: Finished, telling: Telling): void {
  if (!telling.answered || event.outcome === "skipped") {
    const [sign, style, reason] = headOf(event, telling)
    addEntry(page, sign, style, event.address, reason, telling.column)
  }
  const isBad = event.outcome === "failed" || event.outcome === "maybe"
  if (isBad && event.error !== undefined && telling.toldAt === undefined) addTrouble(page, event, event.error, telling)
}

/** The sign, its style and the words of a node's line. */
function headOf(event: Finished, telling: Telling): readonly [string, Style, readonly Span[]] {
  const { action, order, outcome, error } = event
  const { sign, style, past } = signOf(action, order)
  if (outcome === "done") return [sign, style, [past, ...took(event.durationMs)]]
  if (outcome === "unchanged") return ["", "dim", [["dim", "unchanged"]]]
  if (outcome === "skipped")
    return ["·", "dim", [["dim", `skipped: ${error?.fact ?? "something that it needs failed"}`]]]
  return [outcome === "maybe" ? "?" : "×", outcome === "maybe" ? "magenta" : "red", badReason(event, telling)]
}

/** Adds what went wrong; of a check that was answered all but the remedy stands above. */
function addTrouble(page: Page, { address, outcome, runId }: Finished, error: ErrorFacts, telling: Telling): void {
  const at = { indent: DETAIL_INDENT, root: telling.root, address, runId }
  if (telling.answered) {
    addRemedy(page, error, at)
    return
  }
  addError(page, error, at)
  const unsure: Span = ["magenta", "It may have happened or not; the next run finds out."]
  if (outcome === "maybe") page.add([" ".repeat(DETAIL_INDENT), unsure], DETAIL_INDENT)
  if (telling.verbose) addDetails(page, error)
  else addTail(page, telling.tail)
}

function badReason({ action, outcome, error, durationMs, address }: Finished, { toldAt }: Telling): readonly Span[] {
  const word = outcome === "maybe" ? "maybe" : action === "blocked" ? "blocked" : "failed"
  const spans: Span[] = [["alarm", word], ...took(durationMs)]
  if (error === undefined) return spans
  if (error.address !== undefined && error.address !== address)
    return [...spans, ["dim", `: waits for ${error.address}`]]
  if (toldAt === address) return [...spans, ["dim", ": see above"]]
  if (toldAt !== undefined) return [...spans, ["dim", `: the same as ${toldAt}`]]
  return [...spans, "  ", ["alarm", error.code]]
}

/** Adds the verdict of a check with what it saw. */
export function addAnswered(page: Page, event: Answered, telling: Pick<Telling, "column" | "verbose">): void {
  const { address, verdict, evidence, durationMs, measured } = event
  const [sign, style] = verdictSign(verdict)
  const saw: readonly Span[] = evidence === "" ? [] : [verdict === "yes" ? ["dim", `: ${evidence}`] : `: ${evidence}`]
  addEntry(page, sign, style, address, [[style, verdict], ...saw, ...took(durationMs)], telling.column)
  if (telling.verbose && measured !== undefined) addJson(page, "measured", measured)
}

function addTail(page: Page, tail: readonly string[]): void {
  if (tail.length === 0) return
  page.add([
    " ".repeat(DETAIL_INDENT),
    ["dim", tail.length === 1 ? "the last line of its log:" : `the last ${tail.length} lines of its log:`],
  ])
  addQuoted(page, tail, DETAIL_INDENT)
}

function addDetails(page: Page, error: ErrorFacts): void {
  if (error.details !== undefined && error.details !== null) addJson(page, "details", error.details)
}

function addJson(page: Page, label: string, value: unknown): void {
  const text = JSON.stringify(value)
  if (text === "{}" || text === undefined) return
  const shown = text.length <= DETAILS_MAX ? text : `${text.slice(0, DETAILS_MAX)}…`
  page.add([" ".repeat(DETAIL_INDENT), ["dim", `${label}  ${shown}`]], DETAIL_INDENT + label.length + 2)
}

function took(ms: number): readonly Span[] {
  return ms <= 0 ? [] : [["dim", `  ${duration(ms)}`]]
}
