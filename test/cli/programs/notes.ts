import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { check, file, type Node, program, resource, task } from "fettle"
import { provider } from "fettle/provider"
import { z } from "zod"

/** A text file, written here and not through a host, so that a test can say how long it takes: with `hold`, until there is a file `go`. */
const note = provider({
  kind: "test.note",
  version: 3,
  about: "A text file.",
  connects: "none",
  props: z.strictObject({
    path: z.string().describe("Where it lies."),
    content: z.string().default("").describe("What it says."),
    delayMs: z.number().default(0),
    hold: z.boolean().default(false),
  }),
  outputs: z.object({ path: z.string(), content: z.string() }),
  settles: "unique",
  id: (want) => want.path,
  read: async (keys) =>
    new Map(
      keys.map((key) => {
        const path = key.id ?? ""
        const seen = existsSync(path)
          ? { outputs: { path, content: readFileSync(path, "utf8") } }
          : { absent: true as const }
        return [key.address, seen]
      }),
    ),
  plan: (want, seen) => {
    if (!("outputs" in seen)) return { action: "create" }
    if (seen.outputs.content === want.content) return { action: "none" }
    return { action: "update", props: ["content"], because: "it says something else" }
  },
  ensure: async (want, _seen, _change, call) => {
    call.log(`writing ${want.path}`)
    await sleep(want.delayMs)
    while (want.hold && !existsSync(`${import.meta.dirname}/go`)) await sleep(10)
    writeFileSync(want.path, want.content)
    return { path: want.path, content: want.content }
  },
  delete: async (_seen, last) => {
    if (last !== undefined) rmSync(last.outputs.path, { force: true })
  },
})

const parameters = { text: "hello", count: 2, delayMs: 0, hold: false, tasks: false, expected: "hello" }

export default program(
  "notes",
  parameters,
  ({ text, count, delayMs, hold, tasks, expected }) => {
    let before: Node | undefined
    for (let at = 0; at < count; at++) {
      const path = `${import.meta.dirname}/n${at}.txt`
      const after = before === undefined ? [] : [before]
      before = resource(note, `n${at}`, { path, content: text, delayMs, hold }, { after })
    }
    if (!tasks) return
    task("stamp", { run: ["sh", "-c", "echo stamped; date +%N > stamp.txt"], outputs: ["stamp.txt"] })
    check("says", file.contains(`${import.meta.dirname}/n0.txt`, expected), { after: before ? [before] : [] })
  },
  { stages: { prod: { text: "prod" } } },
)
