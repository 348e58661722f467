import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { pathToFileURL } from "node:url"

/** Time that SQLite itself waits for a lock, in milliseconds: short, so that a locked database does not hold a thread. */
const BUSY_MS = 50

export type Cell = string | number | null | Uint8Array
export type SqlRow = Readonly<Record<string, Cell>>

/** Counts the rows of a query and gives the first. The database is opened for reading only. Run by worker threads. */
export async function queryRows(
  path: string,
  query: string,
  params: readonly SQLInputValue[],
): Promise<{ readonly rows: number; readonly first: SqlRow | undefined }> {
  const database = await open(path, true)
  try {
    const statement = database.prepare(query)
    statement.setReadBigInts(true)
    let rows = 0
    let first: SqlRow | undefined
    for (const row of statement.iterate(...params)) {
      rows += 1
      first ??= Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, plain(cell)]))
    }
    return { rows, first }
  } finally {
    database.close()
  }
}

/** Writes a row, reads it back and rolls back, whatever happens. Gives what was read. Run by worker threads. */
export async function writeAndReadBack(
  path: string,
  table: string,
  row: Readonly<Record<string, SQLInputValue>>,
): Promise<SqlRow | undefined> {
  const database = await open(path, false)
  try {
    database.exec("begin immediate")
    try {
      return insertAndSelect(database, quoted(table), row)
    } finally {
      database.exec("rollback")
    }
  } finally {
    database.close() // also rolls back, should the line above have failed
  }
}

function insertAndSelect(
  database: DatabaseSync,
  table: string,
  row: Readonly<Record<string, SQLInputValue>>,
): SqlRow | undefined {
  const columns = Object.keys(row).map(quoted)
  const values = Object.values(row)
  const { lastInsertRowid } = database
    .prepare(`insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`)
    .run(...values)
  const keyed = isKeyedByRowid(database, table)
  const where = keyed ? "rowid = ?" : columns.map((column) => `${column} is ?`).join(" and ")
  const statement = database.prepare(`select ${columns.join(", ")} from ${table} where ${where}`)
  statement.setReadBigInts(true)
  const found = statement.get(...(keyed ? [lastInsertRowid] : values))
  return found === undefined
    ? undefined
    : Object.fromEntries(Object.keys(row).map((name) => [name, plain(found[name])]))
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
