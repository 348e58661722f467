// The program of bench/fixtures/many for alchemy: node alchemy-many.mjs MODULE N MODE
// Its kind makes nothing, and no line is printed for each resource. MODE says how resources are awaited: `together` all at once,
// which takes the least time, or `turn` one after another, as its documentation does. With `reads` (also all at once) alchemy
// calls the kind on every run, which then reads the file that ours reads: without it alchemy compares the program with its own
// state and looks at nothing.
import { appendFileSync, existsSync, readFileSync } from "node:fs"

const [, , module, count, mode] = process.argv
const { default: alchemy, Resource } = await import(module)

let seen
const Line = Resource("bench::Line", { alwaysUpdate: mode === "reads" }, async function (_id, props) {
  if (this.phase === "delete") return this.destroy()
  if (mode === "reads") {
    seen ??= new Set(existsSync("world") ? readFileSync("world", "utf8").split("\n") : [])
    const line = `${props.name}\t${props.value}`
    if (!seen.has(line)) appendFileSync("world", `${line}\n`)
  }
  return { name: props.name, value: props.value }
})

const options = { stage: "dev", phase: "up", noTrack: true, quiet: true }
const app = await alchemy("many", options)
const pair = async (at) => {
  const first = await Line(`n${at}`, { name: `n${at}`, value: "one" })
  await Line(`n${at + 1}`, { name: `n${at + 1}`, value: `after ${first.name}` })
}
const starts = Array.from({ length: Number(count) / 2 }, (_, at) => 2 * at)
if (mode === "turn") for (const at of starts) await pair(at)
else await Promise.all(starts.map(pair))
await app.finalize()
