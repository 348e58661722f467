import { join } from "node:path"
import { group, type Output, program, resource, secret, task, text } from "fettle"
import { provider } from "fettle/provider"
import { expect, test } from "vitest"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

function chain(folder: string, values: Readonly<Record<string, string | number>>, extra: Record<string, unknown> = {}) {
  return program("chain", {}, () => {
    let before: string | Output<string> = ""
    for (const [name, value] of Object.entries(values)) {
      const made: { readonly name: Output<string> } = resource(thing, name, {
        folder,
        name,
        value: text`${value}${before}`,
        ...extra,
      })
      before = text`<${made.name}`
    }
  })
}

test("creates in order, then has nothing to do", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const shop = chain(far.folder, { a: 1, b: 2, c: 3 })

  const planned = await plan(shop)
  expect(planned.error).toBeUndefined()
  expect(changesOf(planned)).toEqual(["create test.thing[a]", "create test.thing[b]", "create test.thing[c]"])
  expect(far.names()).toEqual([])

  const applied = await apply(shop)
  expect(applied.error).toBeUndefined()
  expect(applied.outcome).toBe("done")
  expect(far.get("c")).toEqual({ name: "c", value: "3<b", size: 1, serial: 3 })

  const again = await apply(shop)
  expect(changesOf(again)).toEqual([])
  expect(again.outcome).toBe("unchanged")
})

test("tells drift from wanted change", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  await apply(chain(far.folder, { a: 1, b: 2 }))
  far.put("a", { name: "a", value: "moved", size: 1, serial: 1 })
  const drifted = await plan(chain(far.folder, { a: 1, b: 2 }))
  expect(drifted.plan?.changes[0]).toMatchObject({
    action: "update",
    cause: "drift",
    props: [{ name: "value", from: '"moved"', to: '"1"' }],
  })
  const both = await plan(chain(far.folder, { a: 5, b: 2 }))
  expect(both.plan?.changes[0]).toMatchObject({ action: "update", cause: "wanted+drift" })
  far.remove("b")
  const gone = await plan(chain(far.folder, { a: 1, b: 2 }))
  expect(gone.plan?.changes.find((each) => each.address === "test.thing[b]")).toMatchObject({
    action: "create",
    cause: "gone",
  })
})

test("deletes what left the program, in reverse order", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  await apply(chain(far.folder, { a: 1, b: 2, c: 3 }))
  const applied = await apply(chain(far.folder, { a: 1 }))
  expect(outcomesOf(applied)).toEqual(["done delete test.thing[c]", "done delete test.thing[b]"])
  expect(far.names()).toEqual(["a"])
  expect((await apply(chain(far.folder, { a: 1 }), { destroy: true })).outcome).toBe("done")
  expect(far.names()).toEqual([])
})

test("a failure stops only what depends on it", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  const broken = program("broken", {}, () => {
    const bad = resource(thing, "bad", { folder: far.folder, name: "bad", fails: "no room" })
    resource(thing, "after-bad", { folder: far.folder, name: "after-bad", value: text`${bad.serial}` })
    resource(thing, "free", { folder: far.folder, name: "free" })
  })
  const applied = await apply(broken)
  expect(applied.exitCode).toBe(1)
  expect([...outcomesOf(applied)].sort()).toEqual([
    "done create test.thing[free]",
    "maybe create test.thing[bad]",
    "skipped decide test.thing[after-bad]",
  ])
  expect(applied.applied?.outcomes.find((each) => each.address === "test.thing[bad]")?.error?.toJSON()).toMatchObject({
    code: "PROVIDER_THREW",
    place: expect.stringContaining("apply.test.ts:"),
  })
})

test("refuses what Fettle did not make, until it is adopted", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  far.put("a", { name: "a", value: "theirs", size: 1, serial: 1 })
  const { plan, apply } = runsIn(folder)
  const one = (options = {}) =>
    program("one", {}, () => void resource(thing, "a", { folder: far.folder, name: "a", value: "theirs" }, options))
  const refused = await plan(one())
  expect(refused.plan?.changes[0]).toMatchObject({
    action: "blocked",
    error: { code: "FOREIGN", next: expect.stringContaining("fettle adopt") },
  })
  expect(refused.exitCode).toBe(1)
  const adopted = await apply(one({ adopt: true }))
  expect(changesOf(adopted)).toEqual(["adopt test.thing[a]"])
  expect(changesOf(await plan(one()))).toEqual([])
  const left = await apply(program("one", {}, () => {}, { providers: [thing] }))
  expect(changesOf(left)).toEqual(["forget test.thing[a]"])
  expect(far.names()).toEqual(["a"])
})

