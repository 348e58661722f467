import { program, resource, secret } from "fettle"
import { api, type HttpClient, object } from "fettle/http"
import { provider, type Read } from "fettle/provider"
import { afterAll, beforeAll, expect, test } from "vitest"
import { z } from "zod"
import type { Namespace } from "../fixtures/far-side/namespace.ts"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"

// Creates of kinds that settle by token, cut off: their replies are lost, or they never arrive. The far side knows each
// token and refuses it with another body, as real ones do. What the program says in the next run may be something else.

let far: FarSide
beforeAll(async () => {
  far = await startFarSide()
})
afterAll(() => far.close())

const LOST = { dropReply: 1 }
const NEVER = { error500: 1 }
const paths = {
  create: { path: "/objects" },
  read: { path: "/objects/{id}" },
  list: { path: "/objects", total: "total" },
  update: { path: "/objects/{id}" },
  delete: { path: "/objects/{id}" },
} as const

/** A world of its own, a program of one thing in it, and its runs. */
function worldOf(seed: string, env: Record<string, string> = {}) {
  const space = far.namespace(seed)
  const service = api({ name: "far side", url: `${far.url}/ns/${seed}`, retry: { times: 0 } })
  const { plan, apply } = runsIn(testFolder(), { secrets: { env: (name) => env[name], run: () => Promise.reject() } })
  const things = (): unknown[] =>
    space
      .collection("objects")
      .all()
      .map(({ id: _id, ...rest }) => rest)
  return {
    space,
    things,
    plan,
    apply,
    program: (declare: () => unknown) => program("repeat", {}, () => void declare(), { providers: [object, named] }),
    service,
  }
}

/** The first apply, with a fault that leaves its create open. */
async function cutOff(
  { space, apply }: Pick<ReturnType<typeof worldOf>, "space" | "apply">,
  declared: ReturnType<typeof program>,
  faults: Namespace["faults"] = LOST,
): Promise<void> {
  space.faults = faults
  const ended = await apply(declared)
  expect(outcomesOf(ended)).toEqual([expect.stringMatching(/^maybe /)])
  space.faults = {}
}

const outputs = z.object({ id: z.string(), name: z.string(), size: z.number() })

/** A kind whose things are named by the program, and whose creates the far side tells apart by their token alone. */
const named = provider({
  kind: "test.named",
  version: 1,
  about: "An object that is found by its name.",
  connects: "http",
  props: z.strictObject({ name: z.string(), size: z.number() }),
  outputs,
  settles: "token",
  stable: ["id"],
  id: (want) => want.name,
  predict: (want) => ({ name: want.name, size: want.size }),
  read: async (keys, { connection, signal }: Read<HttpClient>) => {
    const { json } = await connection.request("GET", "/objects", { signal })
    const all = z.object({ items: z.array(outputs) }).parse(json).items
    const found = new Map(all.map((each) => [each.name, each]))
    return new Map(
      keys.map(({ address, id = "" }) => {
        const there = found.get(id)
        return [address, there === undefined ? { absent: true } : { outputs: there }]
      }),
    )
  },
  plan: (want, seen) => {
    if (!("outputs" in seen)) return { action: "create" }
    if (seen.outputs.size === want.size) return { action: "none" }
    return { action: "update", props: ["size"], because: "size differs" }
  },
  ensure: async (want, seen, _change, { connection, intent, signal }) => {
    const body = { ...want }
    const { json } =
      "outputs" in seen
        ? await connection.request("PUT", `/objects/${seen.outputs.id}`, { body, repeatable: true, signal })
        : await connection.request("POST", "/objects", { body, idempotencyKey: intent.token, signal })
    return outputs.parse(json)
  },
  delete: async (seen, _last, { connection, signal }) => {
    if ("outputs" in seen)
      await connection.request("DELETE", `/objects/${seen.outputs.id}`, { accept: [404], repeatable: true, signal })
  },
})

test("a thing whose id stands in its props is not foreign: its create is made again as it was", async () => {
  const w = worldOf("known-id")
  const declared = w.program(() => resource(named, "shop", { name: "shop", size: 1 }, { on: w.service }))
  await cutOff(w, declared)
  expect(w.things()).toHaveLength(1)
  const planned = await w.plan(declared)
  expect(planned.plan?.changes).toMatchObject([
    { action: "create", cause: "interrupted", because: "repeats a create that was cut off, with its token" },
  ])
  const applied = await w.apply(declared)
  expect(outcomesOf(applied)).toEqual(["done create test.named[shop]"])
  expect(w.space.counters).toMatchObject({ creates: 1, replayed: 1, updates: 0 })
  expect(changesOf(await w.plan(declared))).toEqual([])
})

