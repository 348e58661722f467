import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, onTestFailed, onTestFinished, test } from "vitest"
import type { Address } from "../../src/program/address.ts"
import type { Key, Seen, Write } from "../../src/provider.ts"
import { migrations } from "../../src/providers/sqlite/migrations.ts"

let folder: string
let database: string
let directory: string
const told: string[] = []
let isKept = false
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fettle-sqlite-"))
  database = join(folder, "orders.db")
  directory = join(folder, "migrations")
  mkdirSync(directory)
  told.length = 0
  isKept = false
  onTestFailed(() => {
    isKept = true
    console.error(`left for you to look at: ${folder}`)
  })
})
afterEach(() => {
  if (!isKept) rmSync(folder, { recursive: true, force: true })
})

type Want = ReturnType<typeof wanted>
type State = Seen<{ database: string; applied: number; version: string; checksum: string }>

function wanted(more: Record<string, unknown> = {}) {
  return migrations.props.parse({ database, directory, ...more })
}

function write(name: string, sql: string): void {
  writeFileSync(join(directory, name), sql)
}

const address = "sqlite.migrations[schema]" as Address

async function read(want: Want | undefined = wanted(), more: Partial<Key<never, never>> = {}): Promise<State> {
  const key = { address, id: database, ...(want === undefined ? {} : { want }), ...more }
  const call = {
    connection: undefined,
    signal: new AbortController().signal,
    seal: String,
    secret: () => undefined as never,
  }
  return (await migrations.read([key as never], call)).get(address) as State
}

function callOf(signal: AbortSignal = new AbortController().signal, token = "token-1"): Write<unknown> {
  const never = () => undefined as never
  const log = (text: string) => void told.push(text)
  return {
    connection: undefined,
    signal,
    address,
    intent: { token, repeated: false },
    seal: String,
    secret: never,
    reveal: never,
    progress: async () => {},
    log,
  }
}

async function apply(want = wanted(), call = callOf()) {
  const seen = await read(want)
  if ("failed" in seen) throw seen.failed
  return migrations.ensure(want, seen, migrations.plan(want, seen, undefined), call)
}

function rows(sql: string): readonly unknown[] {
  const opened = new DatabaseSync(database, { readOnly: true })
  try {
    return opened
      .prepare(sql)
      .all()
      .map((row) => Object.values(row)[0])
  } finally {
    opened.close()
  }
}

const tables = "select name from sqlite_schema where type = 'table' and name <> 'fettle_migrations' order by name"
const ran = "select name from fettle_migrations order by name"

/** Every file under the folder with the hash of what it holds. */
function prints(): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(parentPath, name)))
        .digest("hex"),
    ]),
  )
}

