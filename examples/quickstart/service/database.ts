import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"

/** One name from each file in migrations/: without them the service does not serve. */
const needed = ["orders", "products", "orders_by_created"]

/** How long a statement waits while another process writes, such as the products feed. */
const busyTimeoutMs = 2000

export type Opened = { readonly db: DatabaseSync } | { readonly problem: string }

/** A database file that someone else creates, migrates and may replace while the service runs. */
export class Database {
  readonly #path: string
  #db: DatabaseSync | undefined
  #inode: number | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** The open database, or why it cannot be used now. It never creates the file. Call it for each request. */
  open(): Opened {
    try {
      const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino
      if (inode !== this.#inode) this.close()
      if (inode === undefined) return { problem: "missing" }
      this.#db ??= new (loadSqlite().DatabaseSync)(this.#path, { timeout: busyTimeoutMs })
      this.#inode = inode
      return isMigrated(this.#db) ? { db: this.#db } : { problem: "not migrated" }
    } catch (error) {
      return { problem: (error as Error).message }
    }
  }

  close(): void {
    this.#db?.close()
    this.#db = undefined
    this.#inode = undefined
  }
}

function isMigrated(db: DatabaseSync): boolean {
  const rows = db.prepare("SELECT name FROM sqlite_schema").all()
  return needed.every((name) => rows.some((row) => row.name === name))
}

/** Loads node:sqlite without the one warning it prints ("SQLite is an experimental feature"). */
export function loadSqlite(): typeof import("node:sqlite") {
  const emitWarning = process.emitWarning
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule("node:sqlite")
  } finally {
    process.emitWarning = emitWarning
  }
}
