import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { scan } from "./log-scan.ts"
import { lineRanges } from "./log-segments.ts"

const folder = mkdtempSync(join(tmpdir(), "fettle-scan-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function scanText(content: string | Uint8Array, pattern: RegExp, partBytes = Number.POSITIVE_INFINITY) {
  const path = join(folder, "log")
  writeFileSync(path, content)
  const size = Buffer.byteLength(content)
  const file = openSync(path, "r")
  try {
    const ranges = lineRanges(file, 0, size, partBytes)
    const parts = ranges.map((range) => scan({ file, ...range, regex: pattern.source, flags: pattern.flags }))
    return {
      count: parts.reduce((all, part) => all + part.count, 0),
      first: parts.find((part) => part.first !== undefined)?.first,
      restAt: parts.at(-1)?.restAt ?? 0,
      restMatches: parts.at(-1)?.restMatches ?? false,
      cut: parts.some((part) => part.cut),
    }
  } finally {
    closeSync(file)
  }
}

/** What scan must find, the plain way. */
function plainly(text: string, pattern: RegExp) {
  const lines = text.split("\n")
  const rest = lines.pop() ?? ""
  const one = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""))
  const matching = lines.map((line) => line.replace(/\r$/, "")).filter((line) => one.test(line))
  return { count: matching.length, restMatches: rest !== "" && one.test(rest.replace(/\r$/, "")) }
}

const LINES = [
  "INFO all is well",
  "ERROR the first",
  "",
  'warn "quoted" error = 3',
  "Größe über Ärger — error",
  "user name à b failed",
  "error",
  "xerrorx ERROR error",
  "tail ends here\r",
  "\u0000\u0001 binary error \u0007",
  "   ",
  "ok]",
]

const PATTERNS = [
  /quoted/,
  /\] /,
  /Größe/,
  /ERROR the first/,
  new RegExp(String.fromCharCode(7)),
  /xerrorx/,
  /error/,
  /error/i,
  /^error$/,
  /\berror\b/gi,
  /^$/,
  /^\s*$/,
  /"[^"]*" error/,
  /(?<!x)error/,
  /error(?!.*ERROR)/,
  /[\s\S]*error/,
  /\D+error/,
  /\S+ failed/,
  /here$/,
  /über/,
  /x*/,
  /nothing at all/,
  /a\nb/,
  /\]$/m,
  /well$/s,
  /^ok\]$/u,
]

test.each(PATTERNS)("%s finds what looking at each line finds", (pattern) => {
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  for (let round = 0; round < 40; round += 1) {
    const text = Array.from({ length: next(30) }, () => LINES[next(LINES.length)]).join("\n")
    const { count, restMatches } = scanText(text, pattern, round % 2 === 0 ? 40 : undefined)
    expect({ count, restMatches }, JSON.stringify(text)).toEqual(plainly(text, pattern))
  }
})

test("lines across the border of a chunk, and characters across it, stay whole", () => {
  const line = `${"ä".repeat(700)} error\n`
  const { count, first } = scanText(line.repeat(3_000), /^ä+ error$/)
  expect(count).toBe(3_000)
  expect(first).toHaveLength(706)
})

test("a last line without its end is told apart, and where it begins", () => {
  expect(scanText("one error\ntwo error", /error/)).toEqual({
    count: 1,
    first: "one error",
    restAt: 10,
    restMatches: true,
    cut: false,
  })
  expect(scanText("one error\n", /error/)).toMatchObject({ restAt: 10, restMatches: false })
})

test("a match across the border of two pieces of a long line is found, and the line counts once", () => {
  const border = 1 << 20
  for (const at of [border - 2, border - 70_000, border - (64 << 10) - 2]) {
    const line = Buffer.alloc(3 << 20, "x ")
    line.write(" error ", at)
    for (const [text, count] of [
      [Buffer.concat([line, Buffer.from("\nnext error\n")]), 2],
      [Buffer.concat([line, line]), 0],
    ] as const) {
      const scanned = scanText(text, /\berror\b/)
      expect(scanned, String(at)).toMatchObject({ count, restMatches: count === 0, cut: true })
    }
  }
})

test("the border of a piece is none of the line's own", () => {
  const line = Buffer.alloc(3 << 20, "terror")
  expect(scanText(line, /\berror\b/)).toMatchObject({ restMatches: false })
  expect(scanText(line, /^error/)).toMatchObject({ restMatches: false })
  expect(scanText(Buffer.concat([line, Buffer.from("\n")]), /^terror$/)).toMatchObject({ count: 0 })
})

test("20 MB without any line break are looked at in pieces", () => {
  const content = Buffer.alloc(20 << 20, 0xff)
  content.write("error", 12 << 20)
  const { count, restMatches } = scanText(content, /error/)
  expect(count + (restMatches ? 1 : 0)).toBe(1)
})