describe("a life", () => {
  test("made, as wanted, one more, deleted", async () => {
    write("0001_orders.sql", "create table orders (id integer primary key);")
    write("README.md", "not a migration")
    expect(await read()).toMatchObject({ absent: true })
    expect(existsSync(database)).toBe(false)
    const outputs = await apply()
    expect(outputs).toMatchObject({
      database,
      applied: 1,
      version: "0001_orders.sql",
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(statSync(database).mode & 0o777).toBe(0o600)
    expect(told).toEqual(["runs 0001_orders.sql"])
    const seen = await read()
    expect(seen).toMatchObject({ outputs, id: database, mark: "token-1" })
    expect(migrations.plan(wanted(), seen, undefined)).toEqual({ action: "none" })
    write("0002_products.sql", "create table products (sku text);\ncreate index p on products (sku);")
    expect(migrations.plan(wanted(), await read(), undefined)).toMatchObject({
      action: "update",
      text: "+0002_products.sql",
    })
    expect(await apply()).toMatchObject({ applied: 2, version: "0002_products.sql" })
    expect(rows(tables)).toEqual(["orders", "products"])
    expect(rows("select applied_at from fettle_migrations where name like '0001%'")[0]).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
    const last = { props: wanted(), outputs: await apply() }
    await migrations.delete(seen, last, callOf())
    expect(existsSync(database)).toBe(true)
    const dropping = { ...last, props: wanted({ dropOnDelete: true }) }
    for (const _ of [1, 2]) await migrations.delete(seen, dropping, callOf())
    expect(readdirSync(folder)).toEqual(["migrations"])
  })

  test("without the program, what state remembers is enough to read", async () => {
    write("0001_a.sql", "create table a (x)")
    await apply()
    rmSync(directory, { recursive: true })
    expect(await read(undefined)).toMatchObject({ outputs: { applied: 1, version: "0001_a.sql" } })
  })

  test("inline migrations, and no migration at all", async () => {
    const inline = { directory: undefined, migrations: [{ name: "0001_a", sql: "create table a (x)" }] }
    const want = migrations.props.parse({ database, ...inline })
    expect(await apply(want)).toEqual(migrations.predict?.(want))
    rmSync(database)
    expect(await apply()).toMatchObject({ applied: 0, version: "" })
    expect(await read()).toMatchObject({ outputs: { applied: 0 } })
  })

  test("300 migrations run in order", async () => {
    for (let i = 1; i <= 300; i++)
      write(
        `${String(i).padStart(4, "0")}_t.sql`,
        i === 1 ? "create table t (n)" : `insert into t select ${i} where (select count(*) from t) = ${i - 2}`,
      )
    expect(await apply()).toMatchObject({ applied: 300 })
    expect(rows("select count(*) from t")).toEqual([299])
  })

  test("a database that somebody else made is present, with nothing of ours", async () => {
    new DatabaseSync(database).exec("create table theirs (x)")
    write("0001_a.sql", "create table a (x)")
    const seen = await read()
    expect(seen).toMatchObject({ outputs: { applied: 0, version: "" } })
    expect(seen).not.toHaveProperty("mark")
  })

  test("an empty file is an absent schema, whatever its mode", async () => {
    writeFileSync(database, "")
    chmodSync(database, 0o640)
    write("0001_a.sql", "create table a (x)")
    expect(await read()).toMatchObject({ absent: true })
    await apply()
    expect(statSync(database).mode & 0o777).toBe(0o640)
  })
})

describe("what is refused", () => {
  test.each([
    ["a syntax error", "creat table b (x)", /^0002_b\.sql: near "creat": syntax error$/],
    [
      "an error after much work",
      "create table b (x); insert into b values (1); insert into nowhere values (1)",
      /^0002_b\.sql: no such table: nowhere$/,
    ],
    ["a commit", "create table b (x);\ncommit;\ncreat", /^0002_b\.sql:2: COMMIT: a migration runs in one transaction/],
    [
      "a pragma that needs none",
      "pragma journal_mode = wal; create table b (x)",
      /cannot change into wal mode from within a transaction/,
    ],
    [
      "rows that point to nothing",
      "pragma foreign_keys = on; create table b (x references a (x)); insert into b values (77)",
      /leaves 1 rows of b that point to nothing/,
    ],
    ["vacuum", "vacuum", /cannot VACUUM from within a transaction/],
    ["its own record", "insert into fettle_migrations values ('0002_b.sql', '', '', '')", /UNIQUE constraint failed/],
  ])("%s rolls back, and what ran before stays", async (_, sql, words) => {
    write("0001_a.sql", "create table a (x primary key)")
    write("0002_b.sql", sql)
    await expect(apply()).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      fact: expect.stringMatching(words),
      details: { notMade: false },
    })
    expect(rows(tables)).toEqual(["a"])
    expect(rows(ran)).toEqual(["0001_a.sql"])
    write("0002_b.sql", "create table b (x)")
    expect(await apply()).toMatchObject({ applied: 2 })
  })

  test("the first one fails: nothing is there, and it was not made", async () => {
    write("0001_a.sql", "create table a (x); nonsense")
    await expect(apply()).rejects.toMatchObject({ code: "MIGRATION_FAILED", details: { notMade: true } })
    expect(await read()).toMatchObject({ absent: true })
  })

  test.each([
    ["edited", () => write("0001_a.sql", "create table a (x, y)"), "MIGRATION_EDITED"],
    ["gone", () => rmSync(join(directory, "0001_a.sql")), "MIGRATION_EDITED"],
    ["with a twin", () => cpSync(join(directory, "0001_a.sql"), join(directory, "0001_b.sql")), "MIGRATION_ORDER"],
    ["renamed", () => renameSync(join(directory, "0001_a.sql"), join(directory, "0001_b.sql")), "MIGRATION_EDITED"],
    ["inserted before", () => write("0000_z.sql", "select 1"), "MIGRATION_ORDER"],
  ])("an old migration %s stops the plan and the apply", async (_, edit, code) => {
    write("0001_a.sql", "create table a (x)")
    await apply()
    const before = await read()
    edit()
    const planned = read().then((seen) => {
      if ("failed" in seen) throw seen.failed
      return migrations.plan(wanted(), seen, undefined)
    })
    await expect(planned).rejects.toMatchObject({ code })
    await expect(migrations.ensure(wanted(), before, { action: "none" }, callOf())).rejects.toMatchObject({ code })
    expect(rows(tables)).toEqual(["a"])
  })

  describe("what was approved is what runs", () => {
    const planned = async () => {
      const seen = await read()
      return { seen, change: migrations.plan(wanted(), seen, undefined) }
    }
    const run = async ({ seen, change }: Awaited<ReturnType<typeof planned>>) =>
      migrations.ensure(wanted(), seen, change, callOf())

    beforeEach(async () => {
      write("0001_a.sql", "create table a (x)")
      await apply()
      write("0003_c.sql", "create table c (x)")
    })

    test.each([
      ["edited", () => write("0003_c.sql", "drop table a"), /0003_c.sql was edited/],
      ["removed", () => rmSync(join(directory, "0003_c.sql")), /0003_c.sql was edited, or is gone/],
      ["to run after one that has come", () => write("0002_b.sql", "drop table a"), /0002_b.sql has come since/],
    ])("a planned migration that is %s meanwhile does not run", async (_, edit, words) => {
      const plan = await planned()
      edit()
      const stale = { code: "STALE", fact: expect.stringMatching(words), details: { notMade: true } }
      await expect(run(plan)).rejects.toMatchObject(stale)
      expect(rows(tables)).toEqual(["a"])
    })

    test("one that has come since waits for the next plan", async () => {
      const plan = await planned()
      write("0004_d.sql", "drop table a")
      expect(await run(plan)).toMatchObject({ applied: 2, version: "0003_c.sql" })
      expect(rows(tables)).toEqual(["a", "c"])
      expect((await planned()).change).toMatchObject({ because: "1 migration to run: 0004_d.sql" })
    })
  })

  test.each([
    ["a NUL", Buffer.from("create table b (x);\0drop table a;"), "holds a NUL"],
    ["Latin-1", Buffer.from("insert into a values ('caf\xe9')", "latin1"), "not UTF-8"],
    ["half a character", Buffer.from([...Buffer.from("-- "), 0xe2, 0x98]), "not UTF-8"],
  ])("a migration with %s is refused, and nothing of it runs", async (_, bytes, words) => {
    write("0001_a.sql", "create table a (x)")
    await apply()
    writeFileSync(join(directory, "0002_b.sql"), bytes)
    expect(await read()).toMatchObject({
      failed: { code: "MIGRATION_FILE", fact: expect.stringContaining(`0002_b.sql`) },
    })
    await expect(apply()).rejects.toMatchObject({ fact: expect.stringContaining(words) })
    expect(rows(tables)).toEqual(["a"])
  })

  test.each(["0002_b.SQL", "0002_b.Sql"])("%s is refused, not passed over", async (name) => {
    write("0001_a.sql", "create table a (x)")
    write(name, "create table b (x)")
    expect(await read()).toMatchObject({ failed: { code: "MIGRATION_FILE", fact: expect.stringContaining(name) } })
  })

  test("a byte order mark changes nothing", async () => {
    write("0001_a.sql", "\ufeffcreate table a (x)")
    await apply()
    expect(rows(tables)).toEqual(["a"])
  })

  test("a rebuilt table keeps the rows that point to it", async () => {
    write(
      "0001_a.sql",
      "create table a (id primary key); create table b (a references a (id) on delete cascade); insert into a values (1); insert into b values (1)",
    )
    write(
      "0002_b.sql",
      "create table a2 (id primary key, more); insert into a2 select id, null from a; drop table a; alter table a2 rename to a",
    )
    await apply()
    expect(rows("select count(*) from b")).toEqual([1])
  })

  test.each([
    [
      "not a database",
      () => writeFileSync(database, "this is a text and no database at all\n".repeat(100)),
      /file is not a database/,
    ],
    ["a directory", () => mkdirSync(database), /is a directory/],
  ])("%s is an error, never absence", async (_, make, words) => {
    make()
    expect(await read()).toMatchObject({ failed: { code: "READ_FAILED", fact: expect.stringMatching(words) } })
  })

  test("a folder that is not there is named", async () => {
    write("0001_a.sql", "create table a (x)")
    const want = wanted({ database: join(folder, "nowhere", "a.db") })
    await expect(migrations.ensure(want, { absent: true }, { action: "create" }, callOf())).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      fact: expect.stringContaining("nowhere"),
      details: { notMade: true },
    })
  })

  test("a directory of migrations that is not there may still come", async () => {
    rmSync(directory, { recursive: true })
    expect(migrations.plan(wanted(), await read(), undefined)).toMatchObject({ action: "create" })
    await expect(apply()).rejects.toMatchObject({ code: "READ_FAILED", details: { notMade: true } })
    expect(existsSync(database)).toBe(false)
  })
})

