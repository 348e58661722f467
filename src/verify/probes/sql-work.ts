import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { isDeepStrictEqual } from "node:util"

/** Time that SQLite itself waits for a lock, in milliseconds: short, so that a locked database does not hold a thread. */
const BUSY_MS = 50

type Cell = string | number | null | Uint8Array
type SqlRow = Readonly<Record<string, Cell>>

/** Counts the rows of a query and gives the first. The database is opened for reading only. Run by worker threads. */
export async function queryRows(
  path: string,
  query: string,
  params: readonly SQLInputValue[],
  asked: readonly string[],
): Promise<{ readonly rows: number; readonly first: SqlRow | undefined; readonly durationMs: number }> {
  const database = await open(path, true)
  const started = performance.now()
  try {
    const statement = database.prepare(query)
    refuseMore(query, statement.sourceSQL)
    statement.setReadBigInts(true)
    let rows = 0
    let first: SqlRow | undefined
    for (const row of statement.iterate(...params)) {
      rows += 1
      first ??= Object.fromEntries(
        Object.entries(row).map(([name, cell]) => [name, asked.includes(name) ? plain(cell) : short(plain(cell))]),
      )
    }
    return { rows, first, durationMs: Math.round(performance.now() - started) }
  } finally {
    database.close()
  }
}

/** What a query may begin with. A database opened for reading refuses to be written to, but not to write a copy of itself. */
const READS = /^(select|with|values|explain|pragma)\b/i

function refuseMore(query: string, first: string): void {
  if (!READS.test(bare(first)))
    throw new Error("a query may only read: it begins with select, with, values, explain or pragma")
  if (bare(query.slice(first.length)) !== "") throw new Error("the query holds more than one statement")
}

/** Without what stands before and between statements: space, comments, semicolons. */
function bare(sql: string): string {
  return sql.replace(/^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, "")
}

/** Longest text that is carried along only to be shown, in characters. */
const SHOWN_MAX = 200

/** A cell that nothing is expected of. */
function short(cell: Cell): Cell {
  if (cell instanceof Uint8Array) return `${cell.length} bytes`
  return typeof cell === "string" && cell.length > SHOWN_MAX ? `${cell.slice(0, SHOWN_MAX)}…` : cell
}

/** The columns of those tables that are there. Run by worker threads. */
export async function columnsOf(
  path: string,
  tables: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const database = await open(path, true)
  try {
    const names = database.prepare("select name from pragma_table_info(?)")
    const found = tables.map((table) => [table, names.all(table).map(({ name }) => String(name))] as const)
    return new Map(found.filter(([, columns]) => columns.length > 0))
  } finally {
    database.close()
  }
}

/** The rows of a table; undefined where there are more than so many. Run by worker threads. */
export async function recordsOf(
  path: string,
  table: string,
  columns: readonly string[],
  max: number,
): Promise<readonly SqlRow[] | undefined> {
  const database = await open(path, true)
  try {
    const statement = database.prepare(
      `select ${columns.map(quoted).join(", ")} from ${quoted(table)} limit ${max + 1}`,
    )
    statement.setReadBigInts(true)
    const rows = statement.all()
    if (rows.length > max) return undefined
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, plain(cell)])))
  } finally {
    database.close()
  }
}

/** Writes a row, reads it back and rolls back, whatever happens. Gives what was read. Run by worker threads. */
export async function writeAndReadBack(
  path: string,
  table: string,
  row: Readonly<Record<string, SQLInputValue>>,
): Promise<{
  readonly found: SqlRow | undefined
  readonly stayed: boolean
  readonly triggers: readonly string[]
  readonly durationMs: number
}> {
  const database = await open(path, false)
  const started = performance.now()
  try {
    const triggers = triggersOf(database, table)
    database.exec("begin immediate")
    let look: () => SqlRow | undefined
    let found: SqlRow | undefined
    try {
      look = insert(database, quoted(table), row)
      found = look()
    } finally {
      // A constraint "on conflict rollback" and a trigger may have done it already; a second time would hide why.
      if (database.isTransaction) database.exec("rollback")
    }
    return { found, stayed: look() !== undefined, triggers, durationMs: Math.round(performance.now() - started) }
  } finally {
    database.close() // also rolls back, should the line above have failed
  }
}

/** Triggers that an insert may set off. */
function triggersOf(database: DatabaseSync, table: string): readonly string[] {
  const text = "select name from sqlite_master where type = 'trigger' and tbl_name = ? collate nocase and sql like ?"
  return database
    .prepare(text)
    .all(table, "%insert%")
    .map(({ name }) => String(name))
}

/** Gives a way to look whether the row is there. Another row may get its rowid later: the values count, too. */
function insert(
  database: DatabaseSync,
  table: string,
  row: Readonly<Record<string, SQLInputValue>>,
): () => SqlRow | undefined {
  const columns = Object.keys(row).map(quoted)
  const values = Object.values(row)
  const before = isKeyedByRowid(database, table) ? undefined : countOf(database, table, columns, values)
  const { lastInsertRowid } = database
    .prepare(
      columns.length === 0
        ? `insert into ${table} default values`
        : `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
    )
    .run(...values)
  const shown = columns.length === 0 ? "1" : columns.join(", ")
  let written: SqlRow | undefined
  return () => {
    if (before !== undefined && countOf(database, table, columns, values) <= before) return undefined
    const where = before === undefined ? "rowid = ?" : columns.map((column) => `${column} is ?`).join(" and ")
    const statement = database.prepare(`select ${shown} from ${table} where ${where}`)
    statement.setReadBigInts(true)
    const found = statement.get(...(before === undefined ? [lastInsertRowid] : values))
    if (found === undefined) return undefined
    const now = Object.fromEntries(Object.keys(row).map((name) => [name, plain(found[name])]))
    written ??= now
    return isDeepStrictEqual(now, written) ? now : undefined
  }
}

function countOf(
  database: DatabaseSync,
  table: string,
  columns: readonly string[],
  values: readonly SQLInputValue[],
): number {
  const where = columns.length === 0 ? "1" : columns.map((column) => `${column} is ?`).join(" and ")
  return Number(database.prepare(`select count(*) as n from ${table} where ${where}`).get(...values)?.n)
}

function isKeyedByRowid(database: DatabaseSync, table: string): boolean {
  try {
    database.prepare(`select rowid from ${table} limit 0`)
    return true
  } catch {
    return false // a table "without rowid", or a view
  }
}

async function open(path: string, readOnly: boolean): Promise<DatabaseSync> {
  silenceSqlite()
  const { DatabaseSync } = await import("node:sqlite")
  const url = pathToFileURL(path)
  url.searchParams.set("mode", readOnly ? "ro" : "rw") // never makes a database
  const database = new DatabaseSync(url, { readOnly })
  database.exec(`pragma busy_timeout = ${BUSY_MS}`)
  return database
}

let isSilent = false

/** Node 22 calls node:sqlite experimental, once in each thread: no news to a user. Every other warning stays. */
function silenceSqlite(): void {
  if (isSilent) return
  isSilent = true
  const emit = process.emitWarning as (...all: unknown[]) => void
  process.emitWarning = (...all: unknown[]): void => {
    if (all[1] !== "ExperimentalWarning" || !String(all[0]).startsWith("SQLite ")) emit(...all)
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Whole numbers that a JavaScript number cannot hold stand as text. */
function plain(cell: unknown): Cell {
  if (typeof cell === "bigint") return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell)
  return cell as Cell
}
