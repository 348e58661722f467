import { type Page, type Span, shownText } from "./page.ts"
import { crop, displayWidth, pad } from "./width.ts"

/** Widest column but the last. */
const CELL_MAX = 60
/** Columns between two cells. */
const GAP = 2

/** Adds rows in columns, indented; the last cell is wrapped below itself. Each text is one line. */
export function addRows(page: Page, rows: readonly (readonly Span[])[], indent: number): void {
  const cells = rows.map((row) => row.map(cell))
  const room = Math.min(CELL_MAX, Math.floor(page.width / 2))
  const widths: number[] = []
  for (const row of cells)
    for (const [at, [, text]] of row.slice(0, -1).entries())
      widths[at] = Math.min(room, Math.max(widths[at] ?? 0, displayWidth(text)))
  for (const row of cells) {
    const spans: Span[] = [" ".repeat(indent)]
    let used = indent
    for (const [at, [style, text]] of row.entries()) {
      const width = widths[at]
      if (at === row.length - 1 || width === undefined) spans.push([style, text])
      else {
        spans.push([style, pad(crop(text, width), width + GAP)])
        used += width + GAP
      }
    }
    page.add(spans, used)
  }
}

function cell(span: Span): readonly [Exclude<Span, string>[0], string] {
  const [style, text] = typeof span === "string" ? (["plain", span] as const) : span
  return [style, shownText(text.replaceAll("\n", "\\n"))]
}