test.each([
  "0001_'; drop table a; --.sql",
  "0002_\n\u001b[2J\u202e.sql",
  "0003_ü ✓ %00.sql",
  "0004_$(reboot).sql",
  '0005_".sql',
])("the name %j is only a name", async (name) => {
  write(name, "create table if not exists a (x)")
  expect(await apply()).toMatchObject({ applied: 1, version: name })
  expect(rows(ran)).toEqual([name])
  expect(told.join("")).not.toMatch(/\p{C}/u)
})

describe("reading leaves everything as it is", () => {
  test.each(["delete", "wal"])("a database in journal mode %s", async (mode) => {
    write("0001_a.sql", "create table a (x)")
    await apply()
    const service = new DatabaseSync(database)
    service.exec(`pragma journal_mode = ${mode}; insert into a values (1)`)
    const open = prints()
    expect(await read()).toMatchObject({ outputs: { applied: 1 } })
    if (mode === "delete") expect(prints()).toEqual(open)
    service.close()
    const closed = prints()
    expect(await read()).toMatchObject({ outputs: { applied: 1 } })
    expect(prints()).toEqual(closed)
  })
})

describe("others have the database open", () => {
  test.each(["delete", "wal"])(
    "a service that writes all the time (journal mode %s) is waited for",
    { timeout: 60_000 },
    async (mode) => {
      write("0001_a.sql", "create table a (x)")
      await apply()
      const service = spawn(process.execPath, ["-e", writer(mode)], { stdio: ["ignore", "pipe", "inherit"] })
      onTestFinished(() => void service.kill("SIGKILL"))
      await once(service.stdout, "data")
      write("0002_b.sql", "create table b (x); insert into b select count(*) from a")
      expect(await apply()).toMatchObject({ applied: 2 })
      expect(await read()).toMatchObject({ outputs: { applied: 2 } })
      service.kill("SIGKILL")
      await once(service, "exit")
      expect(await read()).toMatchObject({ outputs: { applied: 2 } })
    },
  )

  const writer = (mode: string) => `
    const { DatabaseSync } = require("node:sqlite")
    const d = new DatabaseSync(${JSON.stringify(database)})
    d.exec("pragma busy_timeout = 5000; pragma journal_mode = ${mode}")
    console.log("up")
    setInterval(() => d.exec("insert into a values (1)"), 10)`

  test("a lock that is never given up ends with its time and its name", async () => {
    write("0001_a.sql", "create table a (x)")
    await apply()
    const holder = new DatabaseSync(database)
    holder.exec("begin immediate")
    write("0002_b.sql", "create table b (x)")
    await expect(apply(wanted({ busyTimeoutMs: 200 }))).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      fact: expect.stringContaining("held it for 200 ms"),
      next: expect.stringContaining("end what holds the database"),
      details: { notMade: true },
    })
    holder.exec("rollback")
    expect(await apply()).toMatchObject({ applied: 2 })
  })

  test("five at once: each migration runs once", async () => {
    for (let i = 1; i <= 20; i++)
      write(`${String(i).padStart(4, "0")}_t.sql`, i === 1 ? "create table t (n)" : `insert into t values (${i})`)
    const seen = await read()
    const all = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        migrations.ensure(wanted(), seen, { action: "create" }, callOf(undefined, `run-${i}`)),
      ),
    )
    for (const each of all) expect(each).toMatchObject({ applied: 20, version: "0020_t.sql" })
    expect(rows("select count(*) from t")).toEqual([19])
    expect(told.length).toBe(20)
  })
})

