import { join } from "node:path"
import { allowed, type Policy, type Program, program, rate, resource, retry, timeout } from "fettle"
import { type Intent, provider } from "fettle/provider"
import { expect, test } from "vitest"
import { outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

/** A kind whose first calls fail; it remembers the intent of each. */
function failing(times: number, before: (attempt: number) => Promise<void> = async () => {}) {
  const intents: Intent[] = []
  const kind = provider({
    ...thing,
    ensure: async (want, seen, change, call) => {
      intents.push(call.intent)
      await before(intents.length)
      if (intents.length <= times) throw new Error(`failure ${intents.length}`)
      return thing.ensure(want, seen, change, call)
    },
  } as typeof thing)
  return { kind, intents }
}

function one(kind: typeof thing, folder: string, policies: readonly Policy[]): Program {
  return program("one", {}, () => void resource(kind, "a", { folder, name: "a" }, { policies }), {
    stages: { prod: {} },
  })
}

const quick = { baseDelayMs: 1, maxDelayMs: 2 }

test("the timeout of a node holds for its deletion, too", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const stuck = provider({ ...thing, delete: () => new Promise<void>(() => {}) } as typeof thing)
  const stage = program("one", {}, () => {
    resource(stuck, "a", { folder: far.folder, name: "a" }, { timeout: "300ms" })
  })
  const { apply } = runsIn(folder)
  expect((await apply(stage)).outcome).toBe("done")
  expect((await apply(stage, { destroy: true })).applied?.outcomes).toMatchObject([
    { outcome: "failed", error: { code: "TIMEOUT", fact: expect.stringContaining("300 ms") } },
  ])
})

test("a retry repeats the same intent: two failures, then one thing, one token", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { kind, intents } = failing(2)
  const { apply } = runsIn(folder)
  expect((await apply(one(kind, far.folder, [retry({ times: 3, ...quick })]))).outcome).toBe("done")
  expect(intents.map((each) => each.repeated)).toEqual([false, true, true])
  expect(new Set(intents.map((each) => each.token)).size).toBe(1)
  expect(far.names()).toEqual(["a"])
  expect(await apply(one(thing, far.folder, []))).toMatchObject({ outcome: "unchanged" })
})

test("retries that are spent are an error with the last failure as its cause, and the next run goes on", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { kind, intents } = failing(9)
  const { apply } = runsIn(folder)
  const spent = await apply(one(kind, far.folder, [retry({ times: 2, ...quick })]))
  expect(intents).toHaveLength(3)
  expect(spent.applied?.outcomes).toMatchObject([{ outcome: "maybe", error: { code: "POLICY_RETRIES_SPENT" } }])
  expect(String(spent.applied?.outcomes[0]?.error?.toJSON().cause)).toContain("failure 3")
  expect((await apply(one(thing, far.folder, []))).outcome).toBe("done")
})

test("what is not done within its timeout may have been made: the next run looks", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { kind } = failing(0, () => new Promise(() => {}))
  const { apply } = runsIn(folder)
  const late = await apply(one(kind, far.folder, [timeout(100)]))
  expect(late.applied?.outcomes).toMatchObject([{ outcome: "maybe", error: { code: "POLICY_TIMEOUT" } }])
  const again = await apply(one(thing, far.folder, []))
  expect(again.events.find((event) => event.type === "settle.started")).toMatchObject({ intents: 1 })
  expect(again.outcome).toBe("done")
})

test("who or which stage may not is refused before anything is called, and nothing is left open", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { kind, intents } = failing(0)
  const { apply } = runsIn(folder)
  for (const rule of [{ stages: ["prod"] }, { who: ["somebody else"] }]) {
    const refused = await apply(one(kind, far.folder, [allowed(rule)]))
    expect(refused.applied?.outcomes).toMatchObject([{ outcome: "failed", error: { code: "POLICY_NOT_ALLOWED" } }])
  }
  expect(intents).toEqual([])
  expect((await apply(one(kind, far.folder, [allowed({ stages: ["dev"], who: ["tester"] })]))).outcome).toBe("done")
  const { apply: inProd } = runsIn(folder, { stage: "prod" })
  expect((await inProd(one(kind, far.folder, [allowed({ stages: ["dev"] })]))).exitCode).toBe(1)
})

test("a rate that nodes share paces them all", async () => {
  const folder = testFolder()
  const limit = rate({ calls: 20, per: "1s", burst: 1 })
  const starts: number[] = []
  const { kind } = failing(0, async () => void starts.push(performance.now()))
  const { apply } = runsIn(folder)
  const built = program("paced", {}, () => {
    for (let at = 0; at < 12; at += 1)
      resource(kind, `n${at}`, { folder: join(folder, "far"), name: `n${at}` }, { policies: [limit] })
  })
  const applied = await apply(built)
  expect(outcomesOf(applied).every((each) => each.startsWith("done"))).toBe(true)
  expect((starts.at(-1) as number) - (starts[0] as number)).toBeGreaterThanOrEqual(11 * 48)
})
