import { count } from "./amounts.ts"
import { escapeText } from "./escape.ts"
import type { Page, Span, Style } from "./page.ts"
import { displayWidth } from "./width.ts"

/** Lines of a text diff that a plan shows unless asked for all. */
const LINES_MAX = 12
/** Characters of a long line that go to a page at once, where it is narrow. */
const PART_MIN = 20
/** Characters and rows that a page surely takes at once. */
const AT_ONCE_MAX = 1_500
const ROWS_MAX = 30
/** Columns of a tab, where one is shown. */
const TAB = "    "

/** Adds a diff given as unified lines, cropped with a count of what is left out. */
export function addTextDiff(page: Page, text: string, indent: number, verbose: boolean): void {
  const lines = text.replace(/\n$/, "").split("\n")
  // One line more than the limit is shown rather than replaced by a line that counts it.
  const shown = verbose || lines.length <= LINES_MAX + 1 ? lines : lines.slice(0, LINES_MAX)
  const space = " ".repeat(indent)
  for (const line of shown) {
    if (verbose) addWhole(page, [space], diffSpan(line), indent + 2)
    else page.add([space, diffSpan(line)], indent + 2)
  }
  if (shown.length === lines.length) return
  const rest = lines.slice(LINES_MAX)
  const changed = rest.filter((line) => /^[+-]/.test(line)).length
  page.add(
    ["", ["dim", `${space}… ${count(rest.length)} more lines, ${count(changed)} of them changed; --verbose shows all`]],
    indent + 2,
  )
}

/**
 * Adds a text after what stands before it, whole: a page crops what it is given at once, and who asked for all, to approve a plan, must see
 * also the end of a long line.
 */
export function addWhole(page: Page, head: readonly Span[], span: Span, hang: number): void {
  const [style, text]: readonly [Style, string] = typeof span === "string" ? ["plain", span] : span
  const row = Math.max(PART_MIN, page.width - hang)
  const escaped = escapeText(text, { maxLength: Number.POSITIVE_INFINITY })
  const fits = escaped.length < AT_ONCE_MAX && displayWidth(escaped) < row * ROWS_MAX
  const part = fits ? text.length : row
  page.add([...head, [style, text.slice(0, part)]], hang)
  for (let at = Math.max(part, 1); at < text.length; at += part)
    page.add([" ".repeat(hang), [style, text.slice(at, at + part)]], hang)
}

function diffSpan(line: string): Span {
  if (/^(@@|--- |\+\+\+ |\\ )/.test(line)) return ["dim", line]
  const style: Style = line.startsWith("+") ? "green" : line.startsWith("-") ? "red" : "plain"
  return style === "plain" ? line.replace(/\r$/, "").replaceAll("\t", TAB) : [style, withSpacesShown(line)]
}

/** In a line that changes, tabs, spaces at the end and carriage returns may be all that changes, so they are shown. */
function withSpacesShown(text: string): string {
  const tabs = text.replaceAll("\t", `⇥${TAB.slice(1)}`)
  return tabs.slice(0, 1) + tabs.slice(1).replace(/ +$/, (spaces) => "·".repeat(spaces.length))
}
