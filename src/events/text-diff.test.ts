import { expect, test } from "vitest"
import { textDiff } from "./text-diff.ts"

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

test("a diff turns any old text into the new one", () => {
  let seed = 1
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const text = (): string => Array.from({ length: random(40) }, () => `line ${random(8)}\n`).join("")
  for (let round = 0; round < 300; round++) {
    const [before, after] = [text(), text()]
    expect(patched(before, textDiff(before, after)), `round ${round}`).toBe(after)
  }
})

/** What `patch` does, strictly: every line of context and every removed line must be where the hunk says. */
function patched(before: string, diff: string): string {
  const old = before.split("\n").slice(0, -1)
  const result: string[] = []
  let at = 0
  for (const line of diff === "" ? [] : diff.split("\n")) {
    const hunk = /^@@ -(\d+)(,0)?/.exec(line)
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === undefined ? 1 : 0)
      result.push(...old.slice(at, start))
      at = start
    } else if (line.startsWith("+")) result.push(line.slice(1))
    else {
      expect(old[at]).toBe(line.slice(1))
      if (line.startsWith(" ")) result.push(line.slice(1))
      at++
    }
  }
  return [...result, ...old.slice(at)].map((line) => `${line}\n`).join("")
}

test("texts that have nothing in common are bounded in work and in lines", () => {
  const many = (word: string): string => Array.from({ length: 8_000 }, (_, at) => `${word} ${at}\n`).join("")
  const begun = performance.now()
  const lines = textDiff(many("old"), many("new")).split("\n")
  expect(performance.now() - begun).toBeLessThan(2_000)
  expect(lines).toHaveLength(401)
  expect(lines.at(-1)).toBe("… 15601 more lines")
})
