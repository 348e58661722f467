import { must, NotAsked, needs } from "./broken.ts"
import { brief, same } from "./compare.ts"
import type { Rule } from "./rule.ts"
import { changesOf, errorsOf, type Ran, type Runs } from "./runs.ts"
import type { Trial } from "./trial.ts"

/** What a kind must keep when the real engine runs it. */
export const engineRules: readonly Rule[] = [
  { name: "the second plan has nothing to do", look: convergesAtOnce },
  { name: "a changed program is applied, and the plan after it has nothing to do", look: convergesAfterChange },
  { name: "what left the program is deleted, and nothing stays behind", look: leavesNothing },
  { name: "what Fettle did not make is refused until it is adopted, and then stays", look: refusesForeign },
]

async function convergesAtOnce(trial: Trial): Promise<string> {
  const runs = trial.runs()
  const things = [trial.fresh(), trial.fresh()]
  const before = await trial.count()
  await applied(runs, things)
  must(
    (await trial.count()) - before === things.length,
    `${things.length} things were declared, and ${(await trial.count()) - before} made`,
  )
  await settled(runs, things)
  await applied(runs, things)
  must((await trial.count()) - before === things.length, "the second apply made more")
  await runs.destroy(things)
  return "two things made; the plan after it is empty"
}

async function convergesAfterChange(trial: Trial): Promise<string> {
  const runs = trial.runs()
  const given = trial.fresh()
  await applied(runs, [given])
  const before = await trial.count()
  const changed = trial.world.change(given as never)
  const ran = await applied(runs, [changed])
  must((await trial.count()) === before, `the change turned ${before} things into ${await trial.count()}`)
  await settled(runs, [changed])
  await applied(runs, [given])
  await settled(runs, [given])
  await runs.destroy([given])
  return `${changesOf(ran)}; and back again`
}

async function leavesNothing(trial: Trial): Promise<string> {
  const runs = trial.runs()
  const things = [trial.fresh(), trial.fresh()]
  const before = await trial.count()
  await applied(runs, things)
  await applied(runs, things.slice(0, 1))
  must(
    (await trial.count()) - before === 1,
    `one of two left the program, and ${(await trial.count()) - before} are there`,
  )
  const ran = await runs.destroy(things)
  must(ran.outcome === "done", `destroy ended as ${ran.outcome}: ${errorsOf(ran)}`)
  must(
    (await trial.count()) === before,
    `after destroy there are ${(await trial.count()) - before} more things than before`,
  )
  return "one of two removed, then all"
}

async function refusesForeign(trial: Trial): Promise<string> {
  const { world, provider } = trial
  needs(world.foreign, "its world makes nothing foreign")
  if (provider.asserts === true || provider.adoptsFound === true)
    throw new NotAsked("the kind takes over what it finds")
  const given = trial.fresh()
  const want = trial.parse(given)
  if (provider.id(want) === undefined) throw new NotAsked("the far side assigns ids, so nothing foreign can be found")
  await world.foreign(want as never)
  const [count, far] = [await trial.count(), await trial.far()]
  const key = { address: "conforms[foreign]" as never, id: provider.id(want) as string, want: await far.want(given) }
  const before = (await far.read([key])).get(key.address)
  const runs = trial.runs()
  const refused = await runs.apply([given])
  must(
    errorsOf(refused).includes("FOREIGN"),
    `it was not refused: ${refused.outcome}, ${changesOf(refused) || "nothing planned"}`,
  )
  const after = (await far.read([key])).get(key.address)
  must(
    same(before, after) && (await trial.count()) === count,
    `the refused thing was touched: ${brief(after)} after ${brief(before)}`,
  )
  await adopted(trial, runs, given, count)
  return "refused, adopted, and left where it is when it left the program"
}

async function adopted(trial: Trial, runs: Runs, given: unknown, count: number): Promise<void> {
  const taken = await runs.apply([given], { adopt: true })
  must(taken.exitCode === 0, `adopting it ended as ${taken.outcome}: ${errorsOf(taken)}`)
  await settled(runs, [given])
  await applied(runs, [])
  must((await trial.count()) === count, "what was adopted was deleted when it left the program")
}

/** Applies. @throws Broken where it does not end well */
export async function applied(runs: Runs, things: readonly unknown[]): Promise<Ran> {
  const ran = await runs.apply(things)
  must(ran.exitCode === 0, `apply ended as ${ran.outcome}: ${errorsOf(ran)}`)
  return ran
}

/** Plans. @throws Broken where anything is left to do */
export async function settled(runs: Runs, things: readonly unknown[]): Promise<void> {
  const ran = await runs.plan(things)
  must(ran.outcome === "unchanged", `the plan after it still says: ${changesOf(ran) || errorsOf(ran)}`)
}
