import { inspect } from "node:util"
import type { FettleError } from "../errors.ts"
import { isPlain, secretsIn } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"
import { must, NotAsked, needs } from "./broken.ts"
import type { Far } from "./far.ts"
import type { Rule } from "./rule.ts"
import { changesOf, errorsOf } from "./runs.ts"
import type { Trial } from "./trial.ts"

/** What a kind must keep of the secrets it is given. */
export const secretRules: readonly Rule[] = [
  { name: "no secret is in the open in what the kind gives back", look: givesNoSecret },
  { name: "no secret is in any event, error or byte of state", look: writesNoSecret },
  { name: "what the far side refuses is an error that can be read", look: failsReadably },
]

/** The engine hides what it knows: this looks at what the kind itself hands over, before anything is hidden. */
async function givesNoSecret(trial: Trial): Promise<string> {
  const names = secretNames(trial)
  const far = await trial.far()
  const given = trial.fresh()
  const want = await far.want(given)
  const changed = await far.want(trial.world.change(given as never))
  const made = await far.create(want)
  const seen = await far.readMade(made)
  const last = { props: want, outputs: made.outputs }
  const update = trial.provider.plan(changed, seen, last)
  const handed: Record<string, unknown> = {
    ensure: made.outputs,
    read: seen,
    plan: [trial.provider.plan(want, { absent: true }, undefined), update],
    id: made.id,
    progress: far.told,
    log: far.logged,
  }
  for (const [from, value] of Object.entries(handed)) mustHide(trial, value, from)
  await far.delete(made, seen)
  await lookAtFailures(trial, far)
  return `nothing of ${names} in ${Object.keys(handed).join(", ")}`
}

/** @throws NotAsked where nothing secret is passed at all */
function secretNames(trial: Trial): string {
  needs(trial.world.secrets, "its world has no secrets")
  const passed = secretsIn(trial.parse(trial.fresh()))
  if (passed.length === 0) throw new NotAsked("its props name no secret")
  return Object.keys(trial.world.secrets).join(", ")
}

async function lookAtFailures(trial: Trial, far: Far): Promise<void> {
  const refused = trial.refused()
  if (refused === undefined) return
  const want = await far.want(refused)
  const failed = await far.create(want).catch((thrown: unknown) => thrown)
  mustHide(trial, failed, "the error of what is refused")
}

/** @throws Broken where a secret stands in a value outside of a `Secret` */
function mustHide(trial: Trial, value: unknown, from: string): void {
  for (const [path, text] of textsIn(value))
    must(
      !trial.holdsSecret(text),
      `${from}${path} holds a secret in the open: wrap it with call.secret(…), or leave it out`,
    )
}

/** Every text in a value, with its path; errors with their messages, stacks and causes. */
function* textsIn(value: unknown, path = ""): Iterable<readonly [path: string, text: string]> {
  if (typeof value === "string") yield [path, value]
  else if (value instanceof Secret) return
  else if (value instanceof Uint8Array) yield [path, Buffer.from(value).toString("latin1")]
  else if (value instanceof Error) yield [path, inspect(value, { depth: 10 })]
  else if (Array.isArray(value)) for (const [at, each] of value.entries()) yield* textsIn(each, `${path}.${at}`)
  else if (isPlain(value)) for (const [key, each] of Object.entries(value)) yield* textsIn(each, `${path}.${key}`)
}

async function writesNoSecret(trial: Trial): Promise<string> {
  const names = secretNames(trial)
  const runs = trial.runs()
  const given = trial.fresh()
  const changed = trial.world.change(given as never)
  const refused = trial.refused()
  if (refused !== undefined) trial.settles(refused)
  const errors: (FettleError | undefined)[] = []
  for (const things of [[given], [changed], ...(refused === undefined ? [] : [[changed, refused]]), [changed]]) {
    const ran = await runs.apply(things)
    errors.push(ran.error, ...(ran.applied?.outcomes ?? []).map(({ error }) => error))
  }
  await runs.destroy([changed])
  for (const line of runs.told) must(!trial.holdsSecret(line), `an event holds a secret: ${JSON.parse(line).type}`)
  for (const { file, text } of runs.written()) must(!trial.holdsSecret(text), `${file} holds a secret`)
  for (const error of errors) if (error !== undefined) mustHide(trial, error, `the error ${error.code}`)
  return `${runs.told.length} events, ${[...runs.written()].length} files and ${errors.filter(Boolean).length} errors searched for ${names}`
}

async function failsReadably(trial: Trial): Promise<string> {
  const refused = trial.refused()
  needs(refused, "its world knows nothing that is refused")
  const before = await trial.count()
  const runs = trial.runs()
  const ran = await runs.apply([refused])
  must(ran.outcome === "failed", `what is refused ended as ${ran.outcome}, ${changesOf(ran)}`)
  const error = ran.applied?.outcomes.find((each) => each.error !== undefined)?.error ?? ran.error
  must(error !== undefined && error.fact.trim() !== "", `it failed without a word: ${errorsOf(ran)}`)
  must((await trial.count()) === before, "it was refused, and something was made")
  return `${error.code}: ${error.fact}`
}
