import type { Plan, PlannedAction, PlannedChange } from "../events/plan.ts"
import { count, several } from "./amounts.ts"
import { addChange, addEntry, type ChangeStyle, columnFor, SIGN_COLUMNS } from "./change-lines.ts"
import { addError, sameError } from "./error-lines.ts"
import { addFindings } from "./finding-lines.ts"
import { foldChanges } from "./fold-changes.ts"
import { type Look, Page, type Span, spansWidth, together } from "./page.ts"
import { type Section, sectionsOf } from "./plan-sections.ts"
import { DETAIL_INDENT } from "./prop-lines.ts"
import { COUNTED, signOf } from "./signs.ts"

/** How a plan is to be shown. */
export interface PlanLook extends Look {
  readonly verbose: boolean
  /** Folder that places are shown relative to. */
  readonly root?: string | undefined
}

/** Checks that are named in their line. */
const CHECKS_NAMED_MAX = 10
/** Blocked entries of one code that are told in full; more would push the first out of sight. */
const ERRORS_TOLD_MAX = 5
/** Entries listed that wait for the same error. */
const WAITING_LISTED_MAX = 5

/**
 * A plan as a person reads it: one line for each change with its reason, what differs below it, what is blocked, and
 * at the end the counts. Long lists are cropped unless `verbose`.
 * @example process.stdout.write(planLines(plan, { color: true, columns: 80, verbose: false }).join("\n"))
 */
export function planLines(plan: Plan, look: PlanLook): string[] {
  const page = new Page(look)
  addLimits(page, plan)
  const blocked = plan.changes.filter((change) => change.action === "blocked")
  const checks = plan.changes.filter((change) => change.action === "check")
  const rest = plan.changes.filter(
    (change) => change.action !== "blocked" && change.action !== "check" && change.action !== "none",
  )
  const shown = look.verbose ? [...rest, ...checks] : foldChanges(rest)
  for (const section of sectionsOf(shown, look.verbose)) addSection(page, section, look)
  if (!look.verbose && checks.length > 0 && rest.length + blocked.length > 0) addChecks(page, checks)
  addBlocked(page, blocked, look)
  if (plan.findings !== undefined) {
    addGap(page)
    addFindings(page, plan.findings, look)
  }
  addGap(page)
  addCounts(page, plan)
  return page.lines
}

/** Says what the plan is limited to, where it is. */
function addLimits(page: Page, plan: Plan): void {
  const { targets, limit, destroy, refreshOnly, verifyOnly } = plan.options
  const say = (text: string): void => {
    page.add([["bold", text]], 2)
    page.addEmpty()
  }
  if (destroy === true) say("Everything of this stage is to be deleted.")
  if (refreshOnly === true) say("Only state is brought up to what is there; nothing else is touched.")
  if (verifyOnly === true) say("Only checks are asked; nothing is changed.")
  if (limit !== undefined) say(`Only what is on ${limit}.`)
  if (targets !== undefined && targets.length > 0)
    say(`Only ${listed(targets, 3)} and what ${targets.length === 1 ? "it needs" : "they need"}.`)
}

function addSection(page: Page, section: Section, look: PlanLook): void {
  if (section.group !== undefined) {
    addGap(page)
    const name = section.group === "" ? "in no group" : `${section.group}/`
    page.add(
      [
        ["bold", name],
        ["dim", `  ${several(section.size, "change")}`],
      ],
      2,
    )
  }
  const column = columnFor(
    page,
    section.lists.flatMap((list) => list.shown),
  )
  const style: ChangeStyle = { column, verbose: look.verbose, root: look.root }
  for (const list of section.lists) {
    for (const change of list.shown) addChange(page, change, style)
    if (list.more > 0) addLeft(page, list.more, `more ${list.kind} ${signOf(list.action).ahead}`)
  }
}

function addChecks(page: Page, checks: readonly PlannedChange[]): void {
  const { sign, style } = signOf("check")
  const head: readonly Span[] = [[style, `${sign.padStart(SIGN_COLUMNS - 1)} `], several(checks.length, "check")]
  const addresses = checks.map((check) => check.address)
  let names: Span = ["dim", ""]
  for (let shown = Math.min(checks.length, CHECKS_NAMED_MAX); shown > 0; shown -= 1) {
    names = ["dim", `: ${listed(addresses, shown)}`]
    if (spansWidth([...head, names]) <= page.width) break
  }
  page.add([...head, names], DETAIL_INDENT)
}