test("replaces in both orders", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  const sized = (size: number, name = "a") =>
    program("sized", {}, () => {
      const a = resource(thing, "a", { folder: far.folder, name, size })
      resource(thing, "user", { folder: far.folder, name: "user", value: text`of ${a.serial}` })
    })
  await apply(sized(1))
  const replaced = await apply(sized(2))
  expect(replaced.plan?.changes[0]).toMatchObject({ action: "replace", order: "delete-first" })
  expect(replaced.outcome).toBe("done")
  expect(far.get("a")?.size).toBe(2)
  const renamed = await apply(sized(2, "b"))
  expect(renamed.plan?.changes[0]).toMatchObject({
    action: "replace",
    order: "create-first",
    because: "its id changes from a to b",
  })
  expect(outcomesOf(renamed)).toEqual([
    "done replace test.thing[a]",
    "done update test.thing[user]",
    expect.stringMatching(/^done delete test.thing\[a\] \(replaced [0-9a-f]{8}\)$/),
  ])
  expect(far.names()).toEqual(["b", "user"])
  expect(changesOf(await apply(sized(2, "b")))).toEqual([])
})

test("what used a replaced thing leaves before it does", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  const chain = (version: number, fails?: string) =>
    program("chain", {}, () => {
      const a = resource(thing, "a", { folder: far.folder, name: `a${version}` })
      const user = { folder: far.folder, name: `user${version}`, value: text`of ${a.serial}` }
      resource(thing, "user", fails === undefined ? user : { ...user, fails })
    })
  await apply(chain(1))
  const stuck = await apply(chain(2, "it does not come up"))
  expect(outcomesOf(stuck)).toEqual([
    "done replace test.thing[a]",
    "maybe replace test.thing[user]",
    expect.stringMatching(/^skipped delete test.thing\[a\] /),
  ])
  expect(far.names()).toEqual(["a1", "a2", "user1"])
  const removed = ["user", "a"].map((name) => expect.stringMatching(`^done delete test.thing\\[${name}\\] `))
  expect(outcomesOf(await apply(chain(2)))).toEqual(["done replace test.thing[user]", ...removed])
  expect(far.names()).toEqual(["a2", "user2"])
  expect(outcomesOf(await apply(chain(3)))).toEqual([
    "done replace test.thing[a]",
    "done replace test.thing[user]",
    ...removed,
  ])
  expect(far.names()).toEqual(["a3", "user3"])
})

test("two that swap their ids, while the far side has lost both, keep what they get", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const pair = (a: string, b: string) =>
    program("pair", {}, () => {
      resource(thing, "a", { folder: far.folder, name: a })
      resource(thing, "b", { folder: far.folder, name: b })
    })
  await apply(pair("x", "y"))
  for (const name of far.names()) far.remove(name)
  expect(outcomesOf(await apply(pair("y", "x"))).toSorted()).toEqual([
    expect.stringMatching(/^done forget test.thing\[a\] /),
    expect.stringMatching(/^done forget test.thing\[b\] /),
    "done replace test.thing[a]",
    "done replace test.thing[b]",
  ])
  expect(far.names()).toEqual(["x", "y"])
  expect(changesOf(await plan(pair("y", "x")))).toEqual([])
})

test("protect refuses, retain leaves, renamedFrom moves", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const at = (name: string, options: object) =>
    program("opts", {}, () => void resource(thing, name, { folder: far.folder, name: "x" }, options))
  await apply(at("old", { protect: true }))
  const refused = await plan(program("opts", {}, () => {}, { providers: [thing] }))
  expect(refused.plan?.changes[0]).toMatchObject({ action: "blocked", error: { code: "PROTECTED" } })
  const ahead = await plan(at("new", { renamedFrom: "old", retain: true }))
  expect(ahead.plan?.changes).toMatchObject([{ action: "move", address: "test.thing[new]", from: "test.thing[old]" }])
  expect(ahead.exitCode).toBe(2)
  const moved = await apply(at("new", { renamedFrom: "old", retain: true }))
  expect(outcomesOf(moved)).toEqual(["done move test.thing[new]"])
  expect(moved.outcome).toBe("done")
  expect(changesOf(await plan(at("new", { retain: true })))).toEqual([])
  const left = await apply(program("opts", {}, () => {}, { providers: [thing] }))
  expect(changesOf(left)).toEqual(["forget test.thing[new]"])
  expect(far.names()).toEqual(["x"])
})

