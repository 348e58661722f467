import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { contextEntries } from "./context-walk.ts"
import { followedPaths } from "./followed-paths.ts"
import { ignoreRules } from "./ignore-rules.ts"

let context: string

beforeAll(() => {
  context = mkdtempSync(join(tmpdir(), "fettle-follow-"))
  for (const path of ["a/b/c", "a/b/d", "a/e", "f", "g/h", "g/i.txt", "other/x/y"]) {
    mkdirSync(join(context, path, ".."), { recursive: true })
    writeFileSync(join(context, path), "")
  }
  for (const [target, path] of [
    ["a/b", "into"],
    ["../f", "g/up"],
    ["/a/e", "rooted"],
    ["loop2", "loop1"],
    ["loop1", "loop2"],
    ["../../../f", "out"],
  ] as const)
    symlinkSync(target, join(context, path))
})

afterAll(() => rmSync(context, { recursive: true }))

const EVERYTHING = 18

test.each([
  [["f"], ["f"]],
  [["/f"], ["f"]],
  [["a/b"], ["a", "a/b", "a/b/c", "a/b/d"]],
  [
    ["a/b/c", "f"],
    ["a", "a/b", "a/b/c", "f"],
  ],
  [["into/c"], ["a", "a/b", "a/b/c", "into"]],
  [["g/up"], ["f", "g", "g/up"]],
  [["rooted"], ["a", "a/e", "rooted"]],
  [["out"], ["f", "out"]],
  [["loop1"], ["loop1", "loop2"]],
  [["g/*.txt"], ["g", "g/h", "g/i.txt", "g/up"]],
  [["nowhere/x"], []],
] as const)("of %j is sent %j", (follow, sent) => {
  const asked = followedPaths(context, follow)
  expect([...contextEntries(context, ignoreRules([]), asked)].map(({ path }) => path)).toEqual(sent)
})

test.each([[[]], [["."]], [["*"]], [["f", "/"]]])("%j asks for everything", (follow) => {
  const asked = followedPaths(context, follow)
  expect([...contextEntries(context, ignoreRules([]), asked)].length).toBe(EVERYTHING)
})

test("what the ignore file leaves out is not sent where it is asked for, either", () => {
  const asked = followedPaths(context, ["into", "f"])
  const rules = ignoreRules(["a/b/c", "f"])
  expect([...contextEntries(context, rules, asked)].map(({ path }) => path)).toEqual(["a", "a/b", "a/b/d", "into"])
})
