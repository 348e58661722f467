import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { CheckOutputs } from "../../src/program/check.ts"
import { type Database, sql } from "../../src/program/sql-probes.ts"
import type { DatabaseWorld } from "./database-world.ts"
import { canStartMariadb, MariadbWorld } from "./mariadb-world.ts"
import { canStartPostgres, PostgresWorld } from "./postgres-world.ts"
import { ask, atEnd, newFolder, openedSecret } from "./verify-support.ts"

/** What the contract needs of a database: a place for statements, and how it is asked. */
interface Asked {
  readonly database: Database
  make(text: string): Promise<void>
  /** How often a row is there, asked in another way. */
  count(table: string): Promise<number>
}

async function sqliteAsked(): Promise<Asked> {
  const path = join(await newFolder(), "shop.db")
  const database = new DatabaseSync(path)
  atEnd(() => database.close())
  return {
    database: { sqlite: path },
    make: async (text) => database.exec(text),
    count: async (table) => Number(database.prepare(`select count(*) as n from ${table}`).get()?.n),
  }
}

let made = 0

/** A database of its own for each test. */
async function serverAsked(world: DatabaseWorld): Promise<Asked> {
  made += 1
  const name = `shop_${made}`
  await world.admin(
    world.type === "postgres"
      ? `create database ${name} owner app`
      : `create database ${name} character set utf8mb4; grant all on ${name}.* to app@'%'`,
  )
  const url = openedSecret("DATABASE_URL", world.url({ database: name }))
  const set = world.type === "postgres" ? "set role app; " : ""
  return {
    database: { [world.type]: url } as unknown as Database,
    make: async (text) => void (await world.admin(`${set}${text}`, name)),
    count: async (table) => Number(await world.admin(`select count(*) from ${table}`, name)),
  }
}

const started: { postgres?: DatabaseWorld; mariadb?: DatabaseWorld } = {}
const can = { postgres: canStartPostgres(), mariadb: canStartMariadb() }

beforeAll(async () => {
  if (can.postgres) started.postgres = await PostgresWorld.start()
  if (can.mariadb) started.mariadb = await MariadbWorld.start()
}, 120_000)

afterAll(async () => {
  await started.postgres?.stop()
  await started.mariadb?.stop()
}, 60_000)

const ORDERS = "create table orders (id integer primary key, item varchar(40) not null, price numeric(8, 2))"
const FILL = `${ORDERS}; insert into orders values (1, 'tea', 2.50), (2, 'cup', 7)`

const KINDS = ["sqlite", "postgres", "mariadb"] as const

