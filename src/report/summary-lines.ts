import type { FettleEvent } from "../events/events.ts"
import { count, duration, several } from "./amounts.ts"
import { addEntry, columnFor, SIGN_COLUMNS } from "./change-lines.ts"
import { nextStep } from "./error-lines.ts"
import { foldNames } from "./fold-names.ts"
import { verdictSign } from "./outcome-lines.ts"
import { type Page, type Span, type Style, together } from "./page.ts"
import { DETAIL_INDENT } from "./prop-lines.ts"
import { COUNTED, signOf } from "./signs.ts"
import type { Failure, Tally } from "./tally.ts"

type RunFinished = Extract<FettleEvent, { type: "run.finished" }>

/** Fewer hosts than this are told by their nodes alone. */
const HOSTS_MIN = 3
/** Nodes named as what others wait for. */
const NEEDS_MAX = 3

const HEADLINES: Readonly<Record<RunFinished["outcome"], readonly [Style, string]>> = {
  done: ["green", "Done"],
  unchanged: ["green", "Done"],
  changes: ["bold", "Planned"],
  failed: ["alarm", "Failed"],
  no: ["alarm", "A check said no"],
  inconclusive: ["yellow", "Inconclusive"],
  cancelled: ["yellow", "Cancelled"],
}

/** What there is to say where nothing was done. */
const REMARKS: Readonly<Partial<Record<RunFinished["outcome"], string>>> = {
  unchanged: "nothing had to be changed",
  changes: "nothing was changed yet",
}

/** Adds how the run ended: one line that counts, then what to look at, each with its next step. */
export function addSummary(page: Page, event: RunFinished, tally: Tally, isInSight: boolean): void {
  const { no } = tally.verdicts
  const [style, headline] = HEADLINES[event.outcome]
  const said = event.outcome === "no" && no > 1 ? `${count(no)} checks said no` : headline
  const word = event.outcome === "no" && no === 0 && tally.isRolledBack ? "Rolled back" : said
  const [first, ...more] = [...countsOf(event, tally), ...checksOf(tally), duration(event.durationMs)]
  page.add([[style, together(word)], `  ${first}`, ...more.map((part): Span => ["dim", ` · ${part}`])], 2)
  addHosts(page, tally)
  addLookAt(page, event, tally, isInSight)
}

/** Says on which of many hosts what was done went well, and on which it did not. */
function addHosts(page: Page, { hosts }: Tally): void {
  if (hosts.size < HOSTS_MIN) return
  const lines = [
    ["changed", "~", "green", hosts.of("changed")],
    ["failed", "×", "red", hosts.of("failed")],
    ["left alone", "·", "dim", hosts.of("left")],
  ] as const
  for (const [word, sign, style, names] of lines)
    if (names.length > 0)
      page.add(
        [
          [style, `${sign.padStart(SIGN_COLUMNS - 1)} `],
          `${word} on ${several(names.length, "host")}: `,
          foldNames(names),
        ],
        DETAIL_INDENT,
      )
}

function addLookAt(page: Page, { outcome }: RunFinished, tally: Tally, isInSight: boolean): void {
  const { doubts, failed, verdicts } = tally
  // What is open, because nobody knows what became of it, is named at the end whatever stands above.
  const failures = [...tally.failures.values()].filter(({ first }) => !isInSight || first.outcome === "maybe")
  const column = columnFor(page, [...failures.map(({ first }) => first), ...doubts])
  for (const failure of failures) addFailure(page, failure, column)
  const untold = isInSight ? 0 : failures.reduce((left, { others }) => left - others - 1, failed)
  if (untold > 0) addNote(page, `… ${count(untold)} more failed`)
  for (const { address, verdict, evidence } of doubts) {
    const [sign, style] = verdictSign(verdict)
    addEntry(page, sign, style, address, [[style, verdict], `: ${firstLine(evidence)}`], column)
  }
  const more = verdicts.no + verdicts.inconclusive - doubts.length
  if (more > 0) addNote(page, `… ${several(more, "more check")} not answered with yes`)
  addWaiting(page, tally)
  if (outcome === "cancelled" && tally.applied) addNote(page, "What was done is recorded; apply again to go on.")
}