test("what a protected thing needs stays with it, however far down", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  const stack = program("stack", {}, () => {
    const base = resource(thing, "base", { folder: far.folder, name: "base" })
    const middle = resource(thing, "middle", { folder: far.folder, name: "middle" }, { after: [base] })
    const top = resource(thing, "top", { folder: far.folder, name: "top" }, { after: [middle], protect: true })
    resource(thing, "above", { folder: far.folder, name: "above" }, { after: [top] })
    resource(thing, "free", { folder: far.folder, name: "free" })
  })
  await apply(stack)
  const refused = await apply(stack, { destroy: true })
  expect(refused.exitCode).toBe(1)
  expect(far.names()).toEqual(["base", "middle", "top"])
  const errors = Object.fromEntries(refused.plan?.changes.map((each) => [each.address, each.error?.code]) ?? [])
  expect(errors).toMatchObject({
    "test.thing[top]": "PROTECTED",
    "test.thing[middle]": "STILL_NEEDED",
    "test.thing[base]": "STILL_NEEDED",
  })
  expect(refused.plan?.changes.find((each) => each.address === "test.thing[top]")?.because).toBe(
    "test.thing[top] is protected and would be destroyed",
  )

  const aimed = await apply(stack, { destroy: true, targets: ["test.thing[base]"] })
  expect(aimed.plan?.changes.map((each) => each.error?.code)).toEqual(["STILL_NEEDED"])
  expect(far.names()).toEqual(["base", "middle", "top"])
})

test("rows of an older version are brought up, those of a newer one are refused", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const lasts: unknown[] = []
  const second = provider({
    ...thing,
    version: 2,
    read: async (keys, call) => {
      lasts.push(...keys.map((key) => key.last?.props))
      return thing.read(keys, call)
    },
    upgrade: (old, version) => {
      const { props, outputs } = old as { props: { value: string }; outputs: never }
      return { props: { ...props, value: `${props.value}, of version ${version}` } as never, outputs }
    },
  })
  const using = (kind: typeof thing) =>
    program("versions", {}, () => {
      resource(kind, "a", { folder: far.folder, name: "a", value: "x" })
      resource(kind, "gone", { folder: far.folder, name: "gone" })
    })
  const without = (kind: typeof thing) => program("versions", {}, () => {}, { providers: [kind] })
  await apply(using(thing))
  const missing = await plan(using(provider({ ...thing, version: 2 })))
  expect(missing.plan?.changes.map((each) => each.error?.code)).toEqual(["UPGRADE_MISSING", "UPGRADE_MISSING"])

  expect(await apply(using(second))).toMatchObject({ error: undefined, exitCode: 0 })
  expect(lasts).toContainEqual(expect.objectContaining({ value: "x, of version 1" }))
  lasts.length = 0
  expect((await plan(using(second))).exitCode).toBe(0)
  expect(lasts).toContainEqual(expect.objectContaining({ value: "x" }))

  for (const older of [using(thing), without(thing)]) {
    const refused = await apply(older)
    expect(refused.plan?.changes.map((each) => each.error?.code)).toEqual(["STATE_NEWER", "STATE_NEWER"])
    expect(refused.exitCode).toBe(1)
  }
  expect(far.names()).toEqual(["a", "gone"])
  expect((await apply(without(second))).exitCode).toBe(0)
  expect(far.names()).toEqual([])
})

test("a saved plan is refused when the world moved", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const shop = () => chain(far.folder, { a: 1, b: 2 })
  const saved = await plan(shop(), { bound: true })
  const text = JSON.parse(JSON.stringify(saved.plan))
  far.put("a", { name: "a", value: "x", size: 1, serial: 9 })
  const refused = await apply(shop(), {}, text)
  expect(refused.error?.code).toBe("PLAN_STALE")
  expect(refused.error?.fact).toContain("world")
  far.remove("a")
  expect((await apply(shop(), {}, text)).outcome).toBe("done")
})

