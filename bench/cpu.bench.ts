import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type { Probe } from "../src/program/check.ts"
import { http } from "../src/program/probes.ts"
import { CpuPool } from "../src/verify/cpu-pool.ts"
import { prepare } from "../src/verify/question.ts"
import type { Bench } from "./context.ts"

/** Two threads on two cores should halve the time; what is left is for a machine that is shared. */
const HALF = "ratio <= 0.65"
const MB = 1 << 20

/** Work for the CPU grows with the cores; work that waits stays on one thread. */
export default async function bench({ row, interleave }: Bench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fettle-bench-cpu-"))
  try {
    await hashing({ row, interleave }, folder)
    await userFunction({ row, interleave })
    await waiting({ row, interleave })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Job = Parameters<CpuPool["run"]>[0]
type Part = Pick<Bench, "row" | "interleave">

/** 16 files of 32 MB, hashed by one and by two threads. */
async function hashing({ row, interleave }: Part, folder: string): Promise<void> {
  const paths = Array.from({ length: 16 }, (_, at) => join(folder, `f${at}`))
  for (const path of paths) writeFileSync(path, Buffer.alloc(32 * MB, path))
  const work = new URL("../src/verify/hash-files.ts", import.meta.url).href
  const jobs = paths.map((path) => ({ file: work, fn: "hashFiles", args: [[path]] }))
  await scaling({ row, interleave }, "hash 16 files of 32 MB", jobs)
}

/** A function of a user that only computes: it counts words. */
async function userFunction({ row, interleave }: Part): Promise<void> {
  const source = `export const countWords = (rounds) => {
    let seed = 1
    const words = Array.from({ length: 20_000 }, () => (seed = (seed * 48_271) & 0x7fffffff).toString(36))
    const counts = new Map()
    for (let round = 0; round < rounds; round++) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
    return counts.size
  }`
  const file = `data:text/javascript,${encodeURIComponent(source)}`
  const jobs = Array.from({ length: 16 }, () => ({ file, fn: "countWords", args: [60] }))
  await scaling({ row, interleave }, "16 calls of a user's function", jobs)
}

/** Two threads beside one, and beside two bare threads of which each got half of the jobs: what this machine can give. */
async function scaling({ row, interleave }: Part, name: string, jobs: readonly Job[]): Promise<void> {
  const [one, two] = [new CpuPool(1), new CpuPool(2)]
  const bare = [new BareThread(), new BareThread()]
  const all = async (pool: CpuPool): Promise<void> => void (await Promise.all(jobs.map((job) => pool.run(job))))
  const halves = async (): Promise<void> => {
    await Promise.all(bare.map((thread, half) => thread.run(jobs.filter((_, at) => at % 2 === half))))
  }
  await Promise.all([all(one), all(two), halves()]) // threads are started and modules loaded
  const alone = await interleave(7, { ours: () => all(two), other: () => all(one) })
  row({ name: `${name}, 2 threads`, unit: "ms", ...alone, otherName: "1 thread", target: HALF })
  const floor = await interleave(7, { ours: () => all(two), other: halves })
  row({ name: `${name}, 2 threads`, unit: "ms", ...floor, otherName: "2 bare threads", target: "ratio <= 1.2" })
  await Promise.all(bare.map((thread) => thread.end()))
}

/** A worker thread without a pool: it does a list of jobs in a loop. */
class BareThread {
  readonly #worker = new Worker(
    `const { parentPort } = require("node:worker_threads")
     parentPort.on("message", async (jobs) => {
       for (const { file, fn, args } of jobs) await (await import(file))[fn](...args)
       parentPort.postMessage("done")
     })`,
    { eval: true },
  )

  async run(jobs: readonly Job[]): Promise<void> {
    const done = new Promise((ready, failed) => this.#worker.once("message", ready).once("error", failed))
    this.#worker.postMessage(jobs)
    await done
  }

  end(): Promise<number> {
    return this.#worker.terminate()
  }
}

/** How long the server takes to answer, in milliseconds. */
const DELAY_MS = 50
const AT_ONCE = 1_000
const IN_TURN = 20

/** 1,000 HTTP checks at once on this thread, beside the same checks one after another. The server has a thread of its own. */
async function waiting({ row, interleave }: Part): Promise<void> {
  const server = new Worker(
    `const { createServer } = require("node:http")
     const server = createServer((_, response) => setTimeout(() => response.end("ok"), ${DELAY_MS}))
     server.listen(0, "127.0.0.1", 2000, () => require("node:worker_threads").parentPort.postMessage(server.address().port))`,
    { eval: true },
  )
  const port = await new Promise<number>((ready) => server.once("message", ready))
  const probe = http.get(`http://127.0.0.1:${port}/`)
  const { ours, other } = await interleave(5, {
    ours: () => eachMs(AT_ONCE, () => Promise.all(Array.from({ length: AT_ONCE }, () => ask(probe)))),
    other: () =>
      eachMs(IN_TURN, async () => {
        for (let at = 0; at < IN_TURN; at += 1) await ask(probe)
      }),
  })
  row({
    name: `${AT_ONCE} HTTP checks at once, each`,
    unit: "ms",
    ours,
    other,
    otherName: "in turn",
    target: "ratio <= 0.1",
  })
  await server.terminate()
}

async function eachMs(count: number, work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / count
}

async function ask(probe: Probe): Promise<void> {
  const run = () => Promise.reject(new Error("no command is needed"))
  const question = await prepare(probe, {
    tools: { run, end: async () => false, cwd: "/", baseEnv: {} },
    where: { type: "here" },
    signal: new AbortController().signal,
    hide: (text) => text,
  })
  const { verdict, evidence } = await question(undefined)
  if (verdict !== "yes") throw new Error(evidence)
}
