import { program, resource } from "fettle"
import { api, object } from "fettle/http"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"

// Two addresses of one object of an API, which tells its objects apart in each collection alone.

let far: FarSide
beforeAll(async () => {
  far = await startFarSide()
})
afterAll(() => far.close())

function worldOf(seed: string) {
  const service = api({ name: "far side", url: `${far.url}/ns/${seed}` })
  /** A program of objects by their addresses. */
  const of = (objects: Record<string, object>) =>
    program(
      "twins",
      {},
      () => {
        for (const [name, props] of Object.entries(objects)) resource(object, name, props as never, { on: service })
      },
      { providers: [object] },
    )
  return { space: far.namespace(seed), of, ...runsIn(testFolder()) }
}

const named = (collection: string, name: string) => ({
  key: "name",
  create: { method: "PUT", path: `/${collection}/{id}` },
  body: { name },
})
const unique = (name: string, more: object = {}) => ({
  create: { path: "/objects" },
  read: { path: "/objects/{id}" },
  update: { path: "/objects/{id}" },
  delete: { path: "/objects/{id}" },
  list: { path: "/objects", total: "total" },
  settle: { by: "unique", field: "name" },
  body: { name },
  ...more,
})

test.each([
  ["an id that the program chooses", named("named-a", "shop"), "/named-a/shop"],
  ["a field that the far side keeps unique", unique("shop"), '/objects with name "shop"'],
])("%s names both: nothing is made", async (seed, props, words) => {
  const { space, of, apply } = worldOf(seed)
  const refused = await apply(of({ a: props, b: props }))
  expect(refused.error).toMatchObject({
    code: "DUPLICATE_ID",
    fact: expect.stringMatching(
      /http\.object\[a\] at .*:\d+ and http\.object\[b\] at .*:\d+ are the same http\.object: /,
    ),
  })
  expect(refused.error?.fact).toContain(words)
  expect(space.counters.creates).toBe(0)
})

test("an id that the far side gave, recorded at one address and found at another", async () => {
  const { space, of, apply, plan } = worldOf("given")
  await apply(of({ a: unique("shop") }))
  const other = unique("shop", { settle: { by: "unique", field: "name", mark: "mark" } })
  const refused = await plan(of({ a: { ...unique("shop"), settle: { by: "ask" } }, b: other }))
  expect(refused.error).toMatchObject({
    code: "DUPLICATE_ID",
    fact: expect.stringContaining("http.object: /objects/o1"),
  })
  expect(space.counters.creates).toBe(1)
})

test("the same id in another collection is another object", async () => {
  const { space, of, apply, plan } = worldOf("collections")
  const two = of({ a: named("named-a", "shop"), b: named("named-b", "shop") })
  expect((await apply(two)).outcome).toBe("done")
  expect(space.counters.creates).toBe(2)
  expect(changesOf(await plan(two))).toEqual([])
})

test("a new address for a recorded object: it is neither foreign nor deleted, it says renamedFrom", async () => {
  const { space, of, apply } = worldOf("moved")
  await apply(of({ old: named("named-a", "shop") }))
  const refused = await apply(of({ new: named("named-a", "shop") }))
  expect(refused.exitCode).toBe(1)
  expect(refused.plan?.changes).toHaveLength(2)
  for (const { error } of refused.plan?.changes ?? [])
    expect(error).toMatchObject({
      code: "DUPLICATE_ID",
      next: expect.stringContaining('renamedFrom: "http.object[old]"'),
    })
  expect(space.counters).toMatchObject({ creates: 1, deletes: 0 })
})
