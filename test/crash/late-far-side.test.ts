import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { LateOrder, LateReport } from "../fixtures/crash/late-child.ts"
import { WANTED } from "../fixtures/crash/late-far-side.ts"
import type { Faults } from "../fixtures/far-side/faults.ts"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import { COMPILED } from "../support/crash.ts"
import { memoryFolder } from "../support/memory-folder.ts"

// A kill at a boundary never shows it: a far side that acts after its client has died, that does not show yet what it
// has, that loses answers and cuts lists. Fifty programs run in one process that is killed, often twice; the next
// process must bring all of them to an end with nothing made twice, orphaned or lost.
//
//   FETTLE_LATE_SEEDS=1000 vitest run test/crash/late-far-side.test.ts       more seeds of each condition, as a release runs them
//   FETTLE_LATE_REPLAY=stale-7-13 vitest run test/crash/late-far-side.test.ts  the seeds that died together with this one

const CHILD = fileURLToPath(new URL("../fixtures/crash/late-child.ts", import.meta.url))
const SEEDS = Number(process.env.FETTLE_LATE_SEEDS ?? 400)
const REPLAY = process.env.FETTLE_LATE_REPLAY
/** Programs in one process. */
const TOGETHER = 50
/** Batches at once: most of their time they wait. */
const LANES = 4
/** The far side is late by at most this. */
const LATE_MS = 800
/** Seconds in the world, scaled: well above what the far side needs, and a busy machine besides. */
const HORIZON_MS = 2_500
/** After this nothing is on its way any more. */
const QUIET_MS = 1_500
/** Boundaries that a batch passes before it is done, about: around each synced transaction and behind each effect. */
const BOUNDARIES = 20 * TOGETHER
/** Calls that a batch makes before it is done, about. */
const CALLS = 6 * TOGETHER
/** A batch is killed up to so long after such a call, with others on their way. */
const AFTER_CALL_MS = 400
/** Between two looks at how many calls there were. */
const POLL_MS = 5
/** Share of seeds that must have been caught in the middle, or the moments are badly chosen. */
const LEFT_OPEN_MIN = 0.25
/** Things that stood there before, so that a list has pages to lose. */
const BEFORE = 3

/** A number from 0 to 1, the same for the same words. */
function chance(...words: readonly (string | number)[]): number {
  return createHash("sha256").update(JSON.stringify(words)).digest().readUInt32BE(0) / 2 ** 32
}

function between(least: number, most: number, ...words: readonly (string | number)[]): number {
  return Math.round(least + (most - least) * chance(...words))
}

/** How the far side of a seed misbehaves. */
const conditions: Readonly<Record<string, (seed: string) => Faults>> = {
  late: (seed) => ({ createDelayMs: between(LATE_MS / 2, LATE_MS, seed, "late") }),
  stale: (seed) => ({
    staleListMs: between(LATE_MS / 2, LATE_MS, seed, "stale"),
    createDelayMs: between(0, LATE_MS / 2, seed, "delay"),
  }),
  lost: (seed) => ({ dropReply: 0.5, createDelayMs: between(0, LATE_MS / 2, seed, "delay") }),
  truncated: (seed) => ({
    truncateList: chance(seed, "how") < 0.5 ? "cut" : "last-page",
    truncateChance: 0.4,
    createDelayMs: between(0, LATE_MS / 2, seed, "delay"),
  }),
}

let farSide: FarSide
beforeAll(async () => {
  farSide = await startFarSide()
})
afterAll(() => farSide.close())

