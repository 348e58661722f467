import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import {
  absent,
  dump,
  type ObjectSeen,
  type Outputs,
  openedSecret,
  outputsOf,
  type Props,
  props,
  recordedSecret,
  World,
} from "./http-world.ts"

let far: FarSide
beforeAll(async () => {
  far = await startFarSide()
})
afterAll(() => far.close())

const paths = {
  create: { path: "/objects" },
  read: { path: "/objects/{id}" },
  list: { path: "/objects?limit=100", next: { page: "page" }, total: "total" },
  update: { path: "/objects/{id}" },
  delete: { path: "/objects/{id}" },
}

function world(seed: string): Promise<World> {
  return World.open({ url: `${far.url}/ns/${seed}`, retry: { baseDelayMs: 5, maxDelayMs: 50 } })
}

function recorded(want: Props, outputs: Outputs): { props: Props; outputs: Outputs } {
  return { props: want, outputs }
}

/** What a plan says of a key. */
async function planned(w: World, want: Props, last: ReturnType<typeof recorded> | undefined): Promise<string> {
  const { object } = await import("../../src/providers/http/object.ts")
  const seen = await w.read({ want, ...(last === undefined ? {} : { last, id: last.outputs.id }) })
  return object.plan(want, seen, last).action
}

test("a life: made, as wanted, drifted, mended, deleted, deleted again", async () => {
  const w = await world("life")
  const want = props({ ...paths, body: { name: "a", size: 1 }, outputs: { size: "size" } })
  const outputs = outputsOf(await w.ensure(want, absent))
  expect(outputs).toEqual({ id: "o1", object: { size: 1 } })
  const last = recorded(want, outputs)
  expect(await planned(w, want, last)).toBe("none")
  far.namespace("life").collection("objects").put({ id: "o1", name: "a", size: 5 })
  const drifted = await w.read({ want, last, id: "o1" })
  expect(drifted).toMatchObject({ outputs: { object: { size: 5 } }, shown: { body: { size: 5 } } })
  expect(outputsOf(await w.ensure(want, drifted, { last }))).toEqual({ id: "o1", object: { size: 1 } })
  expect(await planned(w, want, last)).toBe("none")
  const there = await w.read({ want, last, id: "o1" })
  expect(await w.delete(there, last)).toEqual({ deleted: true })
  expect(await w.delete(there, last)).toEqual({ deleted: true })
  expect(await w.read({ last, id: "o1" })).toEqual({ absent: true })
  expect(far.namespace("life").counters).toMatchObject({ creates: 1, updates: 1, deletes: 1, duplicates: 0 })
})

test("an object without id, name or mark to look for is absent without a call", async () => {
  const w = await world("unasked")
  expect(await w.read({ want: props({ ...paths, body: { name: "a" } }) })).toEqual({ absent: true })
  expect(far.namespace("unasked").counters.calls).toBe(0)
})

describe("reads in bulk", () => {
  async function thousand(seed: string, more: Record<string, unknown> = {}) {
    const w = await world(seed)
    const space = far.namespace(seed)
    const keys = Array.from({ length: 1_000 }, (_, i) => {
      const want = props({ ...paths, ...more, body: { name: `n${i}`, size: i } })
      const { id } = space.create("objects", { name: `n${i}`, size: i })
      return { want, id, last: recorded(want, { id, object: {} }) }
    })
    return { w, space, keys }
  }

  test("1,000 keys take as many calls as the list has pages", async () => {
    const { w, space, keys } = await thousand("bulk")
    const seen = await w.readAll(keys)
    expect(seen.every((each, i) => "outputs" in each && each.outputs.id === keys[i]?.id)).toBe(true)
    expect(space.counters).toMatchObject({ calls: 10, lists: 10, reads: 0 })
  })

  test("one key takes one GET, a few of many take few", async () => {
    const { w, space, keys } = await thousand("few")
    await w.readAll(keys.slice(0, 1))
    expect(space.counters).toMatchObject({ lists: 0, reads: 1 })
    await w.readAll(keys.slice(500, 504))
    expect(space.counters).toMatchObject({ lists: 1, reads: 5 })
  })

  test("a recorded id that the list lacks is absent only by its own GET", async () => {
    const { w, space, keys } = await thousand("lacking")
    space.collection("objects").delete("o5")
    space.faults = { staleListMs: 60_000 } // the list shows nothing at all yet
    const seen = await w.readAll(keys.slice(0, 20))
    expect(seen.map((each) => "outputs" in each)).toEqual(keys.slice(0, 20).map(({ id }) => id !== "o5"))
  })

  test("without a list each key takes one GET, at most so many at once", async () => {
    const { w, space, keys } = await thousand("listless", { list: undefined })
    const seen = await w.readAll(keys.slice(0, 100))
    expect(seen.every((each) => "outputs" in each)).toBe(true)
    expect(space.counters).toMatchObject({ lists: 0, reads: 100 })
  })

  test("a list that omits fields is completed by GETs, where they show any", async () => {
    const { w, space, keys } = await thousand("summary")
    space.faults = { listOmits: ["size"] }
    const seen = await w.readAll(keys.slice(0, 200))
    for (const each of seen) expect(each).toMatchObject({ shown: { body: { size: expect.any(Number) } } })
  })

  test("a field that nothing ever shows costs one GET, not one for each object", async () => {
    const w = await world("hidden")
    const space = far.namespace("hidden")
    const keys = Array.from({ length: 150 }, (_, i) => {
      const want = props({ ...paths, body: { name: `n${i}`, password: "plain-but-hidden" } })
      return { want, id: space.create("objects", { name: `n${i}`, password: "plain-but-hidden" }).id }
    })
    await w.readAll(keys)
    expect(space.counters).toMatchObject({ lists: 2, reads: 1 })
  })
})