/** Adds what cannot be changed. One error that stops many is told once; what waits for it is listed. */
function addBlocked(page: Page, blocked: readonly PlannedChange[], look: PlanLook): void {
  if (blocked.length === 0) return
  addGap(page)
  const byError = Map.groupBy(blocked, (change) =>
    change.error === undefined ? change.address : sameError(change.error),
  )
  for (const [code, groups] of Map.groupBy(byError.values(), (members) => members[0]?.error?.code ?? "")) {
    const told = look.verbose || groups.length <= ERRORS_TOLD_MAX + 1 ? groups : groups.slice(0, ERRORS_TOLD_MAX)
    for (const members of told) addBlockedGroup(page, members, look)
    const left = groups.slice(told.length).reduce((sum, members) => sum + members.length, 0)
    if (left > 0) addLeft(page, left, `more blocked with ${code}`)
  }
}

/** Adds a line that counts what is left out. */
function addLeft(page: Page, left: number, what: string): void {
  page.add([" ".repeat(SIGN_COLUMNS), ["dim", `… ${count(left)} ${what}; --verbose shows all`]], DETAIL_INDENT)
}

function addBlockedGroup(page: Page, members: readonly PlannedChange[], look: PlanLook): void {
  const first = members.find((change) => change.because === change.error?.fact) ?? (members[0] as PlannedChange)
  const waiting = members.filter((change) => change !== first)
  const { sign, style } = signOf("blocked")
  const { address, error } = first
  addEntry(page, sign, style, address, error === undefined ? [first.because] : [["alarm", error.code]], 0)
  if (error !== undefined) addError(page, error, { indent: DETAIL_INDENT, root: look.root, address, runId: undefined })
  const isMany = !look.verbose && waiting.length > WAITING_LISTED_MAX + 1
  const shown = isMany ? waiting.slice(0, WAITING_LISTED_MAX) : waiting
  const column = columnFor(page, shown)
  for (const change of shown) {
    const because = change.because === error?.fact ? "the same" : change.because
    addEntry(page, sign, style, change.address, [["dim", because]], column)
  }
  if (shown.length < waiting.length) addLeft(page, waiting.length - shown.length, "more blocked by the same")
}

function addCounts(page: Page, plan: Plan): void {
  const { changes, options } = plan
  const amountOf = (action: PlannedAction): number => changes.filter((change) => change.action === action).length
  const checks = amountOf("check")
  const counted: Span[] = []
  for (const action of COUNTED) {
    const { style, ahead } = signOf(action)
    const amount = amountOf(action)
    if (amount > 0) counted.push([action === "blocked" ? "alarm" : style, together(`${count(amount)} ${ahead}`)])
  }
  if (counted.length === 0 && options.verifyOnly !== true) {
    addNothing(page, plan, checks)
    return
  }
  if (counted.length === 1 && amountOf("adopt") > 0) counted.unshift(["green", together("0 to change")])
  if (checks > 0) counted.push(together(several(checks, "check")))
  if (counted.length === 0) counted.push("No checks")
  const spans = counted.flatMap((span, index): readonly Span[] => (index === 0 ? [span] : [", ", span]))
  const others = isPartial(plan) ? "others unchanged or not looked at" : "unchanged"
  const rest: Span = ["dim", together(`· ${count(unchangedOf(plan))} ${others}`)]
  page.add(options.verifyOnly === true ? spans : [...spans, " ", rest])
}

/** Says that all is as it should be, and of what. */
function addNothing(page: Page, plan: Plan, checks: number): void {
  const unchanged = unchangedOf(plan)
  const all = unchanged === 1 ? "1 resource is as declared" : `${count(unchanged)} resources are as declared`
  const what =
    plan.options.refreshOnly === true
      ? "state says what is there"
      : isPartial(plan)
        ? "what was asked for is as declared"
        : all
  const asked = checks === 0 ? "" : ` ${several(checks, "check")} to ask.`
  page.add([["green", "Nothing to change:"], ` ${what}.`, ["dim", asked]])
}

function unchangedOf({ changes, total }: Plan): number {
  // Stranded rows have no declaration, so they are not among the addresses that `total` counts.
  const stranded = changes.filter((change) => change.error?.code === "STRANDED").length
  return Math.max(0, total - (changes.length - stranded))
}

function isPartial({ options }: Plan): boolean {
  return (options.targets ?? []).length > 0 || options.limit !== undefined
}

/** An empty line, unless nothing or one stands above. */
function addGap(page: Page): void {
  if (page.lines.length > 0 && page.lines.at(-1) !== "") page.addEmpty()
}

/** The first few names, and how many more there are. */
export function listed(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).join(", ")
  return names.length <= most ? shown : `${shown} and ${count(names.length - most)} more`
}
