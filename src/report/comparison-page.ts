import type { Comparison, Difference } from "../events/survey.ts"
import { count, several } from "./amounts.ts"
import { Page, type Span } from "./page.ts"
import { addRows } from "./rows.ts"
import type { SurveyLook } from "./survey-page.ts"
import { addTextDiff } from "./text-diff.ts"

/** Differences of one part that are shown unless all are asked for. */
const LIST_MAX = 20

/** What two hosts have not in common, as a person reads it. */
export function comparisonLines(compared: Comparison, look: SurveyLook): string[] {
  const page = new Page(look)
  const { left, right, differences, notCompared } = compared
  for (const part of new Set(differences.map((each) => each.part)))
    addPart(
      page,
      part,
      differences.filter((each) => each.part === part),
      look.verbose,
    )
  if (notCompared.length > 0) {
    page.add([["bold", "Not compared"]])
    addRows(
      page,
      notCompared.map(({ host, part, why }) => [["yellow", "?"], host, ["dim", `${part}: ${why}`]]),
      2,
    )
    page.addEmpty()
  }
  if (differences.length === 0) {
    const what = notCompared.length === 0 ? "are equal" : "are equal in what could be compared"
    page.add([["green", `${left} and ${right} ${what}`]])
    return page.lines
  }
  page.add(
    [
      ["bold", several(differences.length, "difference")],
      ["dim", ` · - is ${left}, + is ${right}`],
    ],
    2,
  )
  return page.lines
}

function addPart(page: Page, part: string, all: readonly Difference[], verbose: boolean): void {
  page.add([
    ["bold", part.charAt(0).toUpperCase() + part.slice(1)],
    ["dim", `  ${several(all.length, "difference")}`],
  ])
  const most = verbose || all.length <= LIST_MAX + 1 ? all.length : LIST_MAX
  let rows: (readonly Span[])[] = []
  const flush = (): void => {
    addRows(page, rows, 2)
    rows = []
  }
  for (const each of all.slice(0, most)) {
    rows.push(rowOf(each))
    if (each.text === undefined) continue
    flush()
    addTextDiff(page, each.text, 6, verbose)
  }
  flush()
  if (all.length > most) page.add([["dim", `  … ${count(all.length - most)} more; --verbose shows all`]], 2)
  page.addEmpty()
}

function rowOf({ name, left, right, text }: Difference): readonly Span[] {
  if (right === undefined) return [["red", "-"], name, ["dim", left ?? ""]]
  if (left === undefined) return [["green", "+"], name, ["dim", right]]
  return [["yellow", "~"], name, text === undefined ? `${left} → ${right}` : ["dim", modesOf(left, right)]]
}

/** Beside a text that differs, its hash says nothing; mode and owner may. */
function modesOf(left: string, right: string): string {
  const [a, b] = [left, right].map((words) => words.split(" ").slice(1, 3).join(" ")) as [string, string]
  return a === b ? "" : `${a} → ${b}`
}
