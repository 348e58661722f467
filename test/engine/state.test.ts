import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { expect, test } from "vitest"
import { openStore, readStore } from "../../src/state/sqlite.ts"
import type { Row } from "../../src/state/store.ts"
import { testFolder } from "../support/runs.ts"

const row = (name: string): Row => ({
  address: `test.thing[${name}]`,
  deposed: "",
  kind: "test.thing",
  version: 1,
  connection: "",
  id: name,
  owned: true,
  protect: false,
  retain: false,
  unfinished: false,
  props: JSON.stringify({ name, value: "x".repeat(300) }),
  outputs: JSON.stringify({ name }),
  carry: undefined,
  needs: [],
})

const intent = (name: string) => ({
  address: `test.thing[${name}]`,
  deposed: "",
  action: "update" as const,
  kind: "test.thing",
  connection: "",
  id: name,
  token: "t",
  want: "{}",
  needs: [],
  startedAt: 1,
})

test("what commit has returned from is there after the file is opened again", () => {
  const file = join(testFolder(), "state.db")
  const store = openStore(file)
  const run = store.beginRun({ id: "r", command: "apply", who: "me", startedAt: 1, keyId: "k" })
  const [seq] = store.commit(run, { intents: [intent("a")] })
  store.commit(run, { rows: [row("a"), row("b")] })
  store.close()
  const again = openStore(file)
  expect(again.load()).toMatchObject({
    rows: [row("a"), row("b")],
    open: [{ seq, address: "test.thing[a]", orphanedAt: undefined }],
    keyId: "k",
  })
  again.commit(run, {
    results: [{ seq: seq as number, outcome: "done", endedAt: 2, closes: true }],
    removed: [{ address: "test.thing[a]", deposed: "" }],
  })
  expect(again.load()).toMatchObject({ rows: [row("b")], open: [] })
  again.close()
})

test("state ignores itself in git and belongs to its user", () => {
  const folder = join(testFolder(), ".fettle")
  openStore(join(folder, "state.db")).close()
  expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("*\n")
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test("a damaged or newer file is a clear error and stays as it is", () => {
  const folder = testFolder()
  const broken = join(folder, "broken.db")
  writeFileSync(broken, "not a database, but long enough to be read as one ".repeat(100))
  const before = readFileSync(broken)
  expect(() => openStore(broken)).toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }))
  expect(() => readStore(broken)).toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }))
  expect(readFileSync(broken).equals(before)).toBe(true)

  const newer = join(folder, "newer.db")
  openStore(newer).close()
  const database = new DatabaseSync(newer)
  database.exec("update meta set value = '99' where key = 'format'")
  database.close()
  expect(() => openStore(newer)).toThrowError(expect.objectContaining({ code: "STATE_NEWER" }))

  const other = join(folder, "other.db")
  const foreign = new DatabaseSync(other)
  foreign.exec("create table customers (id integer)")
  foreign.close()
  expect(() => openStore(other)).toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }))
})

test("reading state writes nothing", () => {
  const file = join(testFolder(), "state.db")
  expect(readStore(file)).toBeUndefined()
  expect(existsSync(file)).toBe(false)
  const store = openStore(file)
  store.commit(store.beginRun({ id: "r", command: "apply", who: "me", startedAt: 1, keyId: undefined }), {
    rows: [row("a")],
  })
  store.close()
  const before = readFileSync(file)
  const reader = readStore(file)
  expect(reader?.load().rows).toHaveLength(1)
  reader?.close()
  expect(readFileSync(file).equals(before)).toBe(true)
})

test("one change writes the same few bytes into a store of 1,000 and of 100,000 rows", { timeout: 60_000 }, () => {
  const written = [1_000, 100_000].map((count) => {
    const file = join(testFolder(), `${count}.db`)
    const store = openStore(file)
    const run = store.beginRun({ id: "r", command: "apply", who: "me", startedAt: 1, keyId: undefined })
    store.commit(run, { rows: Array.from({ length: count }, (_, at) => row(`n${at}`)) })
    store.close()
    return bytesPerChange(file, count)
  })
  const [small = 0, large = 0] = written
  expect(large).toBeLessThanOrEqual(16 * 1024)
  expect(large / small).toBeGreaterThan(0.9)
  expect(large / small).toBeLessThan(1.1)
})

/** Bytes that one change adds to the write-ahead log, over 200 changes spread over the store. */
function bytesPerChange(file: string, count: number): number {
  const changes = 200
  const store = openStore(file)
  const run = store.beginRun({ id: "r2", command: "apply", who: "me", startedAt: 1, keyId: undefined })
  const begin = statSync(`${file}-wal`).size
  for (let at = 0; at < changes; at += 1) {
    const name = `n${(at * 7919) % count}`
    const [seq] = store.commit(run, { intents: [intent(name)] })
    store.commit(run, {
      results: [{ seq: seq as number, outcome: "done", endedAt: 2, closes: true }],
      rows: [row(name)],
    })
  }
  const bytes = (statSync(`${file}-wal`).size - begin) / changes
  store.close()
  return bytes
}