const ways: readonly (readonly [string, Record<string, unknown>])[] = [
  ["page and total", { next: { page: "page" }, total: "total" }],
  ["page alone", { next: { page: "page" } }],
  ["offset and total", { next: { offset: "offset" }, total: "total" }],
  ["offset alone", { next: { offset: "offset" } }],
  ["cursor", { next: { cursor: "next_cursor", param: "cursor" } }],
  ["url", { next: { url: "links.next" } }],
  ["link header", { next: { link: true } }],
  ["link header and total", { next: { link: true }, total: "total" }],
]

describe.each(ways)("paging by %s", (way, list) => {
  const seed = `paging-${way.replaceAll(" ", "-")}`
  const keysOf = (ids: readonly string[]) =>
    ids.map((id) => ({
      id,
      want: props({ ...paths, read: undefined, list: { path: "/objects?limit=7", ...list }, body: { name: id } }),
    }))

  test.each([0, 1, 6, 7, 8, 14, 50])("%i objects are all found, and one that is not there is absent", async (count) => {
    const space = far.namespace(`${seed}-${count}`)
    const ids = Array.from({ length: count }, (_, i) => space.create("objects", { name: `n${i}` }).id)
    const seen = await (await world(`${seed}-${count}`)).readAll(keysOf([...ids, "o999"]))
    expect(seen.map((each) => "outputs" in each)).toEqual([...ids.map(() => true), false])
    expect(seen.at(-1)).toEqual({ absent: true })
  })
})