test("secrets stay sealed, in state and in events", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder, { env: { KEY: "hunter2-is-long" } })
  const leaky = program("leaky", {}, () => {
    const key = secret.env("KEY")
    resource(thing, "a", { folder: far.folder, name: "a", value: key as never })
  })
  const refused = await apply(leaky)
  expect(JSON.stringify(refused.events)).not.toContain("hunter2")
  expect(refused.outcome).toBe("failed")
})

test("a plan stops at mass absence and mass deletion", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const many = (count: number) =>
    program(
      "many",
      {},
      () =>
        group("g", () => {
          for (let i = 0; i < count; i += 1) resource(thing, { folder: far.folder, name: `n${i}` })
        }),
      { providers: [thing] },
    )
  await apply(many(20))
  expect((await plan(many(0))).error?.code).toBe("MASS_DELETION")
  expect((await plan(many(0), { expectDeletes: 20 })).error).toBeUndefined()
  for (let i = 0; i < 8; i += 1) far.remove(`n${i}`)
  expect((await plan(many(20))).error?.code).toBe("MASS_ABSENCE")
  expect(changesOf(await plan(many(20), { expectAbsent: 8 }))).toHaveLength(8)
})

test("a call that hangs ends at its timeout", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  const slow = (hangs: boolean) =>
    program("slow", {}, () => void resource(thing, "a", { folder: far.folder, name: "a", hangs }, { timeout: 200 }))
  const hung = await apply(slow(true))
  expect(hung.applied?.outcomes[0]).toMatchObject({ outcome: "maybe", error: { code: "TIMEOUT" } })
  expect((await apply(slow(false))).outcome).toBe("done")
})

test("an id that changes only during apply is a replacement, too", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply, plan } = runsIn(folder)
  const named = (size: number) =>
    program("named", {}, () => {
      const a = resource(thing, "a", { folder: far.folder, name: "a", size })
      resource(thing, "named", { folder: far.folder, name: text`after ${a.serial}` })
    })
  await apply(named(1))
  expect(far.names()).toEqual(["a", "after 1"])
  expect((await apply(named(2))).outcome).toBe("done")
  expect(far.names()).toEqual(["a", "after 3"])
  expect(changesOf(await plan(named(2)))).toEqual([])
})

test("the text of a secret in a name is refused before anything is written", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder, { env: { KEY: "hunter2-is-long" } })
  const open = program("open", {}, () => {
    resource(thing, "n-hunter2-is-long", { folder: far.folder, name: "a" })
    task("uses", { run: ["true"], env: { KEY: secret.env("KEY") } })
  })
  const refused = await apply(open)
  expect(refused.error).toMatchObject({ code: "SECRET_AS_STRING", fact: expect.stringContaining("[secret KEY]") })
  expect(far.names()).toEqual([])
})

test.each<readonly [what: string, answer: Record<string, unknown>, words: string]>([
  [
    "a wrong type",
    { outputs: { name: "a", value: "x", size: 1, serial: "one" } },
    "serial: Invalid input: expected number, received string",
  ],
  ["a missing output", { outputs: { name: "a" } }, "value: "],
  ["no outputs at all", { outputs: undefined }, "outputs: Invalid input: expected object"],
  [
    "an id that is no text",
    { outputs: { name: "a", value: "x", size: 1, serial: 1 }, id: 5 },
    "(id): expected a text, received number",
  ],
])("a kind that lies about what it reads is told so, recorded or not: %s", async (_what, answer, words) => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)
  const of = (kind: typeof thing) =>
    program("lies", {}, () => void resource(kind, "a", { folder: far.folder, name: "a", value: "x" }))
  const lying = {
    ...thing,
    read: async (keys: readonly { address: never }[]) => new Map(keys.map((key) => [key.address, answer])),
  } as unknown as typeof thing
  const blocked = {
    address: "test.thing[a]",
    action: "blocked",
    error: {
      code: "OUTPUT_WRONG",
      fact: expect.stringContaining(`test.thing[a]: test.thing read outputs that do not fit its own schema: ${words}`),
    },
  }
  expect((await plan(of(lying))).plan?.changes).toMatchObject([blocked])
  await apply(of(thing))
  expect((await plan(of(lying))).plan?.changes).toMatchObject([blocked])
  const left = await apply(program("lies", {}, () => {}, { providers: [lying] }))
  expect(left.plan?.changes).toMatchObject([blocked])
  expect(far.names()).toEqual(["a"])
})