/** What was done to nodes, in words; where nothing was, a remark if there is one. */
function countsOf({ counts, outcome }: RunFinished, tally: Tally): readonly string[] {
  const skipped = [...tally.waiting.values()].reduce((sum, amount) => sum + amount, 0)
  const amounts: (readonly [number, string])[] = COUNTED.filter((action) => action !== "blocked").map((action) => [
    counts[action] ?? 0,
    signOf(action).past,
  ])
  if (!tally.applied) amounts.push([tally.blocked, "blocked"])
  amounts.push([tally.failed - tally.maybe, "failed"], [tally.maybe, "maybe"], [skipped, "skipped"])
  const words = counted(amounts)
  return words === "" ? [REMARKS[outcome]].filter((remark) => remark !== undefined) : [words]
}

/** What the checks said: "3 checks yes", or "3 checks: 2 yes, 1 no". */
function checksOf({ verdicts }: Tally): readonly string[] {
  const { yes, no, inconclusive } = verdicts
  const asked = yes + no + inconclusive
  if (asked === 0) return []
  const checks = several(asked, "check")
  const one = (["yes", "no", "inconclusive"] as const).find((verdict) => verdicts[verdict] === asked)
  if (one !== undefined) return [together(`${checks} ${one}`)]
  const answers = counted([
    [yes, "yes"],
    [no, "no"],
    [inconclusive, "inconclusive"],
  ])
  return [`${together(checks)}: ${answers}`]
}

/** Amounts with their words; those of none are left out. */
function counted(amounts: readonly (readonly [number, string])[]): string {
  const parts = amounts.filter(([amount]) => amount > 0).map(([amount, word]) => together(`${count(amount)} ${word}`))
  return parts.join(", ")
}

function addFailure(page: Page, { first, others }: Failure, column: number): void {
  const { address, outcome, error, runId } = first
  const [sign, style] = outcome === "maybe" ? (["?", "magenta"] as const) : (["×", "red"] as const)
  const more: readonly Span[] = others === 0 ? [] : [["dim", ` · and ${count(others)} more`]]
  const fact: readonly Span[] = error === undefined ? [] : [["alarm", error.code], `  ${firstLine(error.fact)}`]
  addEntry(page, sign, style, address, [...fact, ...more], column)
  if (error === undefined || error.next === "") return
  const next: Span = ["cyan", "next  "]
  page.add([" ".repeat(DETAIL_INDENT), next, nextStep(error.next, { address, runId })], DETAIL_INDENT + 6)
}

/** Adds how many were left alone because of what failed. */
function addWaiting(page: Page, { waiting }: Tally): void {
  const needs = [...waiting].sort((a, b) => b[1] - a[1])
  const sign = "·".padStart(SIGN_COLUMNS - 1)
  for (const [need, amount] of needs.slice(0, NEEDS_MAX)) {
    const why = need === "" ? "because of the above" : `because ${need} did not go through`
    page.add([["dim", `${sign} ${count(amount)} skipped, ${why}`]], DETAIL_INDENT)
  }
  const more = needs.slice(NEEDS_MAX).reduce((sum, [, amount]) => sum + amount, 0)
  if (more > 0) addNote(page, `… ${count(more)} more skipped for the same kind of reason`)
}

function addNote(page: Page, text: string): void {
  page.add([" ".repeat(SIGN_COLUMNS), ["dim", text]], SIGN_COLUMNS)
}

/** The first line of a text; the whole was told where it happened. */
function firstLine(text: string): string {
  const end = text.indexOf("\n")
  return end === -1 ? text : `${text.slice(0, end)} …`
}
