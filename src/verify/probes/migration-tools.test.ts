import { expect, test } from "vitest"
import type { Row } from "../../connect/database-session.ts"
import { pendingOf, TOOLS, toolOf } from "./migration-tools.ts"

const file = (path: string, text = "") => ({ path, text, whole: `/srv/shop/${path}` })

interface Case {
  readonly tool: string
  readonly files: readonly ReturnType<typeof file>[]
  readonly rows: readonly Row[]
  readonly pending?: readonly string[]
  readonly failed?: readonly string[]
}

const flyway = (rank: number, version: string | null, more: Row = {}): Row => ({
  installed_rank: rank,
  version,
  description: "make totals",
  type: "SQL",
  script: `V${version}__x.sql`,
  success: true,
  ...more,
})
const alembic = (id: string, down: string) =>
  file(`versions/${id}.py`, `revision: str = "${id}"\ndown_revision = ${down}\n`)
const django = (path: string, more = "") => file(path, `class Migration(migrations.Migration):\n${more}`)

const CASES: readonly Case[] = [
  {
    tool: "fettle",
    files: [file("0001_a.sql"), file("0002_b.sql"), file("README.sql")],
    rows: [{ name: "0001_a.sql", checksum: "x" }],
    pending: ["0002_b.sql"],
  },
  {
    tool: "Flyway",
    files: [
      file("V1__a.sql"),
      file("sub/V1_02__b.sql"),
      file("V2.0__c.sql"),
      file("U2__undo.sql"),
      file("R__make_totals.sql"),
    ],
    rows: [flyway(1, "1"), flyway(2, "1.2"), flyway(3, "2")],
    pending: ["R__make_totals.sql"],
  },
  { tool: "Flyway", files: [file("V1__a.sql"), file("R__make_totals.sql")], rows: [flyway(1, "1"), flyway(2, null)] },
  {
    tool: "Flyway",
    files: [file("V1__a.sql")],
    rows: [flyway(1, "1"), flyway(2, "1", { type: "UNDO_SQL" })],
    pending: ["V1__a.sql"],
  },
  {
    tool: "Flyway",
    files: [file("V1__a.sql"), file("V10__b.sql"), file("V9__c.sql")],
    rows: [flyway(1, "9", { type: "BASELINE" })],
    pending: ["V10__b.sql"],
  },
  {
    tool: "Flyway",
    files: [file("V1__a.sql")],
    rows: [flyway(1, "1", { success: 0 })],
    pending: ["V1__a.sql"],
    failed: ["V1__x.sql failed"],
  },
  {
    tool: "golang-migrate",
    files: [file("000001_a.up.sql"), file("000001_a.down.sql"), file("000010_b.up.sql")],
    rows: [{ version: 9, dirty: false }],
    pending: ["000010_b.up.sql"],
  },
  { tool: "golang-migrate", files: [file("1_a.up.sql")], rows: [], pending: ["1_a.up.sql"] },
  {
    tool: "golang-migrate",
    files: [file("1_a.up.sql")],
    rows: [{ version: "1", dirty: 1 }],
    failed: ["version 1 is dirty"],
  },
  {
    tool: "Rails, dbmate or Ecto",
    files: [file("20240101000000_a.rb"), file("20240201000000_b.rb")],
    rows: [{ version: "20240101000000" }, { version: "20230101000000" }],
    pending: ["20240201000000_b.rb"],
  },
  {
    tool: "Knex",
    files: [file("1_a.ts"), file("2_b.js"), file("1_a.d.ts")],
    rows: [{ name: "1_a.js", batch: 1 }],
    pending: ["2_b.js"],
  },
  {
    tool: "Prisma",
    files: [file("1_a/migration.sql"), file("2_b/migration.sql"), file("3_c/migration.sql")],
    rows: [
      { migration_name: "1_a", finished_at: "x", rolled_back_at: null },
      { migration_name: "2_b", finished_at: null, rolled_back_at: null },
      { migration_name: "3_c", finished_at: null, rolled_back_at: "x" },
    ],
    pending: ["2_b", "3_c"],
    failed: ["2_b failed, or runs just now"],
  },
  {
    tool: "Alembic",
    files: [
      alembic("a1", "None"),
      alembic("b2", '"a1"'),
      alembic("c3", '("b2", "b9")'),
      alembic("b9", "'a1'"),
      file("env.py"),
    ],
    rows: [{ version_num: "b2" }],
    pending: ["c3", "b9"],
  },
  { tool: "Alembic", files: [alembic("a1", "None"), alembic("b2", '"a1"')], rows: [{ version_num: "b2" }] },
  {
    tool: "Django",
    files: [
      django("shop/migrations/0001_initial.py"),
      django("shop/migrations/0002_more.py"),
      file("shop/migrations/__init__.py"),
    ],
    rows: [{ app: "shop", name: "0001_initial" }],
    pending: ["shop.0002_more"],
  },
  {
    tool: "Django",
    files: [django("shop/migrations/0001_squashed.py", '  replaces = [("shop", "0001_a"), ("shop", "0002_b")]')],
    rows: [
      { app: "shop", name: "0001_a" },
      { app: "shop", name: "0002_b" },
    ],
  },
]

test.each(CASES)(
  "$tool: $files.length files, $rows.length rows",
  ({ tool: name, files, rows, pending = [], failed = [] }) => {
    const tool = TOOLS.find((each) => each.name === name)
    if (tool === undefined) throw new Error(name)
    expect(toolOf([...tool.has, "another"])?.name).toBe(name)
    const wanted = files.flatMap((each) => tool.ofFile(each) ?? [])
    const records = tool.records(rows)
    expect(pendingOf(tool, wanted, records).map((each) => each.name)).toEqual(pending)
    expect(records.failed).toEqual(failed)
  },
)

test("a table of other columns is nobody's", () => {
  expect(toolOf(["id", "name"])).toBeUndefined()
  expect(toolOf(["VERSION", "DIRTY"])?.name).toBe("golang-migrate")
})
