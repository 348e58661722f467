import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { textDiff } from "./diff.ts"

test.each([
  ["", "", ""],
  ["a\n", "a\n", ""],
  ["", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b"],
  ["a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b"],
  ["a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c"],
  ["a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a"],
  ["1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "@@ -7,3 +7,4 @@\n 7\n 8\n 9\n+10"],
])("%j to %j", (before, after, diff) => {
  expect(textDiff(before, after)).toBe(diff)
})

test("patch turns any old text into the new one with it", () => {
  const folder = mkdtempSync(join(tmpdir(), "fettle-diff-"))
  let seed = 1
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const text = (): string => Array.from({ length: random(40) }, () => `line ${random(8)}\n`).join("")
  for (let round = 0; round < 60; round++) {
    const [before, after] = [text(), text()]
    writeFileSync(join(folder, "file"), before)
    const diff = textDiff(before, after)
    if (diff !== "") execFileSync("patch", ["-s", join(folder, "file")], { input: `--- file\n+++ file\n${diff}\n` })
    expect(before === after ? before : readFileSync(join(folder, "file"), "utf8"), `seed ${round}`).toBe(after)
  }
  rmSync(folder, { recursive: true })
})

test("texts that have nothing in common are bounded in work and in lines", () => {
  const many = (word: string): string => Array.from({ length: 8_000 }, (_, at) => `${word} ${at}\n`).join("")
  const begun = performance.now()
  const lines = textDiff(many("old"), many("new")).split("\n")
  expect(performance.now() - begun).toBeLessThan(2_000)
  expect(lines).toHaveLength(401)
  expect(lines.at(-1)).toBe("… 15601 more lines")
})
