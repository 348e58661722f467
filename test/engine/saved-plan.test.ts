import { join } from "node:path"
import { allowed, each, group, notify, type Program, program, rate, resource, retry, secret, task, text } from "fettle"
import { describe, expect, test, vi } from "vitest"
import { readPlan, writePlan } from "../../src/cli/plan-file.ts"
import type { Plan } from "../../src/events/plan.ts"
import { DataKey } from "../../src/secrets/key.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

type Options = NonNullable<Parameters<typeof program>[3]>

/** Saves a plan of one program and carries it out with another; gives what moved. */
async function movedBetween(before: (folder: string) => Program, after: (folder: string) => Program): Promise<unknown> {
  const folder = testFolder()
  const far = world(join(folder, "far")).folder
  const runs = (key: string) => runsIn(folder, { env: { KEY: key } })
  const saved = await runs("a key of 20 letters").plan(before(far), { bound: true })
  expect(saved.error).toBeUndefined()
  const carried = JSON.parse(JSON.stringify(saved.plan))
  const { error, exitCode } = await runs("a key of 20 letters").apply(after(far), {}, carried)
  if (error === undefined) return exitCode
  expect(error).toMatchObject({ code: "PLAN_STALE" })
  return error.details?.moved
}

const one =
  (options: object, more: Options = {}, props: object = {}) =>
  (folder: string): Program =>
    program("one", {}, () => void resource(thing, "a", { folder, name: "a", ...props }, options), more)
const hook = (path: string): Options => ({ notify: [notify({ webhook: `http://127.0.0.1:9/${path}`, times: 0 })] })
const grouped =
  (...last: string[]) =>
  (folder: string): Program =>
    program("one", {}, () =>
      group("g", { finally: [["true", ...last]] }, () => void resource(thing, "a", { folder, name: "a" })),
    )
const worked =
  (options: object, last: string[][] = []) =>
  (): Program =>
    program("one", {}, () => void task("t", { run: ["true"], finally: last }, options))
const mapped =
  (build: (value: unknown) => string) =>
  (folder: string): Program =>
    program("one", {}, () => {
      const a = resource(thing, "a", { folder, name: "a" })
      resource(thing, "b", { folder, name: "b", value: a.serial.map(build) })
    })

describe("a saved plan is refused when the program says something else since:", () => {
  const cases: Record<string, readonly [(folder: string) => Program, (folder: string) => Program]> = {
    "a prop": [one({}), one({}, {}, { value: "x" })],
    protect: [one({}), one({ protect: true })],
    retain: [one({ retain: true }), one({})],
    adopt: [one({}), one({ adopt: true })],
    timeout: [one({}), one({ timeout: "5s" })],
    "a policy more": [one({}), one({ policies: [retry()] })],
    "another setting of a policy": [one({ policies: [retry({ times: 1 })] }), one({ policies: [retry({ times: 2 })] })],
    "the order of policies": [
      one({ policies: [retry(), rate({ calls: 9, per: "1s" })] }),
      one({ policies: [rate({ calls: 9, per: "1s" }), retry()] }),
    ],
    "who may": [
      one({ policies: [allowed({ who: ["tester"] })] }),
      one({ policies: [allowed({ who: ["tester", "b"] })] }),
    ],
    "who is told of a node": [
      one({ policies: [notify({ command: ["true"] })] }),
      one({ policies: [notify({ command: ["true", "x"] })] }),
    ],
    "who is told of the run": [one({}, hook("a")), one({}, hook("b"))],
    "a sink of the audit less": [
      one({}, { audit: [{ file: "a" }, { file: "b" }] }),
      one({}, { audit: [{ file: "a" }] }),
    ],
    "nobody is told of the run any more": [one({}, hook("a")), one({})],
    "what runs at the end of a group": [grouped("a"), grouped("b")],
    "what runs at the end of a task": [worked({}, [["true"]]), worked({}, [["true", "x"]])],
    "a policy of a task": [worked({}), worked({ policies: [retry()] })],
    "a function of .map": [mapped((value) => `1 ${value}`), mapped((value) => `2 ${value}`)],
    "an each": [
      () => program("one", {}, () => void each("e", [] as string[], String, () => {})),
      () => program("one", {}, () => void each("e", [] as string[], String, () => "other")),
    ],
  }
  for (const [what, [before, after]] of Object.entries(cases))
    test(what, async () => expect(await movedBetween(before, after)).toEqual(["program"]))
})

test("the same program is the same, also with policies, functions and outputs in it", async () => {
  const same = (folder: string): Program =>
    program("one", {}, () => {
      const a = resource(thing, "a", { folder, name: "a" }, { policies: [retry(), rate({ calls: 9, per: "1s" })] })
      resource(thing, "b", { folder, name: "b", value: text`${a.serial.map((value) => value + 1)}` })
      task("t", { run: () => 1, env: { KEY: secret.env("KEY") } })
    })
  expect(await movedBetween(same, same)).toBe(0)
})

test("each cause is told apart: the program, state, the world, and what the props come to", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const shop = (value = "") =>
    program("shop", {}, () => void resource(thing, "a", { folder: far.folder, name: "a", value }))
  let captured = 1
  const keyed = program("shop", {}, () => {
    const a = resource(thing, "a", { folder: far.folder, name: "a" })
    resource(thing, "b", { folder: far.folder, name: "b", value: a.name.map((name) => `${name}${captured}`) })
  })
  const { plan, apply } = runsIn(folder)
  const saved = async (of: Program) => JSON.parse(JSON.stringify((await plan(of, { bound: true })).plan))
  const moved = async (of: Program, was: never) => (await apply(of, {}, was)).error

  const first = await saved(shop())
  expect(await moved(shop("x"), first as never)).toMatchObject({
    fact: "the program was changed since the plan was made",
    details: { moved: ["program"] },
  })
  far.put("a", { name: "a", value: "", size: 1, serial: 9 })
  expect(await moved(shop(), first as never)).toMatchObject({
    fact: "the world moved since the plan was made",
    details: { moved: ["world"] },
  })
  far.remove("a")
  await apply(shop("1"))
  expect(await moved(shop("2"), (await saved(shop("1"))) as never)).toMatchObject({ details: { moved: ["program"] } })
  const old = await saved(keyed)
  captured = 2
  expect(await moved(keyed, old as never)).toMatchObject({
    fact: expect.stringContaining("what the program wants is another"),
    details: { moved: ["wanted"] },
  })
  await apply(keyed)
  expect(await moved(keyed, old as never)).toMatchObject({ details: { moved: ["state", "world"] } })
})

test("a plan is refused where the clock stands before what state has seen, or before the plan itself", async () => {
  const folder = testFolder()
  const runs = runsIn(folder)
  const of = (size: number): Program => one({}, {}, { size })(world(join(folder, "far")).folder)
  expect((await runs.apply(of(1))).exitCode).toBe(0)
  const saved = (await runs.plan(of(2), { bound: true })).plan
  const key = DataKey.passing()
  const file = join(folder, "plan.json")
  writePlan(file, saved as Plan, { key, by: "somebody" })
  expect(readPlan(file, key)).toMatchObject({ hash: saved?.hash })
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 })
  try {
    expect(() => readPlan(file, key)).toThrow(/was made at .*, and the clock here says/)
    const { error } = await runs.apply(of(2), {}, saved)
    expect(error).toMatchObject({ code: "PLAN_EXPIRED", fact: expect.stringContaining("an earlier run ended at") })
  } finally {
    vi.useRealTimers()
  }
  expect((await runs.apply(of(2), {}, saved)).exitCode).toBe(0)
})