describe("a list that cannot be read whole fails, and says nothing of absence", () => {
  const list = { path: "/objects?limit=10", next: { page: "page" }, total: "total" }

  async function failing(
    seed: string,
    options: { list?: Record<string, unknown>; faults?: Record<string, unknown>; count?: number },
  ) {
    const space = far.namespace(seed)
    for (let i = 0; i < (options.count ?? 25); i++) space.create("objects", { name: `n${i}` })
    space.faults = options.faults ?? {}
    const want = props({ ...paths, read: undefined, list: options.list ?? list, body: { name: "a" } })
    const seen = await (await world(seed)).readAll([
      { want, id: "o1" },
      { want, id: "o999" },
    ])
    return seen.map((each) => ("failed" in each ? each.failed : undefined))
  }

  test.each([
    ["its text is cut", { faults: { truncateList: "cut" } }, "cut off"],
    [
      "its last page is dropped",
      { faults: { truncateList: "last-page" }, list: { ...list, next: { link: true } } },
      "says it has 25 items, and showed 20",
    ],
    [
      "the paging is not configured",
      { list: { path: "/objects?limit=10", total: "total" } },
      "says it has 25 items, and showed 10",
    ],
    [
      "the page parameter is not heeded",
      { list: { path: "/objects?limit=10", next: { page: "seite" } } },
      "does not heed",
    ],
    [
      "the cursor never moves",
      { list: { path: "/objects?limit=10", next: { cursor: "total", param: "unheeded" } } },
      "does not heed",
    ],
    ["the items are elsewhere", { list: { path: "/objects", items: "data" } }, "no array at data"],
    ["the total is elsewhere", { list: { ...list, total: "count" } }, "no number at count"],
  ] as const)("%s", async (name, options, words) => {
    const failures = await failing(`broken-${name.replaceAll(" ", "-")}`, options)
    for (const failed of failures) {
      expect(failed?.code).toBe("HTTP_LIST")
      expect(failed?.fact).toContain(words)
    }
  })

  test("a refusal is told as what it is", async () => {
    const failures = await failing("refused", { faults: { auth: "Bearer nobody" } })
    for (const failed of failures) expect(failed).toMatchObject({ code: "HTTP_FAILED", details: { status: 401 } })
  })

  const unusable: readonly [string, Record<string, unknown>, Record<string, unknown>, Record<string, string>][] = [
    ["a URL that is none", { url: "next" }, { next: "http://[half" }, {}],
    ["a URL that is a number", { url: "next" }, { next: 2 }, {}],
    ["a URL that is an object", { url: "next" }, { next: { href: "/objects?page=2" } }, {}],
    ["a cursor that is an object", { cursor: "next", param: "after" }, { next: { id: 2 } }, {}],
    ["a cursor that is true", { cursor: "next", param: "after" }, { next: true }, {}],
    ["a Link that is no URL", { link: true }, {}, { link: '<http://[half>; rel="next"' }],
  ]
  test.each(unusable)("%s in the place of the next page", async (_, next, more, headers) => {
    const server = createServer((__, response) =>
      response.writeHead(200, headers).end(JSON.stringify({ items: [], ...more })),
    )
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    onTestFinished(() => void server.close())
    const w = await World.open({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
    const want = props({ ...paths, read: undefined, list: { path: "/objects", next }, body: { name: "a" } })
    expect(await w.read({ want, id: "o1" })).toMatchObject({
      failed: { code: "HTTP_LIST", fact: expect.stringContaining("it goes on after") },
    })
  })

  test.each([undefined, null, "", false])("%j in the place of the next page is the end", async (next) => {
    const server = createServer((_, response) => response.end(JSON.stringify({ items: [], next })))
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    onTestFinished(() => void server.close())
    const w = await World.open({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
    for (const how of [{ url: "next" }, { cursor: "next", param: "after" }]) {
      const want = props({ ...paths, read: undefined, list: { path: "/objects", next: how }, body: { name: "a" } })
      expect(await w.read({ want, id: "o1" })).toEqual({ absent: true })
    }
  })

  test("a list that is read while others write is read again until it stands still", async () => {
    const seed = "moving"
    const space = far.namespace(seed)
    for (let i = 0; i < 100; i++) space.create("objects", { name: `n${i}` })
    space.faults = { slowMs: 20 }
    const want = props({ ...paths, read: undefined, list, body: { name: "a" } })
    const reading = (await world(seed)).readAll([
      { want, id: "o100" },
      { want, id: "o999" },
    ])
    const writing = setInterval(
      () => space.collection("objects").delete(space.collection("objects").all()[0]?.id ?? ""),
      30,
    )
    setTimeout(() => clearInterval(writing), 300)
    expect((await reading).map((each) => Object.keys(each)[0])).toEqual(["outputs", "absent"])
  })
})

test("an answer without an id is cut after its secrets are hidden", async () => {
  const token = "kJ8vQ2xW9rT4yU7pL3mN6bV1"
  const server = createServer((_, response) => response.end(`${"x".repeat(185)}${token}`))
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  onTestFinished(() => void server.close())
  const w = await World.open({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const hide = (text: string): string => text.replaceAll(token, "[secret TOKEN]")
  const result = await w.ensure(props({ ...paths, body: { name: "a" } }), absent, { hide })
  expect(result).toMatchObject({ failed: { fact: expect.stringContaining("[secret TOKEN]") } })
  expect(JSON.stringify(result)).not.toContain(token.slice(0, 8))
})

test("a list that is stale does not undo what was just done", async () => {
  const w = await world("stale")
  far.namespace("stale").faults = { staleListMs: 2_000 }
  const wants = Array.from({ length: 5 }, (_, i) => props({ ...paths, body: { name: `n${i}`, size: 1 } }))
  const made = await Promise.all(wants.map(async (want) => recorded(want, outputsOf(await w.ensure(want, absent)))))
  const keysOf = (all: readonly Props[]) =>
    all.map((want, i) => ({ want, id: made[i]?.outputs.id ?? "", last: made[i] as never }))
  expect((await w.readAll(keysOf(wants))).every((each) => "outputs" in each)).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  const bigger = wants.map(({ body }) => props({ ...paths, body: { ...body, size: 2 } }))
  const before = await w.readAll(keysOf(bigger))
  await Promise.all(bigger.map((want, i) => w.ensure(want, before[i] as ObjectSeen, { last: made[i] as never })))
  const after = await w.readAll(keysOf(bigger)) // the list still shows size 1
  expect(after.map((each) => "outputs" in each && each.shown?.body)).toEqual(bigger.map(({ body }) => body))
})

test("a list that is stale shows what is gone: a plan looks twice where it differs, and a delete succeeds", async () => {
  const w = await world("stale-gone")
  const want = props({ ...paths, body: { name: "a" } })
  const last = recorded(want, outputsOf(await w.ensure(want, absent)))
  far.namespace("stale-gone").collection("objects").delete(last.outputs.id)
  expect(await w.delete({ outputs: last.outputs }, last)).toEqual({ deleted: true })
})

describe("chosen ids", () => {
  const named = (name: string, more: Record<string, unknown> = {}) =>
    props({
      create: { path: "/named/{id}" },
      key: "name",
      list: { path: "/named", total: "total", next: { page: "page" } },
      body: { name, size: 1 },
      ...more,
    })

  test("are made, changed and deleted under one URL, and a lost reply is asked for again", async () => {
    const w = await world("named")
    const space = far.namespace("named")
    space.faults = { dropReply: 0.5 }
    const want = named("shop")
    expect(await w.read({ want, id: "shop" })).toEqual({ absent: true })
    const outputs = outputsOf(await w.ensure(want, absent))
    expect(outputs.id).toBe("shop")
    expect(outputsOf(await w.ensure(want, absent, { repeated: true }))).toEqual(outputs)
    expect(await planned(w, want, recorded(want, outputs))).toBe("none")
    expect(await w.delete({ outputs }, recorded(want, outputs))).toEqual({ deleted: true })
    expect(space.counters).toMatchObject({ creates: 1, deletes: 1 })
  })

  test.each([
    "a/b",
    "ü ?#&%",
    "..%2f",
    "$(reboot)",
    "'; drop table x; --",
    "\u202e\u0007",
    "constructor",
    "__proto__",
    "a".repeat(300),
  ])("%j is only a name", async (name) => {
    const w = await world("hostile")
    const want = named(name)
    const outputs = outputsOf(await w.ensure(want, absent))
    expect(await w.read({ want, id: outputs.id })).toMatchObject({ outputs: { id: name } })
    expect(await w.delete({ outputs }, recorded(want, outputs))).toEqual({ deleted: true })
  })

  test.each([".", ".."])("%j is refused, and reaches nothing", async (name) => {
    const w = await world("dots")
    expect(await w.ensure(named(name), absent)).toMatchObject({ failed: { code: "HTTP_FAILED" }, maybe: false })
    expect(
      await w.delete({ outputs: { id: name, object: {} } }, recorded(named(name), { id: name, object: {} })),
    ).toMatchObject({ maybe: false })
    expect(far.namespace("dots").counters.calls).toBe(0)
  })

  test("the owner mark is written, read back, kept by an update, and never compared", async () => {
    const w = await world("marked")
    const want = named("shop", {
      settle: { by: "unique", mark: "labels.fettle" },
      body: { name: "shop", size: 1, labels: { team: "x" } },
    })
    const outputs = outputsOf(await w.ensure(want, absent, { token: "token-1" }))
    const seen = await w.read({ want, id: "shop", last: recorded(want, outputs) })
    expect(seen).toMatchObject({ mark: "token-1" })
    expect(await planned(w, want, recorded(want, outputs))).toBe("none")
    await w.ensure({ ...want, body: { ...want.body, size: 2 } }, seen, { token: "token-2" })
    expect(far.namespace("marked").collection("named").get("shop")).toMatchObject({
      size: 2,
      labels: { team: "x", fettle: "token-1" },
    })
    far.namespace("marked").upsert("named", "other", { name: "other" })
    expect(
      await w.read({ want: named("other", { settle: { by: "unique", mark: "labels.fettle" } }), id: "other" }),
    ).not.toHaveProperty("mark")
  })
})

describe("creates that a crash left open", () => {
  const marked = (name: string, more: Record<string, unknown> = {}) =>
    props({ ...paths, body: { name }, settle: { by: "mark", field: "labels.fettle", horizonMs: 100 }, ...more })

  test("are found by their mark, among 300", async () => {
    const w = await world("open")
    const space = far.namespace("open")
    for (let i = 0; i < 150; i++) space.create("objects", { name: `n${i}` })
    const made = space.create("objects", { name: "shop", labels: { fettle: "token-9" } })
    for (let i = 0; i < 150; i++) space.create("objects", { name: `m${i}`, labels: { fettle: `other-${i}` } })
    const [found, missing] = await w.readAll([
      { want: marked("shop"), open: ["token-8", "token-9"] },
      { want: marked("shop"), open: ["token-7"] },
    ])
    expect(found).toMatchObject({ id: made.id, mark: "token-9", outputs: { id: made.id } })
    expect(missing).toEqual({ absent: true })
    expect(space.counters.lists).toBe(4)
  })

  test("the replacement that a crash left behind is found instead of the one it replaces", async () => {
    const w = await world("replaced")
    const space = far.namespace("replaced")
    const old = space.create("objects", { name: "shop", labels: { fettle: "token-1" } })
    const made = space.create("objects", { name: "shop", labels: { fettle: "token-2" } })
    const want = marked("shop")
    expect(
      await w.read({ want, id: old.id, open: ["token-2"], last: recorded(want, { id: old.id, object: {} }) }),
    ).toMatchObject({ id: made.id, mark: "token-2" })
    expect(
      await w.read({ want, id: old.id, open: ["token-3"], last: recorded(want, { id: old.id, object: {} }) }),
    ).toMatchObject({ id: old.id, mark: "token-1" })
  })

  test("a lost reply is settled at once where the list shows the mark", async () => {
    const w = await world("lost-mark")
    far.namespace("lost-mark").faults = { dropReply: 1 }
    const told: string[] = []
    const outputs = outputsOf(await w.ensure(marked("shop"), absent, { token: "t", log: (text) => told.push(text) }))
    expect(outputs.id).toBe("o1")
    expect(told.join()).toContain("was lost")
    expect(far.namespace("lost-mark").counters.creates).toBe(1)
  })

  test("a lost reply without a mark is perhaps made, and only perhaps", async () => {
    const w = await world("lost-ask")
    far.namespace("lost-ask").faults = { dropReply: 1 }
    const want = props({ ...paths, body: { name: "shop" } })
    expect(await w.ensure(want, absent)).toMatchObject({ failed: { code: "HTTP_FAILED" }, maybe: true })
    far.namespace("lost-ask").faults = { auth: "nobody" }
    expect(await w.ensure(want, absent)).toMatchObject({ failed: { details: { status: 401 } }, maybe: false })
    expect(far.namespace("lost-ask").counters.creates).toBe(1)
  })

  test("a repeated token gives the object of the first call, as that made it", async () => {
    const w = await world("token")
    const space = far.namespace("token")
    const want = props({ ...paths, body: { name: "shop", size: 1 }, settle: { by: "token" } })
    const first = outputsOf(await w.ensure(want, absent, { token: "t1" }))
    const again = outputsOf(await w.ensure(want, absent, { token: "t1", repeated: true }))
    expect(again).toEqual(first)
    expect(space.counters).toMatchObject({ creates: 1, replayed: 1 })
    const changed = { ...want, body: { name: "shop", size: 2 } }
    // The far side insists on the first body. What it made is not lost: the intent stays open.
    expect(await w.ensure(changed, absent, { token: "t1", repeated: true })).toMatchObject({
      failed: { details: { status: 422 } },
      maybe: true,
    })
    const withMark = props({ ...paths, body: changed.body, settle: { by: "token", mark: "mark" } })
    const marked = outputsOf(await w.ensure({ ...withMark, body: want.body }, absent, { token: "t2" }))
    const found = outputsOf(await w.ensure(withMark, absent, { token: "t2", repeated: true }))
    expect(found).toEqual(marked)
    expect(space.collection("objects").get(found.id)).toMatchObject({ size: 1, mark: "t2" })
    expect(space.counters.updates).toBe(0)
  })

  test("an object is found by the field that the far side keeps unique", async () => {
    const w = await world("unique")
    const space = far.namespace("unique")
    for (let i = 0; i < 120; i++) space.create("objects", { name: `n${i}` })
    const want = (name: string) => props({ ...paths, body: { name }, settle: { by: "unique", field: "name" } })
    const [there, not] = await w.readAll([{ want: want("n110") }, { want: want("n500") }])
    expect(there).toMatchObject({ id: "o111" })
    expect(not).toEqual({ absent: true })
  })
})

describe("secrets", () => {
  const password = openedSecret("DB_PASSWORD", "correct-horse-battery")

  test("reach the far side opened, and are compared by fingerprint", async () => {
    const w = await world("secrets")
    const want = props({ ...paths, body: { name: "db", password } })
    const outputs = outputsOf(await w.ensure(want, absent))
    expect(far.namespace("secrets").collection("objects").get(outputs.id)).toMatchObject({
      password: "correct-horse-battery",
    })
    const state = { ...want, body: { name: "db", password: recordedSecret(password) } } as Props
    expect(await planned(w, want, recorded(state, outputs))).toBe("none")
    const turned = props({ ...paths, body: { name: "db", password: openedSecret("DB_PASSWORD", "another-long-one") } })
    expect(await planned(w, turned, recorded(state, outputs))).toBe("update")
  })

  test("that the far side gives once are sealed and kept", async () => {
    const w = await world("issued")
    const want = props({
      ...paths,
      body: { name: "bot", issue: true },
      compare: ["name"],
      outputs: { key: { path: "key", secret: true }, name: "name" },
    })
    const outputs = outputsOf(await w.ensure(want, absent))
    expect(JSON.stringify(outputs)).toBe('{"id":"o1","object":{"key":"[secret key]","name":"bot"}}')
    const seen = await w.read({ want, id: "o1", last: recorded(want, outputs) })
    expect("outputs" in seen && seen.outputs.object.key).toBe(outputs.object.key)
    expect(await planned(w, want, recorded(want, outputs))).toBe("none")
  })

  test("that the far side echoes are sealed and not shown", async () => {
    const w = await world("echo")
    const want = props({
      ...paths,
      body: { name: "db", token: openedSecret("T", "echoed-secret") },
      outputs: { token: "token" },
    })
    const outputs = outputsOf(await w.ensure(want, absent))
    const seen = await w.read({ want, id: outputs.id, last: recorded(want, outputs) })
    expect(JSON.stringify([outputs, seen])).not.toContain("echoed-secret")
  })
})

test("outputs that the create does not show are looked for; a look that fails does not lose the id", async () => {
  const w = await world("looked-for")
  const want = props({ ...paths, body: { name: "a" }, outputs: { never: "computed.later", name: "name" } })
  const outputs = outputsOf(await w.ensure(want, absent))
  expect(outputs).toEqual({ id: "o1", object: { name: "a" } })
  expect(far.namespace("looked-for").counters.reads).toBe(1)
})

test("a delete that was only accepted is waited for", async () => {
  const w = await world("accepted")
  far.namespace("accepted").faults = { deleteDelayMs: 300 }
  const want = props({ ...paths, body: { name: "a" } })
  const outputs = outputsOf(await w.ensure(want, absent))
  expect(await w.delete({ outputs }, recorded(want, outputs))).toEqual({ deleted: true })
  expect((await dump(far.url, "accepted")).collections.objects).toEqual([])
})

test("what moved to another URL in the program is found where it was, and replaced", async () => {
  const w = await world("moved")
  const want = props({ ...paths, body: { name: "a" } })
  const last = recorded(want, outputsOf(await w.ensure(want, absent)))
  const elsewhere = props({
    create: { path: "/things" },
    read: { path: "/things/{id}" },
    delete: { path: "/things/{id}" },
    body: { name: "a" },
  })
  expect(await planned(w, elsewhere, last)).toBe("replace")
  const seen = await w.read({ want: elsewhere, id: last.outputs.id, last })
  const made = outputsOf(await w.ensure(elsewhere, seen, { last }))
  expect(await w.delete(seen, last)).toEqual({ deleted: true })
  expect((await dump(far.url, "moved")).collections).toMatchObject({ objects: [], things: [{ id: made.id }] })
})

test("a failing key fails alone", async () => {
  const w = await world("alone")
  const space = far.namespace("alone")
  const good = space.create("objects", { name: "a" })
  const want = props({ ...paths, list: undefined, body: { name: "a" } })
  const bad = props({ ...paths, list: undefined, id: "name", body: { name: "b" } }) // the GET shows another id
  const [one, two] = await w.readAll([
    { want, id: good.id },
    { want: bad, id: good.id },
  ])
  expect(one).toHaveProperty("outputs")
  expect(two).toMatchObject({ failed: { code: "HTTP_FAILED" } })
})
