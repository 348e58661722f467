import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test } from "vitest"
import { readStore } from "../../src/state/read-store.ts"
import { openStore } from "../../src/state/sqlite.ts"
import type { Row } from "../../src/state/store.ts"
import { testFolder } from "../support/runs.ts"

const STATE_WRITER = fileURLToPath(new URL("../fixtures/state-writer.ts", import.meta.url))

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

test("what commit has returned from is there after the file is opened again", async () => {
  const file = join(testFolder(), "state.db")
  const store = openStore(file)
  const run = await store.beginRun({ id: "r", command: "apply", who: "me", startedAt: 1, keyId: "k" })
  const [seq] = await store.commit(run, { intents: [intent("a")] })
  await store.commit(run, { rows: [row("a"), row("b")] })
  await store.close()
  const again = openStore(file)
  expect(await again.load()).toMatchObject({
    rows: [row("a"), row("b")],
    open: [{ seq, address: "test.thing[a]", orphanedAt: undefined }],
    keyId: "k",
  })
  await again.commit(run, {
    results: [{ seq: seq as number, outcome: "done", endedAt: 2, closes: true }],
    removed: [{ address: "test.thing[a]", deposed: "" }],
  })
  expect(await again.load()).toMatchObject({ rows: [row("b")], open: [] })
  await again.close()
})

test("state ignores itself in git and belongs to its user", async () => {
  const folder = join(testFolder(), ".fettle")
  await openStore(join(folder, "state.db")).close()
  expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("*\n")
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test("a damaged or newer file is a clear error and stays as it is", async () => {
  const folder = testFolder()
  const broken = join(folder, "broken.db")
  writeFileSync(broken, "not a database, but long enough to be read as one ".repeat(100))
  const before = readFileSync(broken)
  expect(() => openStore(broken)).toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }))
  await expect(readStore(broken, (store) => store.load())).rejects.toThrowError(
    expect.objectContaining({ code: "STATE_CORRUPT" }),
  )
  expect(readFileSync(broken).equals(before)).toBe(true)

  const newer = join(folder, "newer.db")
  await openStore(newer).close()
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

test("what is no state file is never taken as new, written over, or waited for", async () => {
  const folder = testFolder()
  const at = (name: string, make: (path: string) => void): string => {
    make(join(folder, name))
    return join(folder, name)
  }
  const places = [
    at("empty.db", (path) => writeFileSync(path, "")),
    at("folder.db", (path) => mkdirSync(path)),
    at("pipe.db", (path) => execFileSync("mkfifo", [path])),
    at("dangling.db", (path) => symlinkSync(`${path}-nowhere`, path)),
    at("bare.db", (path) => {
      const database = new DatabaseSync(path)
      database.exec("create table t (x); drop table t")
      database.close()
    }),
    at("log-only.db", (path) => writeFileSync(`${path}-wal`, "all that was not yet in the file")),
  ]
  const before = readdirSync(folder)
  for (const file of places) {
    expect(() => openStore(file), file).toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }))
    await expect(
      readStore(file, (store) => store.load()),
      file,
    ).rejects.toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }))
  }
  expect(readdirSync(folder).filter((name) => name !== ".gitignore")).toEqual(before)
  expect(statSync(places[0] as string).size).toBe(0)
})

test("a first start that was cut off leaves nothing that looks damaged or new", async () => {
  const file = join(testFolder(), "state.db")
  for (const left of ["", "half a page"]) {
    writeFileSync(`${file}.new`, left)
    writeFileSync(`${file}.new-journal`, left)
    expect(await readStore(file, (store) => store.load())).toBeUndefined()
    await openStore(file).close()
    expect(readdirSync(join(file, "..")).sort()).toEqual([".gitignore", "state.db"])
    rmSync(file)
  }
})

/** All files of a folder with their bytes. */
function filesOf(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "latin1")]))
}

test("reading state writes nothing and leaves nothing: where there is none, closed, in use, and after a kill", async () => {
  const folder = testFolder()
  const file = join(folder, "state.db")
  const names = (): Promise<readonly string[] | undefined> =>
    readStore(file, async (store) => (await store.load()).rows.map((each) => each.address))
  expect(await names()).toBeUndefined()
  expect(filesOf(folder)).toEqual({})

  const store = openStore(file)
  const run = await store.beginRun({ id: "r", command: "apply", who: "me", startedAt: 1, keyId: undefined })
  await store.commit(run, { rows: [row("a")] })
  expect(await names()).toEqual(["test.thing[a]"])
  const killed = join(testFolder(), "state.db")
  for (const end of ["", "-wal", "-shm"]) copyFileSync(file + end, killed + end)
  await store.close()

  const closed = filesOf(folder)
  expect(await names()).toEqual(["test.thing[a]"])
  expect(filesOf(folder)).toEqual(closed)
  expect(Object.keys(closed).filter((name) => name !== ".gitignore")).toEqual(["state.db"])

  const left = filesOf(dirname(killed))
  expect((await readStore(killed, (each) => each.load()))?.rows).toHaveLength(1)
  expect(filesOf(dirname(killed))).toEqual(left)
})

test("what is read beside runs that begin and end is whole", async () => {
  const file = join(testFolder(), "state.db")
  const writer = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", STATE_WRITER, file, "200"], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  const gone = once(writer, "exit")
  onTestFinished(async () => {
    writer.stdin.end()
    await gone
  })
  await once(writer.stdout, "data")
  let last = 0
  for (const until = Date.now() + 15_000; last < 10 && Date.now() < until; ) {
    const values =
      (await readStore(file, async (store) =>
        (await store.load()).rows.map((each) => Number(JSON.parse(each.props).value)),
      )) ?? []
    expect(new Set(values).size, "one commit wrote them all").toBe(1)
    expect(values).toHaveLength(200)
    expect(values[0]).toBeGreaterThanOrEqual(last)
    last = values[0] as number
  }
  expect(last).toBeGreaterThanOrEqual(10)
})

test("one change writes the same few bytes into a store of 1,000 and of 100,000 rows", {
  timeout: 60_000,
}, async () => {
  const written: number[] = []
  for (const count of [1_000, 100_000]) {
    const file = join(testFolder(), `${count}.db`)
    const store = openStore(file)
    const run = await store.beginRun({ id: "r", command: "apply", who: "me", startedAt: 1, keyId: undefined })
    await store.commit(run, { rows: Array.from({ length: count }, (_, at) => row(`n${at}`)) })
    await store.close()
    written.push(await bytesPerChange(file, count))
  }
  const [small = 0, large = 0] = written
  expect(large).toBeLessThanOrEqual(16 * 1024)
  expect(large / small).toBeGreaterThan(0.9)
  expect(large / small).toBeLessThan(1.1)
})

/** Bytes that one change adds to the write-ahead log, over 200 changes spread over the store. */
async function bytesPerChange(file: string, count: number): Promise<number> {
  const changes = 200
  const store = openStore(file)
  const run = await store.beginRun({ id: "r2", command: "apply", who: "me", startedAt: 1, keyId: undefined })
  const begin = statSync(`${file}-wal`).size
  for (let at = 0; at < changes; at += 1) {
    const name = `n${(at * 7919) % count}`
    const [seq] = await store.commit(run, { intents: [intent(name)] })
    await store.commit(run, {
      results: [{ seq: seq as number, outcome: "done", endedAt: 2, closes: true }],
      rows: [row(name)],
    })
  }
  const bytes = (statSync(`${file}-wal`).size - begin) / changes
  await store.close()
  return bytes
}
