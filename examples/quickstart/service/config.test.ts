import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { parseConfig, readConfig } from "./config.ts"
import { apiKey, temporaryFolder } from "./fixture.ts"

const good = { host: "127.0.0.1", port: 8080, database: "/srv/orders/orders.db", apiKey }

const wrong: [what: string, change: object, problem: RegExp][] = [
  ["no host", { host: undefined }, /^host must be/],
  ["a port as text", { port: "8080" }, /^port must be/],
  ["a port too high", { port: 65536 }, /^port must be/],
  ["a relative database", { database: "orders.db" }, /^database must be an absolute path/],
  ["a short key", { apiKey: "short" }, /^apiKey must be at least 16/],
  ["a key with a line break", { apiKey: "sixteen-and-more\n" }, /^apiKey must be at least 16/],
  ["a misspelt field", { prot: 8080 }, /^unknown field "prot"/],
]

test("a good configuration is taken as it is", () => {
  assert.deepEqual(parseConfig(JSON.stringify(good)), { config: good })
})

for (const [what, change, problem] of wrong) {
  test(`${what} is refused, and the key is not shown`, () => {
    const parsed = parseConfig(JSON.stringify({ ...good, ...change }))
    assert("problems" in parsed)
    assert.equal(parsed.problems.length, 1)
    assert.match(parsed.problems.join(), problem)
    assert.doesNotMatch(parsed.problems.join(), /for-the-tests|short|sixteen-and/)
  })
}

test("text that is no JSON object is refused without quoting it", () => {
  assert.deepEqual(parseConfig(`{ "apiKey": "${apiKey}" oops`), { problems: ["not valid JSON"] })
  assert.deepEqual(parseConfig("[]"), { problems: ["not a JSON object"] })
})

test("a file is read, and one that cannot be used is named in one line", () => {
  const folder = temporaryFolder()
  try {
    const path = join(folder.path, "config.json")
    assert.deepEqual(readConfig(path), { problem: `cannot read ${path}: ENOENT` })
    writeFileSync(path, JSON.stringify(good))
    assert.deepEqual(readConfig(path), { config: good })
    writeFileSync(path, "{}")
    assert.match((readConfig(path) as { problem: string }).problem, /^.*config\.json: host .*; port .*; database .*$/)
    assert.match((readConfig(undefined) as { problem: string }).problem, /ORDERS_CONFIG/)
  } finally {
    folder.remove()
  }
})
