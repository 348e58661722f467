import { afterEach, beforeEach, expect, test, vi } from "vitest"
import type { FettleEvent } from "../../src/events/events.ts"
import { githubReporter } from "../../src/report/github.ts"
import { jsonLinesReporter } from "../../src/report/json-lines.ts"
import { junitReporter } from "../../src/report/junit.ts"
import { planMarkdown } from "../../src/report/plan-markdown.ts"
import { htmlReporter } from "../../src/report/run-page/reporter.ts"
import { terminalReporter } from "../../src/report/terminal.ts"
import { START, streamed } from "./build.ts"
import { COLOURS, Emulator, MOVES } from "./emulator.ts"
import { everyEvent } from "./every-event.ts"
import { HOSTILE } from "./hostile.ts"
import { dataOf, tagsOf, textsOf } from "./page-content.ts"
import { wellFormed } from "./xml.ts"

beforeEach(() => {
  vi.useFakeTimers({ now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

/** What has an effect instead of a glyph. */
const EFFECTS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u

const runs = HOSTILE.map((text): readonly [string, readonly FettleEvent[]] => [
  JSON.stringify(text).slice(0, 40),
  streamed(everyEvent(text)),
])

test("there are enough of them", () => {
  expect(HOSTILE.length).toBeGreaterThanOrEqual(50)
})

/** Everything a terminal reporter writes of some events. */
function told(
  events: readonly FettleEvent[],
  how: { isTTY: boolean; verbose: boolean; columns: number; color?: boolean },
): string {
  let text = ""
  const terminal = new Emulator(how.columns)
  const write = (more: string): void => {
    text += more
    if (how.isTTY) terminal.write(more)
  }
  const reporter = terminalReporter({
    write,
    columns: () => how.columns,
    color: how.color ?? false,
    isTTY: how.isTTY,
    verbose: how.verbose,
  })
  for (const event of events) {
    reporter.subscriber(event)
    vi.advanceTimersByTime(300)
  }
  reporter.close()
  return text
}

test.each(runs)("a log file is safe from %s", (_name, events) => {
  for (const verbose of [false, true])
    for (const columns of [40, 100]) {
      const text = told(events, { isTTY: false, verbose, columns })
      expect(text.replaceAll("\n", "")).not.toMatch(EFFECTS)
      expect(text).not.toMatch(/^Done {2}all is well/m)
    }
})

test.each(runs)("a terminal is safe from %s", (_name, events) => {
  for (const verbose of [false, true]) {
    const text = told(events, { isTTY: true, verbose, columns: 80 })
    expect(text.replaceAll("\n", "").replaceAll(MOVES, "")).not.toMatch(EFFECTS)
    expect([...new Set(text.match(MOVES))].sort()).toEqual(["\x1b[1A", "\x1b[2K"])
  }
})

test.each(runs)("no colour comes from %s", (_name, events) => {
  const text = told(events, { isTTY: false, verbose: true, columns: 80, color: true })
  const ours = ["1", "2", "22", "31", "32", "33", "35", "36", "39", "1;31", "22;39"]
  const codes = new Set(text.match(COLOURS)?.map((code) => code.slice(2, -1)))
  expect([...codes].filter((code) => !ours.includes(code))).toEqual([])
  expect(text.replaceAll(COLOURS, "").replaceAll("\n", "")).not.toMatch(EFFECTS)
})

test.each(runs)("JSON lines are safe from %s", (_name, events) => {
  const lines: string[] = []
  const reporter = jsonLinesReporter((line) => lines.push(line))
  for (const event of events) reporter(event)
  expect(lines.length).toBe(events.length)
  for (const [index, line] of lines.entries()) {
    expect(line.slice(0, -1)).not.toMatch(EFFECTS)
    expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(events[index])))
  }
})

test.each(runs)("a CI runner is safe from %s", (_name, events) => {
  let commands = ""
  let summary = ""
  const reporter = githubReporter({
    write: (text) => (commands += text),
    summary: (text) => (summary += text),
    token: "fettle-token",
  })
  for (const event of events) reporter.subscriber(event)
  reporter.close()
  for (const line of commands.slice(0, -1).split("\n")) {
    expect(line).toMatch(
      /^::(stop-commands::fettle-token|fettle-token::|(error|warning) (file=[^:,]+,line=\d+,)?title=[^:,]+::.+)$/,
    )
    expect(line).not.toMatch(EFFECTS)
  }
  expect(summary.replaceAll("\n", "")).not.toMatch(EFFECTS)
  expect(summary.replaceAll(/<\/?code>/g, "")).not.toMatch(/[<>`*_[\]]/)
  for (const row of summary.split("\n").filter((line) => line.startsWith("|"))) expect(row.split("|").length).toBe(6)
})

test.each(runs)("JUnit XML stays well-formed with %s", (_name, events) => {
  let xml = ""
  const reporter = junitReporter((text) => (xml = text))
  for (const event of events) reporter(event)
  expect(wellFormed(xml)).toEqual([])
  expect(xml.replaceAll("\n", "")).not.toMatch(EFFECTS)
  expect(xml).not.toContain('<testcase name="forged"')
})

test.each(runs)("a comment on a pull request is safe from %s", (_name, events) => {
  for (const event of events) {
    if (event.type !== "plan.made") continue
    const comment = planMarkdown(event.plan, event.plan.changes[0]?.because)
    expect(comment.length).toBeLessThan(65_536)
    expect(comment.replaceAll("\n", "")).not.toMatch(EFFECTS)
    const [mark = "", ...rest] = comment.split("\n")
    expect(mark).toMatch(/^<!-- fettle plan [\w%.!~*'()]+ [\w%.!~*'()]+ -->$/)
    expect(rest.join("\n").replaceAll(/<\/?(code|pre)>|<br>|^> |^### /gm, "")).not.toMatch(/[<>`*_[\]@#](?!\d+;)/)
    for (const row of rest.filter((line) => line.startsWith("|"))) expect(row.split("|").length).toBe(5)
  }
})

function htmlOf(events: readonly FettleEvent[]): string {
  let page = ""
  const reporter = htmlReporter((text) => (page = text))
  for (const event of events) reporter(event)
  return page
}

test.each(runs)("an HTML report is safe from %s", (_name, events) => {
  const page = htmlOf(events)
  // Its tags are those of a report in which nobody wrote anything that a browser would obey.
  expect(tagsOf(page)).toEqual(tagsOf(htmlOf(streamed(everyEvent("calm")))))
  expect(page.replaceAll("\n", "")).not.toMatch(EFFECTS)
  for (const text of textsOf([dataOf(page, "data"), dataOf(page, "logdata")]))
    expect(text.replaceAll("\n", "")).not.toMatch(EFFECTS)
})
