import { count, seconds, several } from "./amounts.ts"
import { SIGN_COLUMNS } from "./change-lines.ts"
import { type Look, Page, type Span } from "./page.ts"
import type { Progress, Running } from "./progress.ts"
import { signOf } from "./signs.ts"
import { crop, displayWidth, pad } from "./width.ts"

/** Most nodes shown as being under way. */
const NODES_MAX = 8
/** Nodes named that were under way when the output ended. */
const NAMED_MAX = 5
/** Rows of a terminal that does not say how many it has. */
const ROWS_DEFAULT = 24
/** Rows left for what has scrolled above, and the fewest in which nodes are shown: below, there is only the bar. */
const ROWS_LEFT = 4
const ROWS_MIN = 5
/** Columns of the bar, and the narrowest page that has one. */
const BAR_COLUMNS = 24
const BAR_FROM_COLUMNS = 60
/** What ends within this time needs no live line: it would only flicker. */
const QUIET_MS = 1_000

/** The live area: the nodes that have been under way for longest, with their last words, and one line for the whole run. */
export function liveLines(progress: Progress, now: number, look: Look, rows: number): readonly string[] {
  // One column is left free: a line that fills a row to its end breaks on some terminals.
  const page = new Page({ color: look.color, columns: look.columns - 1 })
  const elapsed = Math.max(0, now - progress.since)
  if (progress.phase === "planning" && elapsed >= QUIET_MS) addPlanning(page, progress, elapsed)
  if (progress.phase === "settling") addSettling(page, progress, now)
  if (progress.phase === "applying") {
    const room = roomFor(rows)
    // The bar stands last, where it stays while the nodes above come and go.
    if (room >= ROWS_MIN) {
      page.addEmpty()
      addRunning(page, progress, now, room)
    }
    addBar(page, progress, elapsed)
  }
  return page.lines
}

/** Rows that the area may take: what has scrolled above stays in sight, and the cursor's own row is free. */
function roomFor(rows: number): number {
  const height = rows > 0 ? rows : ROWS_DEFAULT
  return Math.min(height - 1, Math.max(ROWS_MIN, height - ROWS_LEFT))
}

function addPlanning(page: Page, progress: Progress, elapsed: number): void {
  const reads = progress.reads === 0 ? "" : ` · ${several(progress.reads, "read")}`
  page.addCropped([
    ["cyan", "Planning"],
    ` ${several(progress.nodes, "node")}`,
    ["dim", `${reads} · ${seconds(elapsed)}`],
  ])
}

function addSettling(page: Page, progress: Progress, now: number): void {
  const left = progress.until - now
  if (left <= 0) return
  page.addCropped([
    ["cyan", "Waiting"],
    " until what was cut off would show",
    ["dim", ` · ${seconds(left + 999)} left`],
  ])
}

function addBar(page: Page, progress: Progress, elapsed: number): void {
  const { done, total, running, failed } = progress
  const filled = total === 0 ? 0 : Math.floor((BAR_COLUMNS * done) / total)
  const bar: readonly Span[] =
    page.width < BAR_FROM_COLUMNS
      ? []
      : [["green", "━".repeat(filled)], ["dim", "─".repeat(BAR_COLUMNS - filled)], "  "]
  const bad: readonly Span[] =
    failed === 0
      ? []
      : [
          ["dim", " · "],
          ["alarm", `${count(failed)} failed`],
        ]
  page.addCropped([
    ...bar,
    `${count(done)} of ${count(total)}`,
    ...bad,
    ["dim", ` · ${count(running.size)} under way · ${seconds(elapsed)}`],
  ])
}

function addRunning(page: Page, progress: Progress, now: number, rows: number): void {
  const shown: (readonly [string, Running])[] = []
  // The empty line, the bar, and the line that counts the others.
  let room = rows - 3
  for (const entry of progress.running) {
    room -= entry[1].tail.last === "" ? 1 : 2
    if (shown.length === NODES_MAX || room < 0) break
    shown.push(entry)
  }
  const column = Math.min(Math.floor(page.width / 2), Math.max(0, ...shown.map(([address]) => displayWidth(address))))
  for (const [address, running] of shown) addNode(page, address, running, now, column)
  const more = progress.running.size - shown.length
  if (more > 0) page.addCropped([["dim", `${" ".repeat(SIGN_COLUMNS)}… ${count(more)} more under way`]])
}

function addNode(page: Page, address: string, { action, startedAt, tail }: Running, now: number, column: number): void {
  const { sign, style } = signOf(action, "create-first") // one that deletes first begins as a delete
  const elapsed = now - startedAt
  const time = elapsed < QUIET_MS ? "" : seconds(elapsed)
  const room = page.width - SIGN_COLUMNS - 2 - displayWidth(time)
  page.addCropped([
    [style, `${sign.padStart(SIGN_COLUMNS - 1)} `],
    time === "" ? crop(address, room) : pad(crop(address, room), column),
    ["dim", time === "" ? "" : `  ${time}`],
  ])
  if (tail.last !== "") page.addCropped([["dim", `${" ".repeat(SIGN_COLUMNS)}│ ${tail.last}`]])
}

/** What to say of nodes that were under way when the output ended before the run did. */
export function cutOffLines(progress: Progress, look: Look): readonly string[] {
  if (progress.running.size === 0) return []
  const names = [...progress.running.keys()].slice(0, NAMED_MAX).join(", ")
  const more = progress.running.size > NAMED_MAX ? ` and ${count(progress.running.size - NAMED_MAX)} more` : ""
  const page = new Page(look)
  page.add([["yellow", "Still under way when this output ended: "], `${names}${more}`], 2)
  return page.lines
}
