import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, test } from "node:test"
import { fileURLToPath } from "node:url"
import { migrated, temporaryFolder } from "../service/fixture.ts"
import { catalogPage } from "./catalog.ts"
import { loadProducts, type Summary } from "./products.ts"

type Answer = { status: number; body?: object | undefined; headers?: Record<string, string> }

let folder: ReturnType<typeof temporaryFolder>
let path: string
let db: DatabaseSync
let feed: Server
let answer: (page: number) => Answer

beforeEach(async () => {
  folder = temporaryFolder()
  path = join(folder.path, "orders.db")
  db = migrated(path)
  answer = (page) => ({ status: 200, body: catalogPage(page) })
  feed = createServer((request, response) => {
    const page = URL.parse(request.url ?? "", "http://localhost")?.searchParams.get("page")
    const { status, body, headers } = answer(Number(page))
    response.writeHead(status, headers).end(JSON.stringify(body))
  }).listen(0, "127.0.0.1")
  await once(feed, "listening")
})

afterEach(() => {
  feed.close()
  db.close()
  folder.remove()
})

const rejected = [
  { row: 58, reason: "price_cents -21700 is not a whole number above 0" },
  { row: 131, reason: "sku is missing" },
]

test("every page is stored; the second time changes nothing", async () => {
  const first = await load()
  assert.deepEqual(first, { fetched: 175, stored: 173, changed: 173, rejected })
  const before = db.prepare("SELECT * FROM products").all()
  assert.equal(before.length, 173)
  assert.deepEqual(await load(), { fetched: 175, stored: 173, changed: 0, rejected })
  assert.deepEqual(db.prepare("SELECT * FROM products").all(), before)
})

test("a row that differs is corrected", async () => {
  await load()
  db.exec("UPDATE products SET price_cents = 1, updated_at = 'long ago' WHERE sku = 'CHAIR-0001'")
  assert.partialDeepStrictEqual(await load(), { changed: 1 })
  const row = db.prepare("SELECT * FROM products WHERE sku = 'CHAIR-0001'").get()
  assert.equal(row?.price_cents, 15000)
  assert.notEqual(row?.updated_at, "long ago")
})

test("429 and 5xx are tried again", async () => {
  const refusals: Answer[] = [{ status: 429, headers: { "retry-after": "0" } }, { status: 503 }]
  answer = (page) => (page === 3 && refusals.shift()) || { status: 200, body: catalogPage(page) }
  assert.partialDeepStrictEqual(await load(), { fetched: 175 })
  assert.equal(refusals.length, 0)
})

const failures: [what: string, answer: (page: number) => Answer, message: RegExp][] = [
  ["a missing page", (page) => (page === 4 ? { status: 404 } : good(page)), /page 4 is missing: .* answered 404/],
  ["a page twice", (page) => good(page === 4 ? 3 : page), /did not answer with page 4/],
  ["a short page", (page) => (page === 4 ? good(page, { items: [] }) : good(page)), /promised 175 rows and gave 150/],
  ["another total", (page) => (page === 4 ? good(page, { total: 174 }) : good(page)), /changed while it was read/],
  ["no page at all", () => ({ status: 200, body: {} }), /did not answer with page 1/],
  ["no rows", () => good(1, { items: [], pages: 1, total: 0 }), /the feed is empty/],
  ["a sku twice", () => good(1, { items: Array(2).fill(product()), pages: 1, total: 2 }), /row 2: sku A-1 came before/],
  ["rows of nonsense", () => good(1, { items: [null, 7, {}], pages: 1, total: 3 }), /3 of 3 rows are wrong/],
  [
    "a hostile sku",
    () => good(1, { items: [product("\u001b[2J")], pages: 1, total: 1 }),
    /sku "\\u001b\[2J" is not like/,
  ],
]

for (const [what, wrong, message] of failures) {
  test(`a feed with ${what} is refused and nothing is stored`, async () => {
    answer = wrong
    await assert.rejects(load(), message)
    assert.equal(db.prepare("SELECT count(*) AS n FROM products").get()?.n, 0)
  })
}

test("a database that is missing is told", async () => {
  await assert.rejects(load(join(folder.path, "none.db")), /^Error: database .*none\.db: missing$/)
})

test("load.ts prints the summary, or ends with 1 and one line", async () => {
  const { code, stdout, stderr } = await run("--api", api(), "--database", path)
  assert.deepEqual([code, stderr], [0, ""])
  assert.partialDeepStrictEqual(JSON.parse(stdout), { fetched: 175, stored: 173 })
  answer = () => ({ status: 404 })
  const failed = await run("--api", api(), "--database", path)
  assert.deepEqual([failed.code, failed.stdout], [1, ""])
  assert.match(failed.stderr, /^load: page 1 is missing: .*\n$/)
  assert.match((await run("--api", "here")).stderr, /^load: usage: .*\n$/)
})

function good(page: number, change: object = {}): Answer {
  return { status: 200, body: { ...catalogPage(page), ...change } }
}

function product(sku = "A-1"): object {
  return { sku, name: "Armchair", price_cents: 500 }
}

function load(database = path): Promise<Summary> {
  return loadProducts(api(), database)
}

function api(): string {
  return `http://127.0.0.1:${(feed.address() as AddressInfo).port}`
}

/** Runs load.ts as its own process. */
function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = fileURLToPath(new URL("load.ts", import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}
