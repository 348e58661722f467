import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { allowed, type Node, notify, on, type Policy, type Program, program, resource, retry } from "fettle"
import * as host from "fettle/host"
import { provider } from "fettle/provider"
import { expect, test } from "vitest"
import type { NodePolicy } from "../../src/policies/node-policy.ts"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

const bob = [allowed({ who: ["bob"] })]

/** Things that stand in each other's `after`, each under policies of its own. */
function things(folder: string, all: Readonly<Record<string, readonly NodePolicy[]>>, value = ""): Program {
  return program(
    "things",
    {},
    () => {
      let last: readonly Node[] = []
      for (const [name, policies] of Object.entries(all))
        last = [resource(thing, name, { folder, name, value }, { policies, after: last })]
    },
    { providers: [thing], stages: { prod: {} } },
  )
}

function setUp() {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const as = (who: string, stage?: string) => runsIn(folder, { who, ...(stage === undefined ? {} : { stage }) })
  return { folder, far, ann: as("ann"), bob: as("bob"), as }
}

const error = { code: "POLICY_NOT_ALLOWED", fact: expect.stringContaining('caller "ann" is not one of "bob"') }

test("a plan shows what this person may not change as blocked, and what waits for it", async () => {
  const { far, ann, bob: allowedOne } = setUp()
  const all = { a: bob, b: [] }
  const planned = await ann.plan(things(far.folder, all))
  expect(changesOf(planned)).toEqual(["blocked test.thing[a]", "blocked test.thing[b]"])
  expect(planned.plan?.changes[0]).toMatchObject({ error })
  expect(planned.exitCode).toBe(1)
  expect(changesOf(await allowedOne.plan(things(far.folder, all)))).toEqual([
    "create test.thing[a]",
    "create test.thing[b]",
  ])
  await allowedOne.apply(things(far.folder, all))
  // What needs no change is blocked by nobody.
  expect((await ann.plan(things(far.folder, all))).outcome).toBe("unchanged")
})

test("who may not change a thing may not destroy it either", async () => {
  const { far, ann, bob: allowedOne } = setUp()
  const all = { free: [], a: bob }
  await allowedOne.apply(things(far.folder, all))
  const refused = await ann.apply(things(far.folder, all), { destroy: true })
  expect(refused.exitCode).toBe(1)
  expect(refused.plan?.changes.find((each) => each.address === "test.thing[a]")).toMatchObject({ error })
  expect(far.names()).toContain("a")
  expect((await allowedOne.apply(things(far.folder, all), { destroy: true })).outcome).toBe("done")
  expect(far.names()).toEqual([])
})

test("to take a thing out of the program is no way around it: who may delete it is remembered", async () => {
  const { far, ann, bob: allowedOne } = setUp()
  await allowedOne.apply(things(far.folder, { a: bob }))
  const left = await ann.apply(things(far.folder, {}))
  expect(left.plan?.changes).toMatchObject([{ address: "test.thing[a]", action: "blocked", error }])
  expect(far.names()).toEqual(["a"])
  expect((await allowedOne.apply(things(far.folder, {}))).outcome).toBe("done")
  expect(far.names()).toEqual([])
})

test("on a host, what is deleted under a remembered rule goes alone, and what comes after it waits", async () => {
  const { folder, bob: allowedOne } = setUp()
  const [path, guarded] = [join(folder, "f"), join(folder, "guarded")]
  const web = host.local()
  const declares = (isThere: boolean) =>
    program(
      "chained",
      {},
      () =>
        on(web, () => {
          if (!isThere) return
          const first = resource(host.file, "f", { path, content: "f" })
          resource(host.directory, "guarded", { path: guarded }, { after: [first], policies: bob })
        }),
      { providers: [host.directory, host.file] },
    )
  expect((await allowedOne.apply(declares(true))).outcome).toBe("done")
  writeFileSync(join(guarded, "of-others"), "")
  const outcomes = outcomesOf(await allowedOne.apply(declares(false)))
  expect(outcomes).toEqual(["failed delete host.directory[guarded]", "skipped delete host.file[f]"])
  expect(existsSync(path)).toBe(true)
})

