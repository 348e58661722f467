import { randomUUID } from "node:crypto"
import type { Key, Seen } from "../provider.ts"
import { must, needs } from "./broken.ts"
import { brief, differing } from "./compare.ts"
import type { Far } from "./far.ts"
import type { Rule } from "./rule.ts"
import type { Trial } from "./trial.ts"

/** What a kind must keep when it reads. */
export const readRules: readonly Rule[] = [
  { name: "a read before a create says absent, and after it gives what the create gave", look: seesWhatWasMade },
  { name: "every key gets an answer", look: answersAll },
  { name: "a read and a plan change nothing", look: changesNothing },
  { name: "1,000 keys take a bounded number of calls", look: takesFewCalls },
  { name: "outputs fit the schema", look: fitsSchema },
]

async function seesWhatWasMade(trial: Trial): Promise<string> {
  const far = await trial.far()
  const want = await far.want(trial.fresh())
  const { provider } = trial
  const id = provider.id(want)
  const key = { address: "conforms[thing]" as never, want, ...(id === undefined ? {} : { id }) }
  const before = (await far.read([key])).get(key.address)
  must(before !== undefined && "absent" in before, `what was never made is read as ${brief(before)}`)
  const made = await far.create(want, { address: key.address })
  const seen = await far.readMade(made)
  must("outputs" in seen, `what was just made (id ${made.id}) is read as ${words(seen)}`)
  const others = differing(made.outputs, seen.outputs, provider.volatile)
  must(
    others.length === 0,
    () => `read gives another ${others.join(", ")} than ensure: ${brief(seen.outputs)} after ${brief(made.outputs)}`,
  )
  await far.delete(made, seen)
  return `id ${made.id}: ${Object.keys(seen.outputs as object).length} outputs as the create gave them`
}

async function answersAll(trial: Trial): Promise<string> {
  const far = await trial.far()
  const made = await far.create(await far.want(trial.fresh()))
  const keys = await keysAround(trial, far, made)
  const answers = await far.read(Object.values(keys))
  for (const [what, key] of Object.entries(keys)) {
    const answer = answers.get(key.address)
    must(answer !== undefined, `no answer for ${what}`)
    must(!("failed" in answer), () => `the answer for ${what} is a failure: ${words(answer)}`)
    const there = what.startsWith("a thing that is there")
    must(there ? "outputs" in answer : "absent" in answer, `${what} is read as ${words(answer)}`)
  }
  await far.delete(made, await far.readMade(made))
  return `${Object.keys(keys).length} kinds of keys in one read: ${Object.keys(keys).join("; ")}`
}

/** Keys of every sort that the engine asks, in one read. */
async function keysAround(
  trial: Trial,
  far: Far,
  made: Awaited<ReturnType<Far["create"]>>,
): Promise<Record<string, Key<unknown, unknown>>> {
  const other = await far.want(trial.fresh())
  const id = trial.provider.id(other)
  const unmade = { ...(id === undefined ? {} : { id }) }
  const at = (name: string): never => `conforms[${name}]` as never
  const gone = await far.create(await far.want(trial.fresh()))
  await far.delete(gone, await far.readMade(gone))
  return {
    "a thing that is there": { ...far.keyOf(made), address: at("there") },
    "a thing that is there and left the program": { ...far.keyOf(made, true), address: at("leaving") },
    "a thing that was never made": { address: at("never"), want: other, ...unmade },
    "a thing that is gone": { ...far.keyOf(gone), address: at("gone") },
    "a thing that is gone and left the program": { ...far.keyOf(gone, true), address: at("both") },
  }
}

