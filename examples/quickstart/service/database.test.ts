import assert from "node:assert/strict"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import { Database } from "./database.ts"
import { migrated, temporaryFolder } from "./fixture.ts"

let folder: ReturnType<typeof temporaryFolder>
let path: string
let database: Database

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder.path, "orders.db")
  database = new Database(path)
})

afterEach(() => {
  database.close()
  folder.remove()
})

test("a missing database is told, and not created", () => {
  assert.deepEqual(database.open(), { problem: "missing" })
  assert.equal(existsSync(path), false)
})

test("an empty database is not migrated; once it is, the same object opens it", () => {
  writeFileSync(path, "")
  assert.deepEqual(database.open(), { problem: "not migrated" })
  migrated(path).close()
  assert("db" in database.open())
})

test("a file that is no database is told", () => {
  writeFileSync(path, "not a database, but long enough to be looked at. ".repeat(100))
  assert.deepEqual(database.open(), { problem: "file is not a database" })
})

test("a database that was deleted or replaced is not used any longer", () => {
  migrated(path).close()
  assert("db" in database.open())
  rmSync(path)
  assert.deepEqual(database.open(), { problem: "missing" })
  const fresh = migrated(path)
  fresh.exec("INSERT INTO orders (customer, sku, quantity) VALUES ('Ada', 'DESK-0042', 1)")
  fresh.close()
  const opened = database.open()
  assert("db" in opened)
  assert.equal(opened.db.prepare("SELECT count(*) AS n FROM orders").get()?.n, 1)
})
