import type { Seen } from "../provider.ts"
import { must, needs } from "./broken.ts"
import { brief, differing } from "./compare.ts"
import type { Far, Made } from "./far.ts"
import type { Rule } from "./rule.ts"
import type { Trial } from "./trial.ts"

/** What a kind must keep when the far side is not as it was left. */
export const worldRules: readonly Rule[] = [
  { name: "what somebody changes on the far side is seen", look: seesDrift },
  { name: "a far side that cannot be read is a failure, never absence", look: failsAloud },
]

/** A kind that answers from its own memory sees nothing of it. */
async function seesDrift(trial: Trial): Promise<string> {
  const { disturb } = trial.world
  needs(disturb, "its world changes nothing behind Fettle's back: give disturb")
  const far = await trial.far()
  const made = await far.create(await far.want(trial.fresh()))
  const before = await far.readMade(made)
  must("outputs" in before, () => `what was just made is read as ${brief(before)}`)
  await disturb(made.want as never)
  const after = await far.readMade(made)
  must(!("failed" in after), () => `what was changed is read as a failure: ${brief(after)}`)
  const moved = "absent" in after ? ["all"] : differing(before.outputs, after.outputs)
  must(moved.length > 0, () => `it was changed on the far side, and is still read as ${brief(before.outputs)}`)
  await far.delete(made, after)
  return `changed behind its back: another ${moved.join(", ")}`
}

async function failsAloud(trial: Trial): Promise<string> {
  const { breakReads } = trial.world
  needs(breakReads, "its world breaks no reads: give breakReads")
  const far = await trial.far()
  const made = await far.create(await far.want(trial.fresh()))
  const mend = await breakReads()
  let seen: Seen<unknown> | undefined
  try {
    seen = await readOrThrow(far, made)
  } finally {
    await mend()
  }
  must(seen === undefined || "failed" in seen, () => `nothing could be read, and the answer is ${brief(seen)}`)
  await far.delete(made, await far.readMade(made))
  return "a read that failed said so"
}

/** A read that throws has said so, too. */
async function readOrThrow(far: Far, made: Made): Promise<Seen<unknown> | undefined> {
  try {
    return (await far.read([far.keyOf(made)])).get(made.address)
  } catch {
    return undefined
  }
}