describe.each(KINDS)("%s", (kind) => {
  const asked = (): Promise<Asked> => (kind === "sqlite" ? sqliteAsked() : serverAsked(started[kind] as DatabaseWorld))
  const unless = kind !== "sqlite" && !can[kind]

  test.skipIf(unless)("rows and columns as expected and not, with parameters", async () => {
    const { database, make } = await asked()
    await make(FILL)
    const mark = kind === "postgres" ? "$1" : "?"
    const counts = await ask(
      sql.query(database, "select count(*) as n, sum(price) as price from orders", { first: { n: 2, price: 9.5 } }),
    )
    expect(counts).toMatchObject({ verdict: "yes", measured: { rows: 1 } })
    expect(counts.evidence).toMatch(/^1 row, the first \{"n":2,"price":9.5\}$/)
    expect(
      await ask(sql.query(database, "select count(*) as n from orders", { first: { n: { min: 3 } } })),
    ).toMatchObject({
      verdict: "no",
      evidence: "in the first row, n is 2, expected at least 3",
    })
    const named = sql.query(database, `select * from orders where item = ${mark}`, { params: ["tea"], rows: 1 })
    expect(await ask(named)).toMatchObject({ verdict: "yes" })
    expect(await ask(sql.query(database, "select * from orders where id < 0"))).toMatchObject({
      verdict: "no",
      evidence: "the number of rows is 0, expected at least 1",
    })
    expect(await ask(sql.query(database, "select id from orders order by id", { rows: { max: 1 } }))).toMatchObject({
      verdict: "no",
    })
  })

  test.skipIf(unless)("no such table and no such column are a no; a wrong statement is inconclusive", async () => {
    const { database, make } = await asked()
    await make(FILL)
    for (const query of ["select * from nowhere", "select absent from orders"])
      expect(await ask(sql.query(database, query)), query).toMatchObject({ verdict: "no" })
    for (const query of ["select from from", "selekt 1", "delete from orders", "select 1; select 2"])
      expect(await ask(sql.query(database, query)), query).toMatchObject({ verdict: "inconclusive" })
  })

  test.skipIf(unless)("a query reads: what would write is refused, and writes nothing", async () => {
    const { database, make, count } = await asked()
    await make(FILL)
    const writes = [
      "insert into orders values (9, 'x', 1)",
      "with d as (delete from orders returning *) select * from d",
      "explain analyze delete from orders",
      "select * from orders into outfile '/tmp/fettle-never'",
    ]
    for (const query of writes) {
      const answer = await ask(sql.query(database, query))
      expect(answer.verdict === "inconclusive" || kind === "sqlite", `${query}: ${answer.evidence}`).toBe(true)
    }
    expect(await count("orders")).toBe(2)
  })

  test.skipIf(unless)("a row is written, read back and rolled back: nothing stays", async () => {
    const { database, make, count } = await asked()
    await make(FILL)
    for (const row of [
      { id: 77, item: "probe", price: 1.5 },
      { id: 78, item: 'it\'s "é"', price: null },
      { id: 79, item: "x", price: "2.5" },
    ]) {
      const answer = await ask(sql.writeAndReadBack(database, { table: "orders", row }))
      expect(answer, answer.evidence).toMatchObject({
        verdict: "yes",
        evidence: expect.stringMatching(/^a row was written to orders, read back and rolled back in \d+ ms$/),
      })
    }
    expect(await count("orders")).toBe(2)
  })

  test.skipIf(unless)("what a database refuses, or makes of a row, is told", async () => {
    const { database, make, count } = await asked()
    await make(FILL)
    const written = (row: Record<string, unknown>, table = "orders"): Promise<CheckOutputs> =>
      ask(sql.writeAndReadBack(database, { table, row }))
    expect(await written({ id: 1, item: "twice" })).toMatchObject({ verdict: "no" })
    expect(await written({ id: 5, item: null })).toMatchObject({ verdict: "no" })
    expect(await written({ id: 5, colour: "red" })).toMatchObject({ verdict: "no" })
    expect(await written({ id: 5 }, "nowhere")).toMatchObject({ verdict: "no" })
    expect(await written({ id: 5, item: () => 1 })).toMatchObject({ verdict: "inconclusive" })
    if (kind !== "sqlite")
      expect(await written({ id: 5, item: "x", price: 1.234 })).toMatchObject({
        verdict: "no",
        evidence: expect.stringMatching(/read back with another price \(.*1\.23/),
      })
    expect(await count("orders")).toBe(2)
  })

  test.skipIf(unless)(
    "a table without a key, with an own counter, with triggers, with a name that needs quotes",
    async () => {
      const { database, make, count } = await asked()
      const counter = {
        sqlite: "integer primary key autoincrement",
        postgres: "serial primary key",
        mariadb: "integer auto_increment primary key",
      }
      const quote = kind === "mariadb" ? "`" : '"'
      const odd = `${quote}odd name; drop${quote}`
      await make(`create table plain (a integer, b varchar(9)); insert into plain values (1, 'x');
      create table counted (id ${counter[kind]}, item varchar(9));
      create table ${odd} (${quote}select${quote} integer); create table audit (n integer)`)
      await make(
        {
          sqlite: "create trigger audited after insert on counted begin insert into audit values (1); end",
          postgres: `create function note() returns trigger language plpgsql as 'begin insert into audit values (1); return new; end';
          create trigger audited after insert on counted for each row execute function note()`,
          mariadb: "create trigger audited after insert on counted for each row insert into audit values (1)",
        }[kind],
      )
      expect(await ask(sql.writeAndReadBack(database, { table: "plain", row: { a: 1, b: "x" } }))).toMatchObject({
        verdict: "yes",
      })
      expect(await ask(sql.writeAndReadBack(database, { table: "counted", row: { item: "x" } }))).toMatchObject({
        verdict: "yes",
        evidence: expect.stringMatching(/rolled back in \d+ ms; triggers ran, too: audited$/),
      })
      expect(await ask(sql.writeAndReadBack(database, { table: "odd name; drop", row: { select: 1 } }))).toMatchObject({
        verdict: "yes",
      })
      for (const [table, rows] of [
        ["plain", 1],
        ["counted", 0],
        ["audit", 0],
        [odd, 0],
      ] as const)
        expect(await count(table), table).toBe(rows)
    },
  )

  test.skipIf(unless)("migrations that have run, that wait, that failed and that were edited", async () => {
    const { database, make } = await asked()
    const folder = await newFolder()
    const put = async (name: string, text = "select 1;\n"): Promise<void> => {
      await mkdir(join(folder, name, ".."), { recursive: true })
      await writeFile(join(folder, name), text)
    }
    const migrated = (table?: string): Promise<CheckOutputs> =>
      ask(sql.migrated(database, table === undefined ? { folder } : { folder, table }))
    expect(await migrated()).toMatchObject({
      verdict: "no",
      evidence: expect.stringContaining("no table of migrations"),
    })
    await put("V1__orders.sql")
    await put("V2__more.sql")
    const boolean = kind === "postgres" ? "true" : "1"
    await make(`create table flyway_schema_history (installed_rank integer, version varchar(50), description varchar(200),
      type varchar(20), script varchar(1000), checksum integer, installed_by varchar(100), success ${kind === "postgres" ? "boolean" : "integer"})`)
    const ran = (rank: number, version: string, ok = boolean): string =>
      `insert into flyway_schema_history values (${rank}, '${version}', 'x', 'SQL', 'V${version}__x.sql', 1, 'app', ${ok})`
    await make(ran(1, "1"))
    expect(await migrated()).toMatchObject({
      verdict: "no",
      evidence: "flyway_schema_history: 1 of 2 have not run: V2__more.sql",
      measured: { pending: 1, tool: "Flyway" },
    })
    await make(ran(2, "2", kind === "postgres" ? "false" : "0"))
    expect(await migrated()).toMatchObject({ verdict: "no", evidence: expect.stringContaining("V2__x.sql failed") })
    await make(ran(3, "2"))
    expect(await migrated()).toMatchObject({
      verdict: "yes",
      evidence: "flyway_schema_history: all 2 migrations have run",
    })
    await make("create table schema_migrations (version bigint, dirty boolean)")
    expect(await migrated()).toMatchObject({ verdict: "inconclusive", evidence: expect.stringContaining("several") })
    await put("1_a.up.sql")
    await put("2_b.up.sql")
    await make("insert into schema_migrations values (2, true)")
    expect(await migrated("schema_migrations")).toMatchObject({
      verdict: "no",
      evidence: "schema_migrations: version 2 is dirty",
    })
    await make("update schema_migrations set dirty = false")
    expect(await migrated("schema_migrations")).toMatchObject({ verdict: "yes" })
    expect(await ask(sql.migrated(database, { names: ["1_a", "3_c"], table: "schema_migrations" }))).toMatchObject({
      evidence: "schema_migrations: 1 of 2 have not run: 3_c",
    })
    expect(await migrated("orders")).toMatchObject({ verdict: "no", evidence: "there is no table orders" })
  })

  test.skipIf(unless)("a lock that somebody holds ends the question in time", async () => {
    const { database, make } = await asked()
    await make(FILL)
    const free = await holdLock(kind, database)
    const answer = await ask(
      sql.writeAndReadBack(database, { table: "orders", row: { id: 1_000, item: "x" } }, { busyTimeoutMs: 300 }),
    )
    expect(answer, answer.evidence).toMatchObject({
      verdict: "no",
      evidence: expect.stringContaining("stayed locked for"),
    })
    await free()
    expect(await ask(sql.writeAndReadBack(database, { table: "orders", row: { id: 1_000, item: "x" } }))).toMatchObject(
      {
        verdict: "yes",
      },
    )
  })
})

/** Locks the table in a session of its own; gives what frees it. */
async function holdLock(kind: (typeof KINDS)[number], database: Database): Promise<() => Promise<void>> {
  if (kind === "sqlite") {
    const other = new DatabaseSync((database as { sqlite: string }).sqlite)
    other.exec("begin immediate")
    return async () => other.close()
  }
  const { Secret } = await import("../../src/secrets/secret.ts")
  const secret = Object.values(database)[0] as InstanceType<typeof Secret>
  const url = String(Secret.opened(secret)?.value)
  if (kind === "postgres") {
    const { default: pg } = await import("pg")
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query("begin; lock table orders in exclusive mode")
    return () => client.end()
  }
  const { default: mysql } = await import("mysql2/promise")
  const client = await mysql.createConnection(url)
  await client.query("lock tables orders write")
  return () => client.end()
}
