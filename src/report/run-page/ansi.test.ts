import { expect, test } from "vitest"
import { runsOf } from "./ansi.ts"

test.each([
  ["plain text", ["plain text"]],
  ["", []],
  ["\x1b[31mred\x1b[0m and plain", [["c1", "red"], " and plain"]],
  [
    "\x1b[1;32mbold green\x1b[22m green\x1b[39m",
    [
      ["c2 bold", "bold green"],
      ["c2", " green"],
    ],
  ],
  ["\x1b[91mbright is the same", [["c1", "bright is the same"]]],
  [
    "\x1b[2;3;4mall\x1b[23;24m dim",
    [
      ["dim italic underlined", "all"],
      ["dim", " dim"],
    ],
  ],
  ["\x1b[38;5;9mof sixteen\x1b[m", [["c1", "of sixteen"]]],
  ["\x1b[38;5;46mof a cube", [["c2", "of a cube"]]],
  ["\x1b[38;5;240mgrey", [["c0", "grey"]]],
  ["\x1b[38;2;250;10;240mof three bytes", [["c5", "of three bytes"]]],
  ["\x1b[38;2;0;0;0;1mblack and bold", [["c0 bold", "black and bold"]]],
  ["\x1b[41mno background", ["no background"]],
  ["\x1b[48;5;31mthe 5 and the 31 are a background", ["the 5 and the 31 are a background"]],
  ["\x1b[8mhidden is shown", ["hidden is shown"]],
  ["\x1b[mnothing", ["nothing"]],
  ["\x1b[999mno such style", ["no such style"]],
  ["\x1b[2J\x1b[Hcleared", ["\\x1b[2J\\x1b[Hcleared"]],
  ["\x1b]8;;https://example.com\x07a link", ["\\x1b]8;;https://example.com\\x07a link"]],
  ["\u202e\x1b[31mturned", ["\\u202e", ["c1", "turned"]]],
  ["<b>&amp;", ["<b>&amp;"]],
] as const)("%j is %j", (line, runs) => {
  expect(runsOf(line)).toEqual(runs)
})

test("a line that is too long ends in how much is left out", () => {
  const runs = runsOf(`\x1b[31m${"a".repeat(3_000)}`)
  expect(runs.map((run) => run[1]).join("")).toHaveLength(2_000 - 5 + "… (1005 more)".length)
  expect(runs.at(-1)).toEqual(["dim", "… (1005 more)"])
})