test.each(Object.keys(conditions))(
  "%s: nothing is made twice, orphaned or lost",
  { timeout: 900_000 },
  async (condition) => {
    const folder = memoryFolder()
    const batches = batchesOf(condition)
    const seen = { seeds: 0, kills: 0, cutOff: 0, applies: 0, asked: 0 }
    const lane = async (): Promise<void> => {
      for (let at = batches.shift(); at !== undefined; at = batches.shift()) {
        const { reports, kills } = await runBatch(condition, at, folder)
        seen.kills += kills
        seen.seeds += reports.length
        for (const { applies, asked, open } of reports) {
          if (open > 0) seen.cutOff += 1
          seen.applies += applies
          seen.asked += asked.length
        }
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    console.info(`${condition}: ${JSON.stringify(seen)}`)
    if (REPLAY !== undefined) return
    expect(seen.seeds).toBeGreaterThanOrEqual(SEEDS)
    expect(seen.cutOff / seen.seeds, "seeds that a kill or a lost answer left open").toBeGreaterThan(LEFT_OPEN_MIN)
  },
)

function batchesOf(condition: string): number[] {
  if (REPLAY === undefined) return Array.from({ length: Math.ceil(SEEDS / TOGETHER) }, (_, at) => at)
  const [name, batch] = REPLAY.split("-")
  return name === condition ? [Number(batch)] : []
}

async function runBatch(
  condition: string,
  batch: number,
  root: string,
): Promise<{ reports: readonly LateReport[]; kills: number }> {
  const name = `${condition}-${batch}`
  const folder = join(root, name)
  mkdirSync(folder)
  const seeds = Array.from({ length: TOGETHER }, (_, at) => `${name}-${at}`)
  for (const seed of seeds) prepare(seed, (conditions[condition] as (seed: string) => Faults)(seed))
  const order = { seeds, url: farSide.url, folder, horizonMs: HORIZON_MS, killAt: 0 }
  let kills = 0
  for (const life of chance(name, "lives") < 0.5 ? [1] : [1, 2]) if (await killedRun(order, name, life)) kills += 1
  const reports = await runChild({ ...order, quietMs: QUIET_MS })
  expect(reports.map((each) => each.seed).sort(), replay(name)).toEqual([...seeds].sort())
  for (const report of reports) expectConverged(report)
  rmSync(folder, { recursive: true })
  return { reports, kills }
}

function prepare(seed: string, faults: Faults): void {
  const space = farSide.namespace(seed)
  for (const collection of Object.keys(WANTED))
    for (let at = 0; at < BEFORE; at += 1) space.create(collection, { name: `before-${collection}-${at}` })
  space.faults = faults
}

/** One life of a batch that ends with SIGKILL at a moment that its name decides. False where it was done before. */
async function killedRun(order: LateOrder, name: string, life: number): Promise<boolean> {
  if (chance(name, life, "how") < 0.5) {
    const killAt = between(1, BOUNDARIES, name, life, "boundary")
    return (await runChild({ ...order, killAt })).length < order.seeds.length
  }
  const stop = callsMade(order) + between(1, CALLS, name, life, "calls")
  const afterMs = between(0, AFTER_CALL_MS, name, life, "after")
  const reports = await runChild(order, async (kill, ended) => {
    while (callsMade(order) < stop && !ended.aborted) await sleep(POLL_MS)
    setTimeout(kill, afterMs)
  })
  return reports.length < order.seeds.length
}

function callsMade({ seeds }: LateOrder): number {
  let calls = 0
  for (const seed of seeds) calls += farSide.namespace(seed).counters.calls
  return calls
}

/** Reports of the seeds that came to an end in one process, which `killer` may kill. */
function runChild(
  order: LateOrder,
  killer?: (kill: () => void, ended: AbortSignal) => unknown,
): Promise<readonly LateReport[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD, JSON.stringify(order)], {
      env: { ...process.env, ...COMPILED },
      stdio: ["ignore", "pipe", "inherit"],
    })
    const ended = new AbortController()
    const reports: LateReport[] = []
    createInterface({ input: child.stdout }).on("line", (line) => reports.push(JSON.parse(line) as LateReport))
    killer?.(() => child.kill("SIGKILL"), ended.signal)
    child.on("error", reject)
    child.on("close", (code, signal) => {
      ended.abort()
      if (code === 0 || signal === "SIGKILL") resolve(reports)
      else reject(new Error(`the child ended with ${code ?? signal}`))
    })
  })
}

function replay(seed: string): string {
  return `${seed}: again with FETTLE_LATE_REPLAY=${seed}`
}

/** By the far side's own books. */
function expectConverged({ seed, errors, left, asked }: LateReport): void {
  const { byName, counters, collections } = farSide.namespace(seed).dump() as {
    byName: Record<string, number>
    counters: { duplicates: number }
    collections: Record<string, { name: string }[]>
  }
  const wanted: Record<string, string[]> = {}
  for (const [collection, names] of Object.entries(WANTED))
    wanted[collection] = [...names, ...Array.from({ length: BEFORE }, (_, at) => `before-${collection}-${at}`)].sort()
  const names = Object.fromEntries(
    Object.entries(collections).map(([name, all]) => [name, all.map((each) => each.name).sort()]),
  )
  const wrongly = asked.filter((address) => !address.startsWith("ask/"))
  expect({ errors, left, wrongly, duplicates: counters.duplicates, names }, replay(seed)).toEqual({
    errors: [],
    left: [],
    wrongly: [],
    duplicates: 0,
    names: wanted,
  })
  expect(
    Object.values(byName).every((count) => count === 1),
    replay(seed),
  ).toBe(true)
}
