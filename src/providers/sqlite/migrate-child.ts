// Runs migrations in a process of its own: see `runChild`. It is given one Order and answers with Told messages.
import { closeSync, openSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { setImmediate as breathe } from "node:timers/promises"
import { causeText, FettleError } from "../../errors.ts"
import { type Applied, type Migration, pendingOf, quoted } from "./migration.ts"
import { transactionIn } from "./script.ts"
import { appliedIn, TABLE } from "./table.ts"

export interface Order {
  readonly database: string
  /** All that are wanted, in their order; those that have run are left out. */
  readonly migrations: readonly Migration[]
  /** Names of those that may run now; undefined for all. */
  readonly only: readonly string[] | undefined
  /** Written beside each migration that runs. */
  readonly token: string
  /** How long to wait for other connections, in milliseconds. */
  readonly busyTimeoutMs: number
}

/** What the process says: that one begins, and how it all ended. */
export type Told =
  | { readonly begins: string }
  | { readonly end: true; readonly applied: readonly Applied[] }
  | { readonly end: true; readonly failed: Failed }

export interface Failed {
  readonly code: string
  readonly fact: string
  readonly next: string
  readonly notMade: boolean
}

/** What to do where not the migration is wrong but the file. */
const UNOPENED = "see that the database is a file that this user may read and write, in a folder that is there"

process.once("message", (order: Order) => void work(order))

async function work(order: Order): Promise<void> {
  try {
    tell({ end: true, applied: await migrate(order) })
  } catch (thrown) {
    const { code, fact, next, details } = thrown instanceof FettleError ? thrown : failure(order.database, thrown)
    tell({ end: true, failed: { code, fact, next, notMade: details?.notMade === true } })
  }
  process.disconnect?.()
}

function tell(told: Told): void {
  process.send?.(told)
}

async function migrate(order: Order): Promise<readonly Applied[]> {
  const database = open(order)
  try {
    let known: Known | undefined
    for (let made = 0; known === undefined || known.pending.length > 0; made += 1) {
      known = step(database, order, made, known)
      await breathe() // so that we learn that our parent has gone, and stop here
      if (!process.connected) break
    }
    return appliedIn(database)
  } finally {
    database.close()
  }
}

function open({ database: path, busyTimeoutMs }: Order): DatabaseSync {
  try {
    closeSync(openSync(path, "wx", 0o600)) // SQLite would let others read it
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw failure(path, thrown, true, UNOPENED)
  }
  if (!statSync(path).isFile()) throw failure(path, new Error("it is not a file"), true, UNOPENED)
  try {
    // Without foreign keys a table can be rebuilt and dropped as SQLite's manual says; they are checked before each commit.
    const database = new DatabaseSync(path, { enableForeignKeyConstraints: false })
    database.exec(`pragma busy_timeout = ${busyTimeoutMs}; pragma synchronous = full`)
    return database
  } catch (thrown) {
    throw failure(path, thrown, true, UNOPENED)
  }
}

/** What is still to run, as long as nobody else writes into the database. */
interface Known {
  readonly pending: readonly Migration[]
  /** SQLite's counter of what other connections commit. */
  readonly dataVersion: number
}

/** Runs the next migration and its record in one transaction. What has run meanwhile in another process is seen here. */
function step(database: DatabaseSync, order: Order, made: number, known: Known | undefined): Known {
  begin(database, order, made)
  let where = order.database
  try {
    database.exec(TABLE)
    const dataVersion = Number(database.prepare("pragma data_version").get()?.data_version)
    const [next, ...pending] = known?.dataVersion === dataVersion ? known.pending : pendingIn(database, order)
    if (next !== undefined) {
      where = quoted(next.name)
      run(database, next, order.token)
    }
    database.exec("commit")
    return { pending, dataVersion }
  } catch (thrown) {
    if (database.isTransaction) database.exec("rollback")
    const { code, fact, next } = thrown instanceof FettleError ? thrown : failure(where, thrown)
    throw new FettleError(code, fact, { next, details: { notMade: made === 0 } })
  }
}

function pendingIn(database: DatabaseSync, { migrations, only }: Order): readonly Migration[] {
  const names = new Set(pendingOf(migrations, appliedIn(database)))
  return migrations.filter(({ name }) => names.has(name) && (only === undefined || only.includes(name)))
}

function begin(database: DatabaseSync, { database: path, busyTimeoutMs }: Order, made: number): void {
  try {
    database.exec("begin immediate")
  } catch (thrown) {
    const isBusy = ((thrown as { errcode?: number }).errcode ?? 0) % 256 === 5
    const held = `another process has held it for ${busyTimeoutMs} ms`
    const next = isBusy ? "end what holds the database, or give a longer busyTimeoutMs; then apply again" : UNOPENED
    throw failure(path, isBusy ? new Error(held) : thrown, made === 0, next)
  }
}

function run(database: DatabaseSync, { name, sql, checksum }: Migration, token: string): void {
  const end = transactionIn(sql)
  if (end !== undefined)
    throw failure(
      `${quoted(name)}:${end.line}`,
      new Error(`${end.words[0]}: a migration runs in one transaction, which it must not begin or end`),
    )
  tell({ begins: name })
  const before = danglers(database)
  database.exec(sql)
  if (!database.isTransaction) throw failure(quoted(name), new Error("it ended its transaction"))
  const after = danglers(database)
  if (after.length > before.length)
    throw failure(
      quoted(name),
      new Error(`it leaves ${after.length} rows of ${after.at(-1)} that point to nothing (foreign keys)`),
    )
  database
    .prepare("insert into fettle_migrations (name, checksum, applied_at, token) values (?, ?, ?, ?)")
    .run(name, checksum, new Date().toISOString(), token)
}

/** The tables of rows whose foreign keys point to nothing, once for each row. */
function danglers(database: DatabaseSync): readonly string[] {
  return (database.prepare("pragma foreign_key_check").all() as { table: string }[]).map(({ table }) => table)
}

/** In SQLite's words. `notMade` where not a byte of ours has come into the database. */
function failure(where: string, thrown: unknown, notMade = false, next?: string): FettleError {
  return new FettleError("MIGRATION_FAILED", `${where}: ${causeText(thrown)}`, { next, details: { notMade } })
}
