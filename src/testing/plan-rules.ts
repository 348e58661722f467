import { freeze } from "../program/props.ts"
import type { AnyProvider, Change, Seen } from "../provider.ts"
import { must } from "./broken.ts"
import { brief, same } from "./compare.ts"
import type { Rule } from "./rule.ts"
import type { Trial } from "./trial.ts"

/** What a kind must keep when it names and compares. */
export const planRules: readonly Rule[] = [
  { name: "names are told from props alone, one for each thing", look: namesPurely },
  { name: "plan is pure: the same answer for the same question, and nothing is touched", look: plansPurely },
]

async function namesPurely(trial: Trial): Promise<string> {
  const { provider } = trial
  const given = trial.fresh()
  const wants = [given, given, trial.fresh()].map((each) => freeze(trial.parse(each)))
  const ids = wants.map((want) => provider.id(want))
  const told = ids.map((id) => (id === undefined ? "none" : JSON.stringify(id)))
  must(ids[0] === ids[1], `the id of the same props is ${told[0]} and then ${told[1]}`)
  must(ids[0] === undefined || ids[0] !== ids[2], `the props of two variants have one id, ${told[0]}`)
  must(
    ids.every((id) => id === undefined || (typeof id === "string" && id !== "")),
    `the ids are ${told.join(", ")}`,
  )
  mustTellApart(provider, wants, ids)
  if (provider.predict === undefined) return `id ${told[0]}`
  const want = freeze(trial.parse(given))
  must(same(provider.predict(want), provider.predict(want)), "predict gives two answers for the same props")
  return `id ${told[0]}; the same outputs are predicted twice`
}

/** Two addresses that share an identity are refused: one thing must have the same each time, and two must share none. */
function mustTellApart(provider: AnyProvider, wants: readonly unknown[], ids: readonly (string | undefined)[]): void {
  if (provider.identities === undefined) return
  const given = ["one", "one", "another"] // by a far side that assigns ids
  const [first = [], again, other = []] = wants.map((want, at) => provider.identities?.(want, ids[at] ?? given[at]))
  must(same(first, again), `the identities of the same props are ${brief(first)} and then ${brief(again)}`)
  const shared = first.filter((each) => other.includes(each))
  must(shared.length === 0, `the props of two variants share the identity ${brief(shared[0])}`)
}

async function plansPurely(trial: Trial): Promise<string> {
  const far = await trial.far()
  const { provider, world } = trial
  const given = trial.fresh()
  const want = freeze(await far.want(given))
  const changed = freeze(await far.want(world.change(given as never)))
  const made = await far.create(want)
  const seen = freeze(await far.readMade(made)) as Seen<unknown>
  const last = freeze({ props: want, outputs: made.outputs }) as never
  const calls = await world.calls?.()
  const told: string[] = []
  for (const [what, ...question] of [
    ["absent", want, { absent: true }, undefined],
    ["as wanted", want, seen, last],
    ["changed", changed, seen, last],
    ["gone", want, { absent: true }, last],
    ["not recorded", want, seen, undefined],
  ] as const) {
    const change = answerTwice(
      () => provider.plan(question[0], freeze(question[1]) as Seen<unknown>, question[2]),
      what,
    )
    const expected = what === "absent" || what === "gone" ? "create" : what === "as wanted" ? "none" : undefined
    must(expected === undefined || change.action === expected, `what is ${what} is planned as ${brief(change)}`)
    const predict = (): unknown => provider.predict?.(question[0], freeze(question[1]) as Seen<unknown>)
    must(same(predict(), predict()), `predict gives two answers for what is ${what}`)
    told.push(`${what}: ${change.action}`)
  }
  must((await world.calls?.()) === calls, "plan made a call to the far side")
  await far.delete(made, seen)
  return told.join(", ")
}

/** Asks the same question twice. @throws Broken where the answers differ or are not plain data */
function answerTwice(ask: () => unknown, what: string): Change<Record<string, unknown>> {
  const [change, again] = [ask(), ask()] as [Change<Record<string, unknown>>, unknown]
  must(!(change instanceof Promise), `plan of what is ${what} gives a promise`)
  must(same(change, again), `plan of what is ${what} gives ${brief(change)} and then ${brief(again)}`)
  must(
    same(change, JSON.parse(JSON.stringify(change))),
    `plan of what is ${what} gives something that is not plain data`,
  )
  return change
}
