// The program of bench/fixtures/many for alchemy: node alchemy-many.mjs MODULE N [default|quiet|reads]
// Its kind makes nothing. `quiet` prints no line for each resource; `reads` makes alchemy call the kind on every run, which then
// reads the file that ours reads: without it alchemy compares with its own state and looks at nothing.
import { appendFileSync, existsSync, readFileSync } from "node:fs"

const [, , module, count, mode] = process.argv
const { default: alchemy, Resource } = await import(module)

let seen
const Line = Resource("bench::Line", async function (_id, props) {
  if (this.phase === "delete") return this.destroy()
  if (mode === "reads") {
    seen ??= new Set(existsSync("world") ? readFileSync("world", "utf8").split("\n") : [])
    const line = `${props.name}\t${props.value}`
    if (!seen.has(line)) appendFileSync("world", `${line}\n`)
  }
  return { name: props.name, value: props.value }
})

const options = { stage: "dev", phase: "up", noTrack: true, quiet: mode !== "default", alwaysUpdate: mode === "reads" }
const app = await alchemy("many", options)
const pair = async (at) => {
  const first = await Line(`n${at}`, { name: `n${at}`, value: "one" })
  await Line(`n${at + 1}`, { name: `n${at + 1}`, value: `after ${first.name}` })
}
// One after another takes less time and memory than all at once.
for (let at = 0; at < Number(count); at += 2) await pair(at)
await app.finalize()