/** Asked with other props than a thing has, it could be tempted to bring the thing to them. */
async function changesNothing(trial: Trial): Promise<string> {
  const far = await trial.far()
  const given = trial.fresh()
  const made = await far.create(await far.want(given))
  const changed = trial.world.change(given as never)
  const unmade = trial.fresh()
  const runs = trial.runs()
  const count = await trial.count()
  // Without props, so that this look itself can tempt nobody.
  const look = async (): Promise<Seen<unknown> | undefined> =>
    (await far.read([far.keyOf(made, true)])).get(made.address as never)
  const before = await look()
  await far.readMade({ ...made, want: await far.want(changed) })
  await far.read([{ ...far.keyOf(made, true), open: [randomUUID()] }])
  await runs.plan([changed, unmade])
  await runs.plan([changed, unmade], { adopt: true })
  const after = await look()
  const things = await trial.count()
  must(things === count, `${count} things were there, and after a read and a plan ${things}`)
  must(before !== undefined && "outputs" in before, () => `what was just made is read as ${brief(before)}`)
  must(after !== undefined && "outputs" in after, () => `after a read and a plan it is read as ${brief(after)}`)
  const moved = differing(before.outputs, after.outputs, trial.provider.volatile)
  must(
    moved.length === 0,
    () => `a read or a plan changed ${moved.join(", ")}: ${words(after)}, before ${words(before)}`,
  )
  await far.delete(made, after)
  return "read with other props, and planned: as many things as before, and as they were"
}

async function takesFewCalls(trial: Trial): Promise<string> {
  const { world, options } = trial
  needs(world.calls, "its world does not count calls")
  const callsMax = options.callsMax ?? 50
  const far = await trial.far()
  const { keys, made } = await manyKeys(trial, far, callsMax)
  const before = await world.calls()
  const answers = await far.read(keys)
  const calls = (await world.calls()) - before
  const silent = keys.filter(({ address }) => !answers.has(address)).length
  must(silent === 0, `${silent} of 1,000 keys got no answer`)
  for (const each of made) await far.delete(each, answers.get(each.address as never) as Seen<unknown>)
  must(calls <= callsMax, `a read of 1,000 keys took ${calls} calls, and may take ${callsMax}`)
  return `1,000 keys in ${calls} calls`
}

/**
 * Keys with ids that the far side knows or may know: without one, a kind whose ids are assigned there has nothing to ask. Of such
 * a kind more things are made than calls are allowed, so that one call for each of them is seen.
 */
async function manyKeys(
  trial: Trial,
  far: Far,
  callsMax: number,
): Promise<{
  readonly keys: readonly Key<unknown, unknown>[]
  readonly made: readonly Awaited<ReturnType<Far["create"]>>[]
}> {
  const numbers = Array.from({ length: 1_000 }, (_, at) => at)
  const made: Awaited<ReturnType<Far["create"]>>[] = []
  if (trial.provider.id(await far.want(trial.fresh())) === undefined)
    for (let at = 0; at < callsMax + 10; at += 1) made.push(await far.create(await far.want(trial.fresh())))
  const keys = numbers.map(async (at): Promise<Key<unknown, unknown>> => {
    const one = made[at % made.length]
    if (one !== undefined)
      return { ...far.keyOf(one), address: at < made.length ? one.address : `conforms[${at}]` } as never
    const want = await far.want(trial.fresh())
    return { address: `conforms[${at}]` as never, want, id: trial.provider.id(want) as string }
  })
  return { keys: await Promise.all(keys), made }
}

async function fitsSchema(trial: Trial): Promise<string> {
  const far = await trial.far()
  const made = await far.create(await far.want(trial.fresh()))
  const seen = await far.readMade(made)
  const given: Record<string, unknown> = { ensure: made.outputs, read: "outputs" in seen ? seen.outputs : undefined }
  for (const [from, outputs] of Object.entries(given)) {
    const parsed = trial.provider.outputs.safeParse(outputs)
    must(
      parsed.success,
      () =>
        `${from} gives ${parsed.error?.issues.map((issue: { path: PropertyKey[]; message: string }) => `${issue.path.map(String).join(".") || "outputs"}: ${issue.message}`).join("; ")}`,
    )
    const lost = differing(outputs, parsed.data)
    must(lost.length === 0, `${from} gives ${lost.join(", ")}, which the schema of outputs does not keep`)
  }
  await far.delete(made, seen)
  return `ensure and read give ${Object.keys(made.outputs as object).join(", ")}`
}

/** An answer as words for evidence. */
export function words(seen: Seen<unknown>): string {
  if ("failed" in seen) return `a failure: ${seen.failed.code}: ${seen.failed.fact}`
  return "absent" in seen ? "absent" : `there: ${brief(seen.outputs)}`
}
