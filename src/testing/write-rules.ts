import { randomUUID } from "node:crypto"
import { settlesOf } from "../plan/settle.ts"
import type { Change } from "../provider.ts"
import { must, NotAsked, needs } from "./broken.ts"
import { brief, differing } from "./compare.ts"
import type { Far, Made } from "./far.ts"
import { words } from "./read-rules.ts"
import type { Rule } from "./rule.ts"
import type { Trial } from "./trial.ts"

/** What a kind must keep when it writes. */
export const writeRules: readonly Rule[] = [
  { name: "a create made twice with one intent makes one thing", look: createsOnce },
  { name: "an update gives what it wants, and keeps what is stable", look: updates },
  { name: "what was predicted is what the create gives", look: predictsTruly },
  { name: "a delete made twice is success, and a read after it says absent", look: deletesTwice },
]

async function createsOnce(trial: Trial): Promise<string> {
  const far = await trial.far()
  const want = await far.want(trial.fresh())
  if (settlesOf(trial.provider, want) === "ask")
    throw new NotAsked("the kind declares that no proof is possible, so nothing is repeated")
  const before = await trial.count()
  const intended = { token: randomUUID(), address: "conforms[once]" }
  const first = await far.create(want, intended)
  const again = await far.create(want, { ...intended, repeated: true })
  const made = (await trial.count()) - before
  must(made === 1, `one intent, carried out twice, made ${made} things`)
  must(first.id === again.id, `the repeat gave the id ${again.id} after ${first.id}`)
  const seen = await far.readMade(again)
  must("outputs" in seen, `after the repeat it is read as ${words(seen)}`)
  const others = differing(again.outputs, seen.outputs, trial.provider.volatile)
  must(others.length === 0, `the repeat gave another ${others.join(", ")} than there is`)
  await far.delete(again, seen)
  return `two calls, one thing (id ${first.id})`
}

async function updates(trial: Trial): Promise<string> {
  const far = await trial.far()
  const given = trial.fresh()
  const made = await far.create(await far.want(given))
  const want = await far.want(trial.world.change(given as never))
  const seen = await far.readMade(made, want)
  const change = trial.provider.plan(want, seen, lastOf(made)) as Change<Record<string, unknown>>
  must(change.action === "update" || change.action === "replace", `other props are planned as ${brief(change)}`)
  must(change.props.length > 0, "the change names no prop that differs")
  if (change.action === "replace") return replaced(far, made)
  const result = await far.change("ensure", want, change, { address: made.address, seen, last: made })
  if ("failed" in result) throw result.failed
  const outputs = "outputs" in result ? result.outputs : undefined
  const now = { ...made, want, outputs }
  const moved = differing(made.outputs, outputs).filter((key) => trial.provider.stable?.includes(key))
  must(moved.length === 0, `${moved.join(", ")} is declared stable, and the update changed it`)
  const after = await far.readMade(now)
  const left = trial.provider.plan(want, after, lastOf(now)) as Change<Record<string, unknown>>
  must(left.action === "none", `after the update, its plan still says ${brief(left)}`)
  await far.delete(now, after)
  return `${change.props.join(", ")}: ${change.because}`
}

/** A change that replaces is judged where the engine carries it out; here is nothing to repeat. */
async function replaced(far: Far, made: Made): Promise<string> {
  await far.delete(made, await far.readMade(made))
  return "this change replaces the thing: see the rule about applying it"
}

/** Without a read and from one; of a create, and of an update of what it made. */
async function predictsTruly(trial: Trial): Promise<string> {
  const { provider } = trial
  needs(provider.predict, "the kind predicts nothing")
  const far = await trial.far()
  const given = trial.fresh()
  const want = await far.want(given)
  const address = `conforms[${randomUUID()}]`
  const seen = await far.readNew(want, address)
  const made = await far.create(want, { address, seen })
  const told = [...mustBe(provider.predict(want), made.outputs), ...mustBe(provider.predict(want, seen), made.outputs)]
  const changed = await far.want(trial.world.change(given as never))
  const now = await far.readMade(made, changed)
  const change = provider.plan(changed, now, lastOf(made)) as Change<Record<string, unknown>>
  let last = made
  if (change.action === "update") {
    const result = await far.change("ensure", changed, change, { address, seen: now, last: made })
    if ("failed" in result) throw result.failed
    last = { ...made, want: changed, outputs: "outputs" in result ? result.outputs : undefined }
    told.push(...mustBe(provider.predict(changed, now), last.outputs))
  }
  await far.delete(last, await far.readMade(last))
  return `${[...new Set(told)].join(", ") || "nothing"}, as predicted`
}

/** Gives the names of what was predicted. @throws Broken where a change gave something else */
function mustBe(predicted: unknown, outputs: unknown): readonly string[] {
  must(typeof predicted === "object" && predicted !== null, `predict gives ${brief(predicted)}`)
  const [told, given] = [predicted as Record<string, unknown>, outputs as Record<string, unknown>]
  const wrong = Object.keys(told).filter((key) => differing({ it: told[key] }, { it: given[key] }).length > 0)
  must(wrong.length === 0, () =>
    wrong.map((key) => `${key} was predicted as ${brief(told[key])} and is ${brief(given[key])}`).join("; "),
  )
  return Object.keys(told)
}

async function deletesTwice(trial: Trial): Promise<string> {
  const far = await trial.far()
  const before = await trial.count()
  const made = await far.create(await far.want(trial.fresh()))
  const seen = await far.readMade(made)
  for (const time of ["first", "second"]) {
    const result = await far.delete(made, seen)
    must(!("failed" in result), () => `the ${time} delete failed: ${"failed" in result ? result.failed.fact : ""}`)
  }
  const after = await far.readMade(made)
  must("absent" in after, `after its delete it is read as ${words(after)}`)
  const left = (await trial.count()) - before
  must(left === 0, `after a create and a delete there are ${left} more things than before`)
  return "deleted, and deleting it again changes nothing"
}

function lastOf(made: Made): { props: unknown; outputs: unknown } {
  return { props: made.want, outputs: made.outputs }
}
