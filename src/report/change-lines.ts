import type { Cause, PlannedChange } from "../events/plan.ts"
import { shortPlace } from "./error-lines.ts"
import { type Page, type Span, type Style, spansWidth } from "./page.ts"
import { addDiffs, addWants, DETAIL_INDENT } from "./prop-lines.ts"
import { signOf } from "./signs.ts"
import { addTextDiff } from "./text-diff.ts"
import { displayWidth } from "./width.ts"

/** How changes are written one under the other. */
export interface ChangeStyle {
  /** Columns that addresses are padded to, so that the reasons stand in one column. */
  readonly column: number
  readonly verbose: boolean
  readonly root: string | undefined
}

/** Signs stand at the right of three columns and a space, then the address. */
export const SIGN_COLUMNS = 4

/** The colour of a cause: what the program asked for is calm, what the world did by itself is not. */
const CAUSES: Readonly<Record<Cause, Style>> = {
  new: "dim",
  wanted: "plain",
  drift: "yellow",
  "wanted+drift": "yellow",
  gone: "yellow",
  left: "dim",
  interrupted: "magenta",
}

/** What the engine says where the cause alone says it all. */
const TOLD_BY_CAUSE: Readonly<Partial<Record<Cause, string>>> = { new: "not there", gone: "was there, is gone" }

/** Adds one change: its sign, address and reason, then what differs. */
export function addChange(page: Page, change: PlannedChange, style: ChangeStyle): void {
  const { sign, style: color } = signOf(change.action, change.order)
  addEntry(page, sign, color, change.address, reasonOf(change), style.column)
  if (style.verbose) addWhere(page, change, style.root)
  addDiffs(page, change.drift ?? [], true, style.verbose)
  addDiffs(page, change.props ?? [], false, style.verbose)
  if (style.verbose) addWants(page, change.wants ?? [])
  if (change.text !== undefined && change.text !== "") addTextDiff(page, change.text, DETAIL_INDENT, style.verbose)
}

/** Adds a line of sign, address and reason; the reason goes below where the three do not fit on one line. */
export function addEntry(
  page: Page,
  sign: string,
  style: Style,
  address: string,
  reason: readonly Span[],
  column: number,
): void {
  const head: readonly Span[] = [[style, `${sign.padStart(SIGN_COLUMNS - 1)} `], address]
  const gap = " ".repeat(Math.max(2, column + 2 - displayWidth(address)))
  const whole: readonly Span[] = [...head, gap, ...reason]
  if (reason.length === 0 || spansWidth(whole) <= page.width) page.add(whole, DETAIL_INDENT)
  else {
    page.add(head, DETAIL_INDENT)
    page.add([" ".repeat(DETAIL_INDENT), ...reason], DETAIL_INDENT)
  }
}

/** The column for a list of addresses: the longest, but never more than half of the page. */
export function columnFor(page: Page, entries: Iterable<{ readonly address: string }>): number {
  let column = 0
  const limit = Math.floor(page.width / 2)
  for (const { address } of entries) {
    const width = displayWidth(address)
    if (width <= limit && width > column) column = width
  }
  return column
}

/** Why, in the order in which a reader asks: what kind of reason, which, and what is special. */
const ORDERS = {
  "create-first": "the new one first",
  "stop-first": "the old one is stopped first",
  "delete-first": "the old one goes first",
} as const satisfies Record<NonNullable<PlannedChange["order"]>, string>

function reasonOf(change: PlannedChange): readonly Span[] {
  const spans: Span[] = []
  const { cause } = change
  const because = cause !== undefined && change.because === TOLD_BY_CAUSE[cause] ? "" : change.because
  const tellsCause = cause === undefined || because.startsWith(cause)
  if (!tellsCause) spans.push([CAUSES[cause], cause === "wanted+drift" ? "wanted + drift" : cause])
  if (because !== "") spans.push(["dim", tellsCause ? because : `: ${because}`])
  if (change.action === "replace") spans.push(["dim", ` · ${ORDERS[change.order ?? "delete-first"]}`])
  if (change.from !== undefined) spans.push(["dim", " · was "], change.from)
  return spans
}

/** Adds where a thing is, for who asked to see all. */
function addWhere(page: Page, change: PlannedChange, root: string | undefined): void {
  const parts = [
    ...(change.connection === undefined ? [] : [`on ${change.connection}`]),
    ...(change.id === undefined ? [] : [`id ${change.id}`]),
    ...(change.place === undefined ? [] : [`declared ${shortPlace(change.place, root)}`]),
  ]
  if (parts.length > 0) page.add([["dim", " ".repeat(DETAIL_INDENT) + parts.join(" · ")]], DETAIL_INDENT)
}
