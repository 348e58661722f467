// `npm run check`: everything that can be said about the code without running it, one line per step.
// Every step fails when it looked at nothing: a check that sees no files is broken, not green.
import { availableParallelism } from "node:os"
import { performance } from "node:perf_hooks"
import { directions } from "./check/directions.mjs"
import { houseRules } from "./check/house-rules.mjs"
import { published } from "./check/published.mjs"
import { supplyChain } from "./check/supply-chain.mjs"
import { formatAndLint, types, unused } from "./check/tools.mjs"
import { documentation } from "./docs.mjs"

/** Each step resolves to `{ looked, unit, problems, note }`: how many things it looked at, and what is wrong with them. */
const steps = {
  "format and lint": formatAndLint,
  "types 6.0, src": () => types("typescript", "6.0.", "tsconfig.json"),
  "types 6.0, all": () => types("typescript", "6.0.", "tsconfig.check.json"),
  "types 7.0, src": () => types("typescript7", "7.0.", "tsconfig.json"),
  "types 7.0, all": () => types("typescript7", "7.0.", "tsconfig.check.json"),
  "types 7.0, browser": () => types("typescript7", "7.0.", "src/report/run-page/browser/tsconfig.json"),
  directions,
  "house rules": houseRules,
  "unused code": unused,
  "supply chain": supplyChain,
  "packed package": published,
  documentation,
}

const MAX_LINES = 100 // of one step's problems: enough to act on, and the other steps stay in sight
const printed = new Set()

const only = process.argv.slice(2)
const chosen = Object.entries(steps).filter(([name]) => only.length === 0 || only.some((word) => name.includes(word)))
if (chosen.length === 0) {
  console.error(`No step fits. There are: ${Object.keys(steps).join(" · ")}`)
  process.exit(1)
}

const pending = limited(
  chosen.map(([, step]) => step),
  availableParallelism(),
)
let failed = 0
for (const [at, [name]] of chosen.entries()) {
  const { looked, unit, problems, note, ms } = await pending[at]
  if (looked === 0) problems.push("It looked at nothing.")
  const detail = [`${looked} ${unit}`, ...(note ? [note] : []), `${(ms / 1000).toFixed(1)} s`].join(", ")
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"} ${name} (${detail})`)
  print(problems)
  if (problems.length > 0) failed++
}
console.log(failed === 0 ? `All ${chosen.length} checks passed.` : `${failed} of ${chosen.length} checks failed.`)
process.exit(failed === 0 ? 0 : 1)

/** Prints what is wrong, without what an earlier step has said: both compilers mostly say the same. */
function print(problems) {
  const lines = problems.flatMap((problem) => problem.split("\n")).filter((line) => line.trim() !== "")
  const fresh = lines.filter((line) => !printed.has(line))
  for (const line of fresh.slice(0, MAX_LINES)) console.log(`     ${line}`)
  if (fresh.length > MAX_LINES) console.log(`     ... and ${fresh.length - MAX_LINES} lines more`)
  if (fresh.length < lines.length) console.log(`     ... and ${lines.length - fresh.length} lines as above`)
  for (const line of fresh) printed.add(line)
}

/** Starts the steps in order, at most `width` at once; one promise for each, so that results print in order. */
function limited(tasks, width) {
  const results = tasks.map(() => Promise.withResolvers())
  let next = 0
  const work = async () => {
    while (next < tasks.length) {
      const at = next++
      const begun = performance.now()
      const outcome = await tasks[at]().catch((error) => ({
        looked: 0,
        unit: "things",
        problems: [String(error.stack)],
      }))
      results[at].resolve({ ...outcome, ms: performance.now() - begun })
    }
  }
  for (let lane = 0; lane < width; lane++) work()
  return results.map(({ promise }) => promise)
}
