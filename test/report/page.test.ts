import { expect, test } from "vitest"
import { count, duration, seconds, several } from "../../src/report/amounts.ts"
import { LogTail, linesOf } from "../../src/report/log-tail.ts"
import { Page, type Span, together } from "../../src/report/page.ts"
import { crop, displayWidth, pad, splitAt } from "../../src/report/width.ts"
import { framed } from "./frame.ts"

function page(columns: number, color: boolean, ...entries: readonly (readonly [readonly Span[], number])[]): string {
  const made = new Page({ columns, color })
  for (const [spans, hang] of entries) made.add(spans, hang)
  return framed(made.lines, columns)
}

test("text is broken between words, and goes on under its own indent", () => {
  expect(page(24, false, [["  + ", "one two three four five six seven eight"], 4])).toMatchInlineSnapshot(`
    "|  + one two three four
    |    five six seven eight"
  `)
  expect(page(24, false, [["/a/path/that/is/longer/than/the/page/is/wide.txt and more"], 2])).toMatchInlineSnapshot(`
    "|/a/path/that/is/longer/t
    |  han/the/page/is/wide.t
    |  xt and more"
  `)
  expect(page(24, false, [["a\n\nb ", "c\r\nd"], 2])).toMatchInlineSnapshot(`
    "|a
    |
    |  b c
    |  d"
  `)
  expect(
    page(24, false, [[together("1 to create"), ", ", together("1 to update"), ", ", together("2 blocked")], 0]),
  ).toMatchInlineSnapshot(`
    "|1 to create,
    |1 to update, 2 blocked"
  `)
})

test("a style ends on the line where it began", () => {
  expect(page(20, true, [[["red", "one two three four five"], " six"], 2])).toMatchInlineSnapshot(`
    "|<red>one</> <red>two</> <red>three</> <red>four</>
    |  <red>five</> six"
  `)
})

test("wide and combining characters take the columns that a terminal gives them", () => {
  expect(displayWidth("漢字")).toBe(4)
  expect(displayWidth("e\u0301")).toBe(1)
  expect(displayWidth("🚀 ok")).toBe(5)
  expect(displayWidth("× → … ✓ ━")).toBe(9)
  expect(splitAt("漢字漢字", 3)).toEqual(["漢", "字漢字"])
  expect(splitAt("漢字", 1)).toEqual(["漢", "字"])
  expect(crop("漢字漢字", 5)).toBe("漢字…")
  expect(crop("short", 5)).toBe("short")
  expect(pad("漢", 4)).toBe("漢  ")
  expect(page(20, false, [["漢字漢字漢字漢字漢字漢字漢字"], 2])).toMatchInlineSnapshot(`
    "|漢字漢字漢字漢字漢字
    |  漢字漢字"
  `)
})

test("no page is narrower than it can be read, and a text of line breaks ends", () => {
  expect(new Page({ columns: 3, color: false }).width).toBe(20)
  expect(new Page({ columns: 0, color: false }).width).toBe(80)
  expect(
    page(20, false, [["\n".repeat(500)], 0])
      .split("\n")
      .at(-1),
  ).toBe("|… 460 more lines")
})

test("amounts and times", () => {
  expect([0, 999, 1_000, 1_234_567].map(count)).toEqual(["0", "999", "1,000", "1,234,567"])
  expect([several(1, "check"), several(2, "check")]).toEqual(["1 check", "2 checks"])
  const spans = [0, 41.4, 999, 1_000, 4_210, 9_960, 59_900, 65_000, 3_599_000, 3_600_000, 7_800_000]
  expect(spans.map(duration)).toEqual([
    "0ms",
    "41ms",
    "999ms",
    "1.0s",
    "4.2s",
    "10s",
    "1m 00s",
    "1m 05s",
    "59m 59s",
    "1h 00m",
    "2h 10m",
  ])
  expect(seconds(-5)).toBe("0s")
})

test("the end of a log", () => {
  const tail = new LogTail(3)
  tail.add("a\nb\r\nc\n")
  tail.add("10 %\r100 %")
  tail.add("")
  expect(tail.lines).toEqual(["c", "100 %", ""])
  expect(tail.last).toBe("100 %")
  expect(linesOf("x".repeat(600))[0]?.length).toBe(501)
  expect(linesOf("")).toEqual([""])
  expect(linesOf("\n")).toEqual([""])
  expect(linesOf(`${"a\n".repeat(1_000_000)}b\nc`, 2)).toEqual(["b", "c"])
})
