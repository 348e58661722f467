import assert from "node:assert/strict"
import { once } from "node:events"
import { request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterEach, test } from "node:test"
import { loadSqlite, type Opened } from "./database.ts"
import { apiKey, migrated, temporaryFolder } from "./fixture.ts"
import { createService, stop } from "./server.ts"

const headers = { authorization: `Bearer ${apiKey}` }
const body = JSON.stringify({ customer: "Ada", sku: "DESK-0042", quantity: 2 })

let server: Server
afterEach(() => stop(server, 0))

test("an unexpected error is answered with 500 and not explained to the client", async () => {
  const url = await serve(() => assert.fail("the disk is on fire"))
  const response = await fetch(`${url}/orders`)
  assert.equal(response.status, 500)
  assert.deepEqual(await response.json(), { error: "internal error" })
})

test("a write while another process holds the database is answered with 503", async () => {
  const folder = temporaryFolder()
  const path = join(folder.path, "orders.db")
  const db = migrated(path)
  try {
    const url = await serve(() => ({ db }))
    const other = new (loadSqlite().DatabaseSync)(path)
    other.exec("BEGIN IMMEDIATE")
    const busy = await fetch(`${url}/orders`, { method: "POST", headers, body })
    assert.equal(busy.status, 503)
    assert.equal(busy.headers.get("retry-after"), "1")
    other.close()
    assert.equal((await fetch(`${url}/orders`, { method: "POST", headers, body })).status, 201)
  } finally {
    db.close()
    folder.remove()
  }
})

test("a client that stopped sending is cut when the grace is over", async () => {
  const url = await serve(() => ({ db: migrated() }))
  const slow = request(`${url}/orders`, { method: "POST", headers })
  slow.write(body.slice(0, 10))
  const failed = new Promise<Error>((resolve) => slow.once("error", resolve))
  await once(server, "request")
  await stop(server, 50)
  assert.match((await failed).message, /hang up|ECONNRESET/)
})

/** Serves on a free port. */
async function serve(open: () => Opened): Promise<string> {
  server = createService({ apiKey, database: { open } })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
