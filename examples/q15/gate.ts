// The gate, plain TypeScript: reads an LCOV report and ends with 1 where less is covered than was asked. gate.ts FILE MIN
import { readFileSync } from "node:fs"

const [file = "", min = "0"] = process.argv.slice(2)
const report = readFileSync(file, "utf8")
const sum = (name: string): number =>
  [...report.matchAll(new RegExp(`^${name}:(\\d+)$`, "gm"))].reduce((total, [, count]) => total + Number(count), 0)

const lines = sum("LF")
const hit = sum("LH")
// A report about nothing must not pass for a full one.
if (lines === 0) throw new Error(`${file} speaks of no line at all`)
const percent = (100 * hit) / lines
console.log(`${hit} of ${lines} lines are covered: ${percent.toFixed(1)} %, wanted ${min} %`)
if (percent < Number(min)) process.exitCode = 1
