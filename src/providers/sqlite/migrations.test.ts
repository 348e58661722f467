import { describe, expect, test } from "vitest"
import type { FettleError } from "../../errors.ts"
import { byNumber, inOrder, migration, pendingOf, schemaOf } from "./migration.ts"
import { migrations } from "./migrations.ts"
import { transactionIn } from "./script.ts"

const step = (name: string, sql = `create table t_${name.length} (x)`) => migration(name, sql)
const done = (...names: readonly string[]) => names.map((name) => ({ name, checksum: step(name).checksum }))

function codeOf(run: () => unknown): string {
  try {
    return JSON.stringify(run())
  } catch (thrown) {
    return `${(thrown as FettleError).code}: ${(thrown as FettleError).fact}`
  }
}

describe("what is still to run", () => {
  test.each([
    ["nothing wanted", [], [], "[]"],
    ["all, in a new database", done("0001_a", "0002_b"), [], '["0001_a","0002_b"]'],
    ["nothing", done("0001_a"), done("0001_a"), "[]"],
    ["the new ones", done("0001_a", "0002_b", "0010_c"), done("0001_a"), '["0002_b","0010_c"]'],
    ["gone", done("0002_b"), done("0001_a"), "MIGRATION_EDITED: 0001_a has run and is gone"],
    [
      "edited",
      done("0001_a"),
      [{ name: "0001_a", checksum: "other" }],
      "MIGRATION_EDITED: 0001_a has run and was edited since",
    ],
    [
      "before what has run",
      done("0001_a", "0002_b", "0003_c"),
      done("0001_a", "0003_c"),
      "MIGRATION_ORDER: 0002_b is new and stands before 0003_c, which has run",
    ],
    ["numbers, not texts", done("9_a", "10_b"), done("9_a"), '["10_b"]'],
    [
      "a hostile name is quoted",
      [],
      [{ name: "1_\n\u001b[2J", checksum: "" }],
      'MIGRATION_EDITED: "1_\\n\\u001b[2J" has run and is gone',
    ],
  ])("%s", (_, wanted, applied, gives) => {
    expect(codeOf(() => pendingOf(wanted, applied))).toBe(gives)
  })

  test.each([
    ["numbers decide", ["10_b", "9_a", "20260101120000_c"], '["9_a","10_b","20260101120000_c"]'],
    [
      "numbers of any length",
      ["99999999999999999999_b", "99999999999999999998_a"],
      '["99999999999999999998_a","99999999999999999999_b"]',
    ],
    ["a number twice", ["0001_a", "1_b"], "MIGRATION_ORDER: two migrations have the number of 1_b"],
    ["no number", ["0001_a", "b"], "MIGRATION_ORDER: b has no number in front, as in 0001_orders.sql"],
    ["no name", ["0001_"], "MIGRATION_ORDER: 0001_ has no number in front, as in 0001_orders.sql"],
  ])("order: %s", (_, names, gives) => {
    expect(codeOf(() => inOrder(names.map((name) => step(name))).map(({ name }) => name))).toBe(gives)
  })

  test("line ends do not count, all else does", () => {
    expect(migration("1_a", "create\r\ntable").checksum).toBe(migration("1_a", "create\ntable").checksum)
    expect(migration("1_a", "create table").checksum).not.toBe(migration("1_a", "create  table").checksum)
  })

  test("what has no number stands last", () => {
    expect([{ name: "x" }, { name: "2_b" }, { name: "1_a" }].toSorted(byNumber).map(({ name }) => name)).toEqual([
      "1_a",
      "2_b",
      "x",
    ])
  })
})

