import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { program, resource, text } from "../src/index.ts"
import { localSetup } from "../src/run/local.ts"
import { applyProgram } from "../src/run/run.ts"
import type { Batch, Store } from "../src/state/store.ts"
import type { Bench } from "./context.ts"
import { line } from "./fixtures/many/far-side.ts"
import { cli, many, median, run, type Usage, withFolder } from "./measure.ts"
import { alchemy, peerEnv } from "./peers/install.mjs"

const COUNT = 10_000
const ROUNDS = 5
const NAME = "create 10,000"

/**
 * Creates 10,000 resources that only write a line to a file, from the start of the process to its end; each intent is synced before
 * its effect. Beside it a bare node:sqlite loop with as many transactions, each with as many rows, in the same tables,
 * synchronous = FULL, process start included. Alchemy runs once: it takes long; all at once, which is
 * its fastest way.
 */
export default async function bench(given: Bench): Promise<void> {
  const peer = alchemy()
  await withFolder("create", async (folder) => {
    const transactions = await transactionsOf(join(folder, "counted"))
    given.row({ name: `${NAME}: synced transactions`, unit: "", ours: transactions.length })
    let round = 0
    const taken: Usage[] = []
    const floor = fileURLToPath(new URL("peers/sqlite-create.mjs", import.meta.url))
    const medians = await given.interleave(ROUNDS, {
      ours: async () => {
        const usage = await create(join(folder, `ours-${round++}`))
        taken.push(usage)
        return usage.seconds
      },
      other: async () => {
        const file = join(folder, `floor-${round++}.db`)
        return (await run([process.execPath, floor, file, JSON.stringify(transactions)])).seconds
      },
    })
    const otherName = "bare node:sqlite, same transactions"
    given.row({ name: NAME, unit: "s", ...medians, otherName, target: "ours <= 2.5" })
    given.row({ name: `${NAME}: processor`, unit: "s", ours: median(taken.map((each) => each.cpuSeconds)) })
    given.row({ name: `${NAME}: memory`, unit: "MB", ours: median(taken.map((each) => each.peakMb)) })
    const peerFolder = join(folder, "alchemy")
    mkdirSync(peerFolder)
    const script = fileURLToPath(new URL("peers/alchemy-many.mjs", import.meta.url))
    const command = [process.execPath, script, peer.module, String(COUNT), "together"] as const
    const other = await run([...command], { cwd: peerFolder, env: peerEnv })
    given.row({ name: NAME, unit: "s", ours: medians.ours, other: other.seconds, otherName: `${peer.name}, once` })
  })
}

async function create(folder: string): Promise<Usage> {
  mkdirSync(folder)
  const { args, env } = many(folder, COUNT)
  const usage = await run([process.execPath, cli, "apply", "--yes", ...args], { env: { ...peerEnv, ...env } })
  const lines = readFileSync(join(folder, "world"), "utf8").trimEnd().split("\n").length
  if (lines !== COUNT) throw new Error(`${lines} of ${COUNT} were made`)
  rmSync(folder, { recursive: true })
  return usage
}

/** How many intents and results each transaction of such an apply holds, counted at the store of a run in this process. */
async function transactionsOf(folder: string): Promise<readonly (readonly [number, number])[]> {
  mkdirSync(folder)
  const counted: [number, number][] = []
  const declared = program("many", { world: join(folder, "world") }, ({ world }) => {
    for (let at = 0; at < COUNT; at += 2) {
      const first = resource(line, `n${at}`, { world, name: `n${at}`, value: "one" })
      resource(line, `n${at + 1}`, { world, name: `n${at + 1}`, value: text`after ${first.name}` })
    }
  })
  const setup = localSetup(declared, { folder, env: { HOME: folder } })
  const counting = (store: Store): Store => {
    const commit = store.commit.bind(store)
    store.commit = (at: number, batch: Batch) => {
      counted.push([batch.intents?.length ?? 0, batch.results?.length ?? 0])
      return commit(at, batch)
    }
    return store
  }
  const { error } = await applyProgram({ ...setup, wrapStore: counting }, {}, async () => true)
  if (error !== undefined) throw error
  const total = counted.reduce((sum, [, results]) => sum + results, 0)
  if (total !== COUNT) throw new Error(`${total} results for ${COUNT} resources`)
  return counted
}
