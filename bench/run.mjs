// `npm run bench -- NAME`: runs bench/NAME.bench.ts on the built package, prints a table, writes bench/out/NAME.json,
// and exits 1 where a row misses its target.
import { mkdirSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg } from "node:os"
import { performance } from "node:perf_hooks"
import { build } from "../scripts/build.mjs"
import { files } from "../scripts/step.mjs"

const names = files("bench/*.bench.ts").map((file) => file.slice("bench/".length, -".bench.ts".length))
const [name, ...args] = process.argv.slice(2)
if (!names.includes(name)) {
  console.error(`Usage: npm run bench -- NAME\nThere are: ${names.join(", ") || "none yet"}`)
  process.exit(1)
}
if ((await build()) !== 0) process.exit(1)

const rows = []
const load = () => loadavg()[0]
console.log(
  `${name}: ${cpus()[0].model.trim()}, ${availableParallelism()} cores, Node ${process.version}, load ${load().toFixed(2)}`,
)
const { default: bench } = await import(new URL(`./${name}.bench.ts`, import.meta.url))
await bench({ row: add, interleave, load, args })

if (rows.length === 0) throw new Error(`${name} measured nothing`)
const out = new URL("./out/", import.meta.url)
mkdirSync(out, { recursive: true })
writeFileSync(new URL(`${name}.json`, out), `${JSON.stringify(rows, null, 2)}\n`)
const missed = rows.filter(({ ok }) => !ok)
console.log(`load at the end ${load().toFixed(2)}; written to bench/out/${name}.json`)
for (const row of missed) console.log(`MISSED: ${row.name} (target ${row.target})`)
process.exit(missed.length === 0 ? 0 : 1)

function add({ name, unit, ours, other, otherName, target, ok }) {
  const ratio = other === undefined ? undefined : ours / other
  const row = { name, unit, ours, other, otherName, ratio, target, ok: ok ?? holds(target, { ours, other, ratio }) }
  rows.push(row)
  const beside = other === undefined ? "" : `${otherName} ${figure(other)} ${unit}, ratio ${figure(ratio)}`
  console.log(
    [
      row.ok ? "ok  " : "MISS",
      name.padEnd(44),
      `${figure(ours)} ${unit}`.padEnd(14),
      beside.padEnd(44),
      target ?? "",
    ].join("  "),
  )
}

/** "ours <= 0.3, ratio >= 5": every part must hold. A row without a target only informs. */
function holds(target, figures) {
  if (target === undefined) return true
  return target.split(",").every((part) => {
    const match = /^\s*(ours|other|ratio) (<=|>=|<|>) ([\d.]+)\s*$/.exec(part)
    if (match === null)
      throw new Error(`cannot read the target ${JSON.stringify(part)}; write "ours <= 0.3", or give ok`)
    const [, side, compare, limit] = match
    const value = figures[side]
    if (!Number.isFinite(value)) throw new Error(`the target ${JSON.stringify(part)} needs ${side}`)
    const against = Number(limit)
    return { "<=": value <= against, ">=": value >= against, "<": value < against, ">": value > against }[compare]
  })
}

async function interleave(rounds, { ours, other }) {
  if (rounds < 3) throw new Error(`${rounds} rounds give no median; at least 3`)
  const figures = { ours: [], other: [] }
  for (let round = 0; round < rounds; round++) {
    const turns = [
      [figures.ours, ours],
      [figures.other, other],
    ]
    if (round % 2 === 1) turns.reverse() // neither side always goes second
    for (const [list, measure] of turns) list.push(await timed(measure))
  }
  return { ours: median(figures.ours), other: median(figures.other) }
}

async function timed(measure) {
  const begun = performance.now()
  const figure = await measure()
  return typeof figure === "number" ? figure : performance.now() - begun
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function figure(value) {
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 4 })
}
