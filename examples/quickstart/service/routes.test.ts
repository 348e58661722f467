import assert from "node:assert/strict"
import type { DatabaseSync } from "node:sqlite"
import { beforeEach, test } from "node:test"
import { apiKey, migrated } from "./fixture.ts"
import { type Reply, route } from "./routes.ts"

const order = { customer: "Ada", sku: "DESK-0042", quantity: 2 }

let db: DatabaseSync
beforeEach(() => {
  db = migrated()
})

test("an order is created, read back and listed, the newest first", async () => {
  const created = await post(order)
  assert.equal(created.status, 201)
  assert.equal(created.headers?.location, "/orders/1")
  await post({ ...order, customer: "Grace" })

  const one = await call("GET", "/orders/1")
  assert.equal(one.status, 200)
  assert.deepEqual(one.body, created.body)
  assert.partialDeepStrictEqual({ ...(one.body as object) }, { id: 1, ...order })

  const listed = (await call("GET", "/orders?limit=1")).body as { items: { customer: string }[]; total: number }
  assert.deepEqual([listed.items.map(({ customer }) => customer), listed.total], [["Grace"], 2])
  const rest = (await call("GET", "/orders?limit=1&offset=1")).body as { items: { customer: string }[] }
  assert.deepEqual(
    rest.items.map(({ customer }) => customer),
    ["Ada"],
  )
})

test("products are listed by sku", async () => {
  db.exec("INSERT INTO products (sku, name, price_cents) VALUES ('B-1', 'Bench', 900), ('A-1', 'Armchair', 500)")
  const { items, total } = (await call("GET", "/products")).body as { items: { sku: string }[]; total: number }
  assert.deepEqual([items.map(({ sku }) => sku), total], [["A-1", "B-1"], 2])
})

test("health is 200 with a migrated database, and 503 without", async () => {
  const well = await call("GET", "/health")
  assert.equal(well.status, 200)
  assert.partialDeepStrictEqual(well.body, { status: "ok", database: "ok" })
  const context = { apiKey, database: { open: () => ({ problem: "not migrated" }) } }
  const url = (path: string) => new URL(path, "http://localhost")
  const ask = { method: "GET", authorization: undefined, body: async () => ({ text: "" }) }
  const ill = await route({ ...ask, url: url("/health") }, context)
  assert.equal(ill.status, 503)
  assert.partialDeepStrictEqual(ill.body, { status: "unavailable", database: "not migrated" })
  assert.deepEqual(await route({ ...ask, url: url("/orders") }, context), {
    status: 503,
    body: { error: "database: not migrated" },
  })
})

test("an order without the right key is refused, and its body is not read", async () => {
  for (const authorization of [undefined, "Bearer another-key-of-this-length"]) {
    const reply = await call("POST", "/orders", { authorization, body: () => assert.fail("the body was read") })
    assert.equal(reply.status, 401)
    assert.equal(reply.headers?.["www-authenticate"], "Bearer")
  }
})

test("a wrong order is refused and not stored", async () => {
  const reply = await post({ ...order, quantity: 0 })
  assert.equal(reply.status, 400)
  assert.deepEqual(reply.body, { error: "invalid order", problems: ["quantity must be a whole number from 1 to 1000"] })
  assert.equal((await call("POST", "/orders", { body: async () => ({ text: "{" }) })).status, 400)
  assert.equal(db.prepare("SELECT count(*) AS n FROM orders").get()?.n, 0)
})

const refused: [method: string, path: string, status: number][] = [
  ["GET", "/", 404],
  ["GET", "/orders/1", 404],
  ["GET", "/orders/abc", 404],
  ["GET", "/orders/1/lines", 404],
  ["GET", "/orders?limit=0", 400],
  ["GET", "/products?offset=-1", 400],
  ["DELETE", "/orders", 405],
  ["constructor", "/orders", 405],
  ["POST", "/health", 405],
]

for (const [method, path, status] of refused) {
  test(`${method} ${path} is answered with ${status}`, async () => {
    const reply = await call(method, path)
    assert.equal(reply.status, status)
    if (status === 405) assert.match(reply.headers?.allow ?? "", /GET/)
  })
}

type Options = { authorization?: string | undefined; body?: () => Promise<{ text: string }> }

function call(method: string, path: string, options: Options = {}): Promise<Reply> {
  const url = new URL(path, "http://localhost")
  const authorization = "authorization" in options ? options.authorization : `Bearer ${apiKey}`
  const body = options.body ?? (async () => ({ text: "" }))
  return route({ method, url, authorization, body }, { apiKey, database: { open: () => ({ db }) } })
}

function post(body: object): Promise<Reply> {
  return call("POST", "/orders", { body: async () => ({ text: JSON.stringify(body) }) })
}