test("it is remembered as it was last declared, also of what needs no change", async () => {
  const { far, ann, bob: allowedOne } = setUp()
  await ann.apply(things(far.folder, { a: [] }))
  await ann.apply(things(far.folder, { a: bob }))
  expect(changesOf(await ann.plan(things(far.folder, {})))).toEqual(["blocked test.thing[a]"])
  await allowedOne.apply(things(far.folder, { a: [retry()] }))
  expect(changesOf(await ann.plan(things(far.folder, {})))).toEqual(["delete test.thing[a]"])
})

test("a stage is held to as a person is", async () => {
  const { far, as } = setUp()
  const dev = [allowed({ stages: ["dev"] })]
  const refused = await as("ann", "prod").plan(things(far.folder, { a: dev }))
  expect(refused.plan?.changes).toMatchObject([{ action: "blocked", error: { code: "POLICY_NOT_ALLOWED" } }])
  expect(changesOf(await as("ann").plan(things(far.folder, { a: dev })))).toEqual(["create test.thing[a]"])
})

test("the policies of a node go around its deletion by destroy", async () => {
  const { folder, far, ann } = setUp()
  const calls: string[] = []
  const traced: Policy = {
    name: "traced",
    settings: {},
    wrap:
      (call, { name }) =>
      (signal) => {
        calls.push(name)
        return call(signal)
      },
  }
  let failures = 1
  const kind = provider({
    ...thing,
    delete: async (seen, last, call) => {
      failures -= 1
      if (failures >= 0) throw new Error("busy")
      await thing.delete(seen, last, call)
    },
  } as typeof thing)
  const one = program("one", {}, () => {
    resource(kind, "a", { folder: far.folder, name: "a" }, { policies: [traced, retry({ times: 1, baseDelayMs: 1 })] })
  })
  await ann.apply(one)
  const destroyed = await ann.apply(one, { destroy: true })
  expect(outcomesOf(destroyed)).toEqual(["done delete test.thing[a]"])
  expect(calls).toEqual(["test.thing[a]", "test.thing[a]"])
  expect(folder).toBeTruthy()
})

test("notify among the policies of a node tells of its change, by command, and the change goes on", async () => {
  const { folder, far, ann } = setUp()
  const heard = join(folder, "heard")
  const tell = notify({ command: ["sh", "-c", `cat >> '${heard}'; echo >> '${heard}'`], on: "always", times: 0 })
  expect((await ann.apply(things(far.folder, { a: [tell] }))).outcome).toBe("done")
  const failing = program(
    "things",
    {},
    () => {
      resource(thing, "b", { folder: far.folder, name: "b", fails: "no" }, { policies: [tell] })
    },
    { providers: [thing] },
  )
  await ann.apply(failing)
  const told = readFileSync(heard, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(told).toEqual([
    { outcome: "success", name: "test.thing[a]" },
    { outcome: "failure", name: "test.thing[b]", errorCode: "PROVIDER_THREW" },
  ])
})

test("a notification that cannot be sent is a warning, and the change is done", async () => {
  const { far, ann } = setUp()
  const tell = notify({ command: ["false"], on: "always", times: 0 })
  const applied = await ann.apply(things(far.folder, { a: [tell] }))
  expect(applied.outcome).toBe("done")
  expect(applied.events).toContainEqual(
    expect.objectContaining({ level: "warning", text: expect.stringContaining("a notification could not be sent") }),
  )
})

test("state written before anything of this was remembered is read as it is, and brought up by the next apply", async () => {
  const { folder, far, ann } = setUp()
  await ann.apply(things(far.folder, { a: bob.slice(1) }))
  const file = join(folder, ".fettle", "things.dev.db")
  const database = new DatabaseSync(file)
  database.exec("alter table resource drop column allowed; update meta set value = '1' where key = 'format'")
  database.close()
  expect((await ann.plan(things(far.folder, { a: [] }))).outcome).toBe("unchanged")
  await ann.apply(things(far.folder, { a: bob }))
  expect(changesOf(await ann.plan(things(far.folder, {})))).toEqual(["blocked test.thing[a]"])
})