describe("plan", () => {
  const want = migrations.props.parse({ database: "/srv/a.db", directory: "/srv/migrations" })
  const present = (wanted: unknown, applied: readonly { name: string; checksum: string }[]) => ({
    outputs: schemaOf("/srv/a.db", applied),
    shown: { wanted, applied } as never,
  })

  test.each([
    [
      "absent",
      { absent: true, shown: { wanted: done("0001_a", "0002_b"), applied: [] } },
      { action: "create", because: "2 migrations to run: 0001_a, 0002_b", text: "+0001_a\n+0002_b" },
    ],
    [
      "absent, and the directory too",
      { absent: true, shown: { wanted: null, applied: [] } },
      { action: "create", because: "the directory of the migrations is not there yet" },
    ],
    ["all have run", present(done("0001_a"), done("0001_a")), { action: "none" }],
    [
      "one has not",
      present(done("0001_a", "0002_b"), done("0001_a")),
      { action: "update", props: [], because: "1 migration to run: 0002_b", text: "+0002_b" },
    ],
    [
      "five have not",
      present(done("1_a", "2_a", "3_a", "4_a", "5_a"), []),
      { action: "update", because: "5 migrations to run: 1_a, 2_a, 3_a, and 2 more" },
    ],
  ])("%s", (_, seen, gives) => {
    expect(migrations.plan(want, seen as never, undefined)).toMatchObject(gives)
  })

  test.each([
    ["edited", present([{ name: "0001_a", checksum: "new" }], done("0001_a")), "MIGRATION_EDITED"],
    ["gone", present([], done("0001_a")), "MIGRATION_EDITED"],
    ["the directory is gone", present(null, done("0001_a")), "MIGRATION_EDITED"],
  ])("%s", (_, seen, code) => {
    expect(codeOf(() => migrations.plan(want, seen, undefined))).toContain(code)
  })

  test("inline migrations are known before anything is read", () => {
    const inline = migrations.props.parse({ database: "/srv/a.db", migrations: [{ name: "0001_a", sql: "select 1" }] })
    expect(migrations.plan(inline, { absent: true }, undefined)).toMatchObject({ action: "create", text: "+0001_a" })
    expect(migrations.predict?.(inline)).toMatchObject({ database: "/srv/a.db", applied: 1, version: "0001_a" })
  })

  test.each([
    { database: "relative.db", directory: "/m" },
    { database: ":memory:", directory: "/m" },
    { database: "file:///srv/a.db", directory: "/m" },
    { database: "/a\0b", directory: "/m" },
    { database: "/a" },
    { database: "/a", directory: "/m", migrations: [] },
    { database: "/a", migrations: [{ name: "a", sql: "" }] },
    { database: "/a", migrations: [{ name: "1_a", sql: "create table a (x);\0" }] },
    { database: "/a", migrations: [{ name: "1_a", sql: "-- \ud800" }] },
  ])("props %j are refused", (raw) => {
    expect(migrations.props.safeParse(raw).success).toBe(false)
  })
})

describe("statements that would end the transaction", () => {
  const trigger = (word: string) =>
    `create ${word} trigger t after insert on a begin update a set x = case when 1 then 2 end; end;`
  test.each([
    ["create table a (x)", undefined],
    ["COMMIT", 1],
    ["create table a (x);\n\n  commit;", 3],
    ["begin; create table a (x); end", 1],
    ["/* commit; */ -- commit;\nselect 'commit;', \"begin;\", `end;`, [rollback;]", undefined],
    ["select 'it''s; commit'; rollback", 1],
    ["savepoint a; rollback to a; release a", undefined],
    ["rollback transaction to savepoint a", undefined],
    ["rollback transaction", 1],
    [trigger(""), undefined],
    [trigger("temp"), undefined],
    [trigger("temporary"), undefined],
    [`${trigger("")} commit`, 1],
    ["create table triggers (commit_ text); insert into triggers values ('; end;')", undefined],
    ["select 'open; commit", undefined],
    ["/* open; commit", undefined],
    [";;; commit", 1],
    ["selectcommit; xcommit; commitx", undefined],
    ["", undefined],
  ])("%j", (sql, line) => {
    expect(transactionIn(sql)?.line).toBe(line)
  })
})
