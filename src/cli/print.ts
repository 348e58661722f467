import { factsOf } from "../apply/outcome.ts"
import { asFettleError } from "../errors.ts"
import { nextStep, shortPlace, shortPlaces } from "../report/error-lines.ts"
import { escapeText } from "../report/escape.ts"
import { Page } from "../report/page.ts"
import { displayWidth, pad } from "../report/width.ts"
import type { Call } from "./call.ts"

/** What a page of the command line is written for. */
type Shown = Pick<Call, "around" | "options">

/** Writes a line to standard output as it is. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes data as JSON, with an escape for what JSON leaves as it is and a terminal may obey. */
export function sayJson(data: unknown): void {
  say(safeJson(JSON.stringify(data, undefined, 2)))
}

/** The same JSON without invisible characters: in JSON they stand only inside strings, where an escape means the same. */
export function safeJson(json: string): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  return json.replace(/[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu, (each) => each.split("").map(escaped).join(""))
}

/** A page for standard output; `print` writes it. */
export function pageFor({ around, options }: Shown): Page {
  return new Page({ color: around.color && options.color, columns: around.columns() })
}

export function print(page: Page): void {
  if (page.lines.length > 0) say(page.lines.join("\n"))
}

/** Prints what was thrown outside a run, and gives the exit code. */
export function printError(thrown: unknown, { around, options }: Shown): number {
  const error = asFettleError(thrown, "INTERNAL")
  const facts = factsOf(error)
  if (options.json === true) say(safeJson(JSON.stringify({ type: "error", ...facts })))
  else {
    const page = new Page({ color: around.color && options.color, columns: around.columns() })
    page.add([
      ["red", "× "],
      ["alarm", facts.code],
    ])
    page.add([`  ${shortPlaces(facts.fact, around.cwd)}`], 2)
    if (facts.cause !== undefined && !facts.fact.includes(facts.cause)) page.add([["dim", "  cause  "], facts.cause], 9)
    if (facts.place !== undefined) page.add([["dim", "  at     "], shortPlace(facts.place, around.cwd)], 9)
    if (facts.next !== "")
      page.add([["cyan", "  next   "], nextStep(facts.next, { address: facts.address, runId: undefined })], 9)
    if (options.verbose === true) page.add([["dim", stackOf(error)]])
    process.stderr.write(`${page.lines.join("\n")}\n`)
  }
  return error.code === "CANCELLED" ? 130 : 1
}

function stackOf(error: Error): string {
  return (error.cause instanceof Error ? error.cause.stack : error.stack) ?? ""
}

/** Rows in columns, every cell escaped and on one line; the last column is as long as it is. */
export function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => escapeText(cell)))
  const widths: number[] = []
  for (const row of cells)
    for (const [at, cell] of row.slice(0, -1).entries()) widths[at] = Math.max(widths[at] ?? 0, displayWidth(cell))
  return cells.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  )
}
