import { stripVTControlCharacters } from "node:util"
import { expect } from "vitest"
import { displayWidth } from "../../src/report/width.ts"

/** Lines with an edge at their left, so that their indent shows; checks that they fit and end without spaces. */
export function framed(lines: readonly string[], columns: number): string {
  for (const line of lines) {
    const bare = stripVTControlCharacters(line)
    expect(displayWidth(bare), line).toBeLessThanOrEqual(columns)
    expect(bare.trimEnd(), line).toBe(bare)
  }
  return lines.map((line) => `|${tagged(line)}`).join("\n")
}

const NAMES: Readonly<Record<string, string>> = {
  1: "bold",
  2: "dim",
  31: "red",
  32: "green",
  33: "yellow",
  35: "magenta",
  36: "cyan",
  "1;31": "alarm",
}
const ESC = "\\u001b"
const CODE = new RegExp(`${ESC}\\[([\\d;]*)m`, "g")

/** Colour codes as words: `<green>+</>`. */
function tagged(line: string): string {
  return line.replace(CODE, (_code, numbers: string) => (numbers in NAMES ? `<${NAMES[numbers]}>` : "</>"))
}
