// Prints the share of lines that tests ran, in percent; ends with 1 where it is below the minimum.
//
//   node coverage.ts coverage.lcov --min 90

import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { lineCoverage } from "./lcov.ts"

try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { min: { type: "string" } } })
  const [path] = positionals
  const min = Number(values.min ?? 0)
  if (path === undefined || !(min >= 0 && min <= 100)) throw new Error("usage: coverage.ts FILE [--min PERCENT]")
  const percent = lineCoverage(readFileSync(path, "utf8"))
  console.log(percent)
  if (percent < min) throw new Error(`${percent} % of the lines are covered, ${min} % are asked for`)
} catch (error) {
  console.error(`coverage: ${(error as Error).message}`)
  process.exitCode = 1
}