describe("killed in the middle of a long migration", () => {
  const long =
    "create table big (x); insert into big with recursive c (n) as (select 1 union all select n + 1 from c where n < 30000000) select n from c"

  async function begun(): Promise<void> {
    while (!told.includes("runs 0002_big.sql")) await sleep(5)
    await sleep(400) // deep inside: its journal is on disk
  }

  test("the run is cancelled: it ends at once, nothing is half done, and the next run goes on", async () => {
    write("0001_a.sql", "create table a (x)")
    write("0002_big.sql", long)
    const controller = new AbortController()
    const applying = apply(wanted(), callOf(controller.signal)).catch((error) => error)
    await begun()
    const startedMs = performance.now()
    controller.abort()
    expect(await applying).toMatchObject({ code: "CHANGE_FAILED", fact: expect.stringContaining("SIGKILL") })
    expect(performance.now() - startedMs).toBeLessThan(2_000)
    expect(await read()).toMatchObject({ outputs: { applied: 1, version: "0001_a.sql" } })
    expect(rows(tables)).toEqual(["a"])
    expect(rows("pragma integrity_check")).toEqual(["ok"])
    write("0002_big.sql", "create table big (x)")
    expect(await apply()).toMatchObject({ applied: 2 })
  })

  test("kill -9 of the whole run: nothing is half done, and the next run goes on", { timeout: 60_000 }, async () => {
    write("0001_a.sql", "create table a (x)")
    write("0002_big.sql", long.replace("30000000", "3000000"))
    write("0003_c.sql", "create table c (x)")
    const run = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "--input-type=module-typescript", "-e", runner()],
      { stdio: ["ignore", "pipe", "inherit"] },
    )
    run.stdout.on("data", (text) => told.push(String(text).trim()))
    await begun()
    run.kill("SIGKILL")
    await once(run, "exit")
    const seen = await read() // while the orphan may still work: either answer is whole
    expect(seen).toMatchObject({ outputs: { applied: expect.any(Number) } })
    expect(await apply()).toMatchObject({ applied: 3 })
    expect(rows("select count(*) from big")).toEqual([3_000_000])
    expect(rows(ran)).toEqual(["0001_a.sql", "0002_big.sql", "0003_c.sql"])
    expect(rows("pragma integrity_check")).toEqual(["ok"])
  })

  const runner = () => `
    import { migrations } from ${JSON.stringify(new URL("../../src/providers/sqlite/migrations.ts", import.meta.url).href)}
    const call = { signal: new AbortController().signal, intent: { token: "dead" }, log: (text) => console.log(text) }
    await migrations.ensure(migrations.props.parse(${JSON.stringify({ database, directory })}), { absent: true }, { action: "create" }, call)`
})

test("a disk that is full rolls back", async () => {
  write("0001_a.sql", "create table a (x)")
  write("0002_big.sql", "pragma max_page_count = 20; create table big (x); insert into big values (zeroblob(1000000))")
  await expect(apply()).rejects.toMatchObject({ code: "MIGRATION_FAILED", fact: expect.stringContaining("full") })
  expect(rows(tables)).toEqual(["a"])
})
