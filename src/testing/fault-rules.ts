import { Broken, must, NotAsked, needs } from "./broken.ts"
import { applied } from "./engine-rules.ts"
import type { Made } from "./far.ts"
import { type Fault, Faulty } from "./faulty.ts"
import type { Rule } from "./rule.ts"
import { changesOf, errorsOf, type Runs } from "./runs.ts"
import { Seeded } from "./seeded.ts"
import type { Trial } from "./trial.ts"
import type { Faults } from "./world.ts"

/** What a kind must keep when its far side is late, or its client died: what it says under `settles`. */
export const faultRules: readonly Rule[] = [
  { name: "a create whose reply was lost settles as declared", look: (trial) => overSeeds(trial, "lost") },
  { name: "a create that takes effect late settles as declared", look: (trial) => overSeeds(trial, "late") },
  { name: "a create that never arrived settles as declared", look: (trial) => overSeeds(trial, "never") },
  { name: "a stale list makes nothing twice", look: (trial) => overSeeds(trial, "lost", true) },
  { name: "a truncated list is never taken for absence", look: survivesTruncation },
]

/** Longest delay of a late create or list, where no horizon says how long, in milliseconds. */
const DELAY_MAX_MS = 30
/** Runs after which a program must have come to rest. */
const RUNS_MAX = 3

async function overSeeds(trial: Trial, fault: Fault, stale = false): Promise<string> {
  if (stale) needs(trial.world.faults?.stale, "its world shows no stale lists")
  for (const seed of trial.seeds) {
    try {
      await settle(trial, fault, seed, stale)
    } catch (thrown) {
      if (!(thrown instanceof Broken)) throw thrown
      throw new Broken(`${thrown.message} (seed ${seed}; repeat it with { seeds: { only: ${seed} } })`)
    } finally {
      await trial.world.faults?.clear()
    }
  }
  return `${trial.seeds.length} seeds`
}

/** One create meets a fault, and the next runs settle it. */
async function settle(trial: Trial, fault: Fault, seed: number, stale: boolean): Promise<void> {
  const random = new Seeded(seed)
  const things = Array.from({ length: random.between(1, 3) }, () => trial.fresh())
  const delayMs = random.between(1, longest(trial, things[0]))
  const faulty = new Faulty(trial.through, fault, random.between(0, things.length - 1), delayMs)
  const before = await trial.count()
  const runs = trial.runs()
  const first = await runs.apply(things, {}, faulty.through)
  must(
    (first.applied?.outcomes ?? []).some(({ outcome }) => outcome === "maybe"),
    `the faulty create ended as ${first.outcome}, though nobody can know: ${errorsOf(first)}`,
  )
  if (stale) await trial.world.faults?.stale?.(delayMs)
  const asks = trial.settles(things[0]) === "ask"
  const at = { things, faulty, before, fault }
  await (asks ? mustAsk(trial, runs, at) : mustConverge(trial, runs, at))
}

interface At {
  readonly things: readonly unknown[]
  readonly faulty: Faulty
  /** Things there were before. */
  readonly before: number
  readonly fault: Fault
}

/** A kind that declares "ask" stops at the node whose create was cut off, and makes nothing meanwhile. */
async function mustAsk(trial: Trial, runs: Runs, { things, faulty, before, fault }: At): Promise<void> {
  const ran = await runs.apply(things)
  must(
    errorsOf(ran).includes("OPEN_INTENT"),
    `it declares "ask", and the next run did not ask: ${ran.outcome}, ${changesOf(ran)}`,
  )
  await faulty.arrived()
  const made = (await trial.count()) - before
  const expected = things.length - (fault === "never" ? 1 : 0)
  must(
    made === expected,
    `${things.length} things were declared, one of them met the fault "${fault}", and there are ${made}`,
  )
}

/** Every other kind comes to rest by itself: one thing for each that is declared, and a plan with nothing to do. */
async function mustConverge(trial: Trial, runs: Runs, { things, faulty, before, fault }: At): Promise<void> {
  let ran = await runs.apply(things)
  await faulty.arrived()
  await trial.world.faults?.clear()
  for (let times = 1; times < RUNS_MAX && ran.exitCode !== 0; times += 1) ran = await runs.apply(things)
  must(ran.exitCode === 0, `after the fault "${fault}", ${RUNS_MAX} runs do not end well: ${errorsOf(ran)}`)
  const made = (await trial.count()) - before
  must(made === things.length, `after the fault "${fault}", ${things.length} things are declared and ${made} are there`)
  const plan = await runs.plan(things)
  must(
    plan.outcome === "unchanged",
    `after the fault "${fault}", the plan still says: ${changesOf(plan) || errorsOf(plan)}`,
  )
  await runs.destroy(things)
  const left = (await trial.count()) - before
  must(left === 0, `after the fault "${fault}" and a destroy, ${left} things are left behind`)
}

/** How late a create or a list may be, in milliseconds. */
function longest(trial: Trial, given: unknown): number {
  const settles = trial.settles(given)
  if (typeof settles !== "object") return DELAY_MAX_MS
  return Math.max(1, Math.floor(settles.horizonMs / 2))
}

async function survivesTruncation(trial: Trial): Promise<string> {
  const { faults } = trial.world
  needs(faults?.truncate, "its world shows no truncated lists")
  const far = await trial.far()
  const made: Made[] = []
  for (let things = 0; things < 3; things += 1) made.push(await far.create(await far.want(trial.fresh())))
  await faults.truncate(1)
  const answers = await far.read(made.map((each) => far.keyOf(each)))
  const absent = made.filter(({ address }) => "absent" in (answers.get(address as never) ?? {}))
  must(absent.length === 0, `3 things are there, the list is cut after 1, and ${absent.length} are read as absent`)
  await faults.clear()
  for (const each of made) await far.delete(each, await far.readMade(each))
  return cutWhileRunning(trial, faults)
}

/** The same through the engine: nothing is made or forgotten because of a list that was cut. */
async function cutWhileRunning(trial: Trial, faults: Faults): Promise<string> {
  const runs = trial.runs()
  const things = [trial.fresh(), trial.fresh(), trial.fresh()]
  const before = await trial.count()
  await applied(runs, things)
  await faults.truncate?.(1)
  const ran = await runs.apply(things)
  must(!/\b(create|forget)\b/.test(changesOf(ran)), `with a list cut after 1 of 3, the plan says: ${changesOf(ran)}`)
  await faults.clear()
  const count = (await trial.count()) - before
  must(count === things.length, `with a list cut after 1 of 3, there are ${count} of 3 things`)
  await runs.destroy(things)
  return "3 things, a list cut after 1: none is called absent, none is made again"
}
