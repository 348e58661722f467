import { Broken, must, needs } from "./broken.ts"
import { applied, settled } from "./engine-rules.ts"
import { type Fault, Faulty } from "./faulty.ts"
import { words } from "./read-rules.ts"
import type { Rule } from "./rule.ts"
import { changesOf, errorsOf, type Ran, type Runs } from "./runs.ts"
import { Seeded } from "./seeded.ts"
import type { Trial } from "./trial.ts"
import type { Faults } from "./world.ts"

/** What a kind must keep when its far side is late, or its client died: what it says under `settles`. */
export const faultRules: readonly Rule[] = [
  { name: "a create whose reply was lost settles as declared", look: (trial) => overSeeds(trial, "lost") },
  { name: "a create that takes effect late settles as declared", look: (trial) => overSeeds(trial, "late") },
  { name: "a create that never arrived settles as declared", look: (trial) => overSeeds(trial, "never") },
  { name: "a stale list makes nothing twice", look: staleLists },
  { name: "a truncated list is never taken for absence", look: truncatedLists },
]

/** Runs after which a program must have come to rest. */
const RUNS_MAX = 3

/** When a late create arrives, as far as the run after the crash is concerned. */
const ARRIVALS = ["before it", "between its read and its change", "after it"] as const

async function overSeeds(trial: Trial, fault: Fault, stale?: Faults["stale"]): Promise<string> {
  for (const seed of trial.seeds) {
    try {
      await settle(trial, fault, new Seeded(seed), stale)
    } catch (thrown) {
      if (!(thrown instanceof Broken)) throw thrown
      throw new Broken(`${thrown.message} (seed ${seed}; repeat it with { seeds: { only: ${seed} } })`)
    } finally {
      await trial.world.faults?.clear()
    }
  }
  return `${trial.seeds.length} seeds`
}

/** One create meets a fault; the next runs settle it. */
async function settle(trial: Trial, fault: Fault, random: Seeded, stale: Faults["stale"]): Promise<void> {
  const things = Array.from({ length: random.between(1, 3) }, () => trial.fresh())
  const settles = trial.settles(things[0])
  const faulty = new Faulty(trial.through, fault, random.between(0, things.length - 1))
  const runs = trial.runs()
  const at: At = { trial, runs, things, faulty, fault, before: await trial.count() }
  await stale?.()
  const first = await runs.apply(things, {}, faulty.through)
  const maybe = (first.applied?.outcomes ?? []).some(({ outcome }) => outcome === "maybe")
  must(maybe, `the faulty create ended as ${first.outcome}, though nobody can know: ${errorsOf(first)}`)
  try {
    if (settles === "ask") await mustAsk(at)
    else if (typeof settles === "object")
      await mustConverge(at, () => waitingRun(at, random.between(1, settles.horizonMs >> 1)))
    else await mustConverge(at, () => nextRun(at, ARRIVALS[random.between(0, 2)]))
  } finally {
    await faulty.end()
  }
}

interface At {
  readonly trial: Trial
  readonly runs: Runs
  readonly things: readonly unknown[]
  readonly faulty: Faulty
  readonly fault: Fault
  /** Things there were before. */
  readonly before: number
}

/** The run after the crash, of a kind that waits for its horizon: what is late or stale comes right meanwhile. */
async function waitingRun({ trial, runs, things, faulty }: At, delayMs: number): Promise<Ran> {
  const right = new Promise((done) => setTimeout(done, delayMs)).then(async () => {
    await faulty.release()
    await trial.world.faults?.clear()
  })
  const ran = await runs.apply(things)
  await right
  await faulty.end()
  return ran
}

/** The run after the crash, of a kind that proves by itself what happened; a late create arrives at a moment of our choice. */
async function nextRun({ runs, things, faulty }: At, arrival: (typeof ARRIVALS)[number] | undefined): Promise<Ran> {
  if (arrival === "before it") await faulty.release()
  const ran = await runs.apply(things, {}, arrival === "between its read and its change" ? faulty.meanwhile : undefined)
  await faulty.end()
  return ran
}

/** A kind that declares "ask" stops at the node whose create was cut off, and makes nothing meanwhile. */
async function mustAsk({ trial, runs, things, faulty, fault, before }: At): Promise<void> {
  const ran = await runs.apply(things)
  must(
    errorsOf(ran).includes("OPEN_INTENT"),
    `it declares "ask", and the next run did not ask: ${ran.outcome}, ${changesOf(ran)}`,
  )
  await faulty.release()
  const made = (await trial.count()) - before
  const expected = things.length - (fault === "never" ? 1 : 0)
  must(made === expected, `of ${things.length} things one met the fault "${fault}", and there are ${made}`)
}

/** Every other kind comes to rest by itself: one thing for each that is declared, and a plan with nothing to do. */
async function mustConverge({ trial, runs, things, fault, before }: At, next: () => Promise<Ran>): Promise<void> {
  let ran = await next()
  await trial.world.faults?.clear()
  for (let times = 1; times < RUNS_MAX && ran.exitCode !== 0; times += 1) ran = await runs.apply(things)
  must(ran.exitCode === 0, `after the fault "${fault}", ${RUNS_MAX} runs do not end well: ${errorsOf(ran)}`)
  const made = (await trial.count()) - before
  must(made === things.length, `after the fault "${fault}", ${things.length} things are declared and ${made} are there`)
  await settled(runs, things)
  await runs.destroy(things)
  const left = (await trial.count()) - before
  must(left === 0, `after the fault "${fault}" and a destroy, ${left} things are left behind`)
}

async function staleLists(trial: Trial): Promise<string> {
  const { faults } = trial.world
  needs(faults?.stale, "its world shows no stale lists")
  const runs = trial.runs()
  const things = [trial.fresh(), trial.fresh()]
  await faults.stale()
  await applied(runs, things)
  const ran = await runs.plan(things)
  const wrong = ran.plan?.changes.some(({ action }) => action === "create" || action === "forget")
  must(wrong !== true, `right after the create, with a list from before it, the plan says: ${changesOf(ran)}`)
  await faults.clear()
  await settled(runs, things)
  await runs.destroy(things)
  return overSeeds(trial, "lost", () => faults.stale?.())
}

async function truncatedLists(trial: Trial): Promise<string> {
  const { faults } = trial.world
  needs(faults?.truncate, "its world shows no truncated lists")
  const [runs, far] = [trial.runs(), await trial.far()]
  const things = [trial.fresh(), trial.fresh()]
  await applied(runs, things)
  const made = await far.create(await far.want(trial.fresh()))
  const before = await trial.count()
  await faults.truncate(1)
  const seen = await far.readMade(made)
  must(!("absent" in seen), `3 things are there, the list is cut after 1, and one of them is read as ${words(seen)}`)
  const ran = await runs.apply(things)
  const wrong = ran.plan?.changes.some(({ action }) => action === "create" || action === "forget")
  must(wrong !== true, `3 things are there, the list is cut after 1, and the plan says: ${changesOf(ran)}`)
  await faults.clear()
  must(
    (await trial.count()) === before,
    `3 things were there, the list was cut after 1, and now there are ${await trial.count()}`,
  )
  await far.delete(made, await far.readMade(made))
  await runs.destroy(things)
  return "3 things, a list cut after 1: none is called absent, none is made again"
}
