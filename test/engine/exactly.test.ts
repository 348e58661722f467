import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { program, resource } from "fettle"
import * as sqlite from "fettle/sqlite"
import { expect, test } from "vitest"
import { localSetup } from "../../src/run/local.ts"
import { applyProgram } from "../../src/run/run.ts"
import { runsIn, testFolder } from "../support/runs.ts"

/** Longer than an observation counts as fresh, so that an apply looks again. */
const OLD_MS = 5_200

function world() {
  const folder = testFolder()
  const database = join(folder, "a.db")
  const directory = join(folder, "migrations")
  mkdirSync(directory)
  const write = (name: string, sql: string): void => writeFileSync(join(directory, name), sql)
  write("0001_a.sql", "create table a (x)")
  const schema = program("schema", {}, () => void resource(sqlite.migrations, "schema", { database, directory }))
  const tables = (): unknown => new DatabaseSync(database).prepare("select name from sqlite_schema order by 1").all()
  return { folder, schema, write, tables }
}

test("a saved plan does not run a migration that was edited after it was approved", async () => {
  const { folder, schema, write } = world()
  const { plan, apply } = runsIn(folder)
  const saved = await plan(schema, { bound: true })
  write("0001_a.sql", "drop table customers")
  expect((await apply(schema, {}, JSON.parse(JSON.stringify(saved.plan)))).error).toMatchObject({
    code: "PLAN_STALE",
    details: { moved: ["world"] },
  })
  write("0001_a.sql", "create table a (x)")
  expect((await apply(schema, {}, JSON.parse(JSON.stringify(saved.plan)))).exitCode).toBe(0)
})

test("what was edited while a person read the plan does not run, and what has come waits", async () => {
  const { folder, schema, write, tables } = world()
  const run = (meanwhile: () => void) =>
    applyProgram(localSetup(schema, { folder, env: { PATH: process.env.PATH, HOME: folder } }), {}, async () => {
      meanwhile()
      await sleep(OLD_MS)
      return true
    })
  const edited = await run(() => write("0001_a.sql", "create table b (x)"))
  expect(edited.applied?.outcomes).toMatchObject([{ outcome: "failed", error: { code: "STALE" } }])
  const come = await run(() => write("0002_c.sql", "create table c (x)"))
  expect(come.exitCode).toBe(0)
  expect(JSON.stringify(tables())).toContain('"b"')
  expect(JSON.stringify(tables())).not.toContain('"c"')
})