test("what somebody else made under the id meanwhile is still refused", async () => {
  const w = worldOf("foreign")
  const declared = w.program(() => resource(named, "shop", { name: "shop", size: 1 }, { on: w.service }))
  w.space.create("objects", { name: "shop", size: 1 })
  const planned = await w.plan(declared)
  expect(planned.plan?.changes).toMatchObject([{ action: "blocked", error: { code: "FOREIGN" } }])
})

test.each([
  ["its reply was lost", LOST, 1],
  ["it never arrived", NEVER, 0],
] as const)(
  "a program that changed meanwhile: %s, and what was wanted then is made first",
  async (seed, faults, replayed) => {
    const w = worldOf(seed)
    const of = (colour: string) =>
      w.program(() =>
        resource(
          object,
          "shop",
          { ...paths, body: { name: "shop", colour }, settle: { by: "token" } },
          { on: w.service },
        ),
      )
    await cutOff(w, of("blue"), faults)
    const planned = await w.plan(of("red"))
    expect(planned.plan?.changes).toMatchObject([
      { action: "create", because: expect.stringContaining("then brings it to what is wanted now") },
    ])
    const applied = await w.apply(of("red"))
    expect(applied.error).toBeUndefined()
    expect(outcomesOf(applied)).toEqual(["done create http.object[shop]"])
    expect(w.things()).toEqual([{ name: "shop", colour: "red" }])
    expect(w.space.counters).toMatchObject({ creates: 1, replayed, updates: 1 })
    expect(changesOf(await w.plan(of("red")))).toEqual([])
  },
)

test("another id in the changed program: what was made under the first one is replaced", async () => {
  const w = worldOf("renamed")
  const of = (name: string) => w.program(() => resource(named, "shop", { name, size: 1 }, { on: w.service }))
  await cutOff(w, of("a"))
  expect((await w.apply(of("b"))).outcome).toBe("done")
  expect(w.things()).toEqual([{ name: "b", size: 1 }])
  expect(changesOf(await w.plan(of("b")))).toEqual([])
})

test("a replacement that was cut off, and a program that came back: the old one stays, the new one goes", async () => {
  const w = worldOf("came-back")
  const of = (name: string) => w.program(() => resource(named, "shop", { name, size: 1 }, { on: w.service }))
  await w.apply(of("a"))
  const before = w.space.collection("objects").all()
  await cutOff(w, of("b"))
  expect(w.things()).toHaveLength(2)
  expect((await w.apply(of("a"))).outcome).toBe("done")
  expect(w.space.collection("objects").all()).toEqual(before)
  expect(changesOf(await w.plan(of("a")))).toEqual([])
})

test("a replacement of a thing with an id of the far side, cut off and then not wanted: one is left", async () => {
  const w = worldOf("replaced")
  const of = (size: number) =>
    w.program(() =>
      resource(
        object,
        "shop",
        { ...paths, replaceOn: ["size"], body: { name: "shop", size }, settle: { by: "token" } },
        { on: w.service },
      ),
    )
  await w.apply(of(1))
  await cutOff(w, of(2))
  expect(w.things()).toHaveLength(2)
  for (let runs = 1; (await w.apply(of(1))).outcome !== "unchanged"; runs += 1) expect(runs).toBeLessThan(3)
  expect(w.things()).toEqual([{ name: "shop", size: 1 }])
})

test("a secret that the program no longer has cannot be sent again: it asks, and goes on when it is back", async () => {
  const env: Record<string, string> = { PASSWORD: "correct horse battery" }
  const w = worldOf("secret", env)
  const declared = w.program(() =>
    resource(
      object,
      "db",
      { ...paths, body: { name: "db", password: secret.env("PASSWORD") }, settle: { by: "token" } },
      { on: w.service },
    ),
  )
  await cutOff(w, declared)
  env.PASSWORD = "another horse and battery"
  const asked = await w.apply(declared)
  expect(asked.plan?.changes).toMatchObject([
    { action: "blocked", error: { code: "OPEN_INTENT", fact: expect.stringContaining("body.password held what") } },
  ])
  expect(w.space.counters.creates).toBe(1)
  env.PASSWORD = "correct horse battery"
  expect((await w.apply(declared)).outcome).toBe("done")
  env.PASSWORD = "another horse and battery"
  expect(outcomesOf(await w.apply(declared))).toEqual(["done update http.object[db]"])
  expect(w.space.counters).toMatchObject({ creates: 1, updates: 1 })
})
