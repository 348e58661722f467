import type { PropDiff } from "../events/plan.ts"
import { type Page, type Span, spansWidth } from "./page.ts"
import { addTextDiff, addWhole } from "./text-diff.ts"
import { displayWidth, pad } from "./width.ts"

/** Indent of what belongs to an entry. */
export const DETAIL_INDENT = 6
/** What stands for a value that is not there. */
const NOTHING = "nothing"
/** Longest name that others are aligned to. */
const NAME_COLUMNS_MAX = 20
/** Longest value unless all is asked for, in characters; the rest is counted. */
const SHOWN_MAX = 120

/** Adds `name  from → to` on one line, or one under the other where they are long. Drift is marked: the world did it. */
export function addDiffs(page: Page, diffs: readonly PropDiff[], isDrift: boolean, verbose: boolean): void {
  const column = columnOf(diffs)
  for (const diff of diffs) addDiff(page, diff, column, isDrift, verbose)
}

/** Adds each prop with the value that the program gives it, whole: texts of several lines as such. */
export function addWants(page: Page, wants: readonly PropDiff[]): void {
  const column = columnOf(wants)
  for (const { name, to = NOTHING } of wants) {
    const lines = linesIn(to)
    const head: readonly Span[] = [" ".repeat(DETAIL_INDENT), ["dim", `${pad(name, column)}  `]]
    if (lines === undefined) addWhole(page, head, to, DETAIL_INDENT + 4)
    else {
      page.add(head, DETAIL_INDENT)
      for (const line of lines) addWhole(page, [["dim", "│ ".padStart(DETAIL_INDENT + 4)]], line, DETAIL_INDENT + 4)
    }
  }
}

/** The lines of a text that has several; undefined of any other value. */
function linesIn(shown: string): readonly string[] | undefined {
  if (!shown.startsWith('"') || !shown.includes("\\n")) return undefined
  try {
    const text = JSON.parse(shown) as string
    return text.includes("\n") ? text.replace(/\n$/, "").split("\n") : undefined
  } catch {
    return undefined // it was cut
  }
}

function addDiff(page: Page, diff: PropDiff, column: number, isDrift: boolean, verbose: boolean): void {
  const { name, text } = diff
  const from = verbose ? diff.from : cropped(diff.from)
  const to = verbose ? diff.to : cropped(diff.to)
  const mark: Span = isDrift ? ["yellow", "! ".padStart(DETAIL_INDENT)] : " ".repeat(DETAIL_INDENT)
  const end: readonly Span[] = isDrift ? [["dim", "  in the world"]] : []
  if (text !== undefined) {
    page.add([mark, name, ...end], DETAIL_INDENT)
    addTextDiff(page, text, DETAIL_INDENT + 2, verbose)
    return
  }
  const was: Span = ["dim", from ?? NOTHING]
  const is = to ?? NOTHING
  const whole: readonly Span[] = [mark, `${pad(name, column)}  `, was, ["dim", " → "], is, ...end]
  const isKnown = from !== undefined || to !== undefined
  const fits = spansWidth(whole) <= page.width && !`${name}${from}${to}`.includes("\n")
  page.add(isKnown && fits ? whole : [mark, name, ...end], DETAIL_INDENT)
  if (!isKnown || fits) return
  const inner = DETAIL_INDENT + 4
  addWhole(page, [" ".repeat(inner)], ["dim", from ?? NOTHING], inner)
  addWhole(page, [["dim", "→ ".padStart(inner)]], is, inner)
}

function columnOf(diffs: readonly PropDiff[]): number {
  return Math.min(NAME_COLUMNS_MAX, Math.max(...diffs.map(({ name }) => displayWidth(name))))
}

function cropped(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= SHOWN_MAX) return text
  return `${text.slice(0, SHOWN_MAX)}… (${text.length - SHOWN_MAX} more)`
}
