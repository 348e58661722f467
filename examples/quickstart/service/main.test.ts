import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach, beforeEach, test } from "node:test"
import { fileURLToPath } from "node:url"
import { apiKey, migrated, temporaryFolder } from "./fixture.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))
const headers = { authorization: `Bearer ${apiKey}` }
const order = { customer: "Ada", sku: "DESK-0042", quantity: 2 }

type Line = { level: string; message: string; port?: number; method?: string; path?: string; status?: number }

let folder: ReturnType<typeof temporaryFolder>
let database: string
let child: ChildProcess | undefined

beforeEach(() => {
  folder = temporaryFolder()
  database = join(folder.path, "orders.db")
})

afterEach(() => {
  child?.kill("SIGKILL")
  folder.remove()
})

test("the service answers over HTTP, logs each request without the key, and stops on SIGTERM", async () => {
  migrated(database).close()
  const { url, lines, exited } = await start()

  assert.equal((await fetch(`${url}/health`)).status, 200)
  const created = await fetch(`${url}/orders`, { method: "POST", headers, body: JSON.stringify(order) })
  assert.equal(created.status, 201)
  const location = created.headers.get("location") ?? ""
  assert.deepEqual(await (await fetch(url + location)).json(), await created.json())
  assert.equal((await fetch(`${url}/orders?key=secret`, { method: "POST" })).status, 401)

  const post = (body: string | Uint8Array<ArrayBuffer>) => fetch(`${url}/orders`, { method: "POST", headers, body })
  assert.equal((await post("{")).status, 400)
  assert.equal((await post(new Uint8Array([0xff]))).status, 400)
  assert.equal((await post(JSON.stringify({ ...order, customer: "a".repeat(20_000) }))).status, 413)

  child?.kill("SIGTERM")
  assert.deepEqual(await exited, [0, null])
  const requests = lines.filter(({ message }) => message === "request")
  assert.deepEqual(
    requests.map(({ status }) => status),
    [200, 201, 200, 401, 400, 400, 413],
  )
  assert.partialDeepStrictEqual(requests[3], { level: "info", method: "POST", path: "/orders" })
  assert.deepEqual(
    lines.slice(-2).map(({ message }) => message),
    ["stopping", "stopped"],
  )
  assert.doesNotMatch(JSON.stringify(lines), new RegExp(`${apiKey}|secret`))
})

test("a request under way is finished before the service stops", async () => {
  migrated(database).close()
  const { url, logged, exited } = await start()

  const slow = request(`${url}/orders`, { method: "POST", headers: { ...headers, expect: "100-continue" } })
  slow.write(JSON.stringify(order).slice(0, 10))
  await once(slow, "continue")
  child?.kill("SIGTERM")
  await logged("stopping")
  slow.end(JSON.stringify(order).slice(10))
  const [response] = await once(slow, "response")
  assert.equal(response.statusCode, 201)
  assert.deepEqual(await exited, [0, null])
})

test("without its database the service runs and is not healthy; a migration helps without a restart", async () => {
  const { url, exited } = await start()
  assert.equal((await fetch(`${url}/health`)).status, 503)
  assert.equal((await fetch(`${url}/products`)).status, 503)
  migrated(database).close()
  assert.equal((await fetch(`${url}/health`)).status, 200)
  child?.kill("SIGTERM")
  assert.deepEqual(await exited, [0, null])
})

test("a bad configuration ends the service with 1 and one line", async () => {
  const bad = spawn(process.execPath, [main, join(folder.path, "none.json")])
  let stderr = ""
  bad.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  assert.deepEqual(await once(bad, "close"), [1, null])
  assert.match(stderr, /^orders: cannot read .*none\.json: ENOENT\n$/)
})

/** Starts the service on a free port and waits until it listens. */
async function start() {
  const config = join(folder.path, "config.json")
  writeFileSync(config, JSON.stringify({ host: "127.0.0.1", port: 0, database, apiKey }))
  const started = spawn(process.execPath, [main, config], { stdio: ["ignore", "pipe", "inherit"] })
  child = started
  const exited = once(started, "close")
  const lines: Line[] = []
  const reader = createInterface(started.stdout)
  reader.on("line", (line) => lines.push(JSON.parse(line)))
  const logged = async (message: string) => {
    while (!lines.some((line) => line.message === message)) await once(reader, "line")
  }
  await logged("listening")
  return { url: `http://127.0.0.1:${lines[0]?.port}`, lines, logged, exited }
}
