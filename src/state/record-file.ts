import { existsSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { FettleError } from "../errors.ts"
import { makeStateFolder } from "./folder.ts"
import { readDatabase } from "./read-store.ts"
import type { Entry, Head, Keeper, Kept } from "./shared/ledger.ts"
import { BUSY_MS, guarded } from "./sqlite.ts"
import { isThere, makeFileWhereNone } from "./state-file.ts"

const TABLES = `
create table head (only integer primary key check (only = 1), head text not null, seal text not null);
create table entry (serial integer primary key, body text not null, link text not null);
`

/** A chain in a file of its own, read without writing a byte. */
export class SqliteKeeper implements Keeper {
  readonly name: string
  #database: DatabaseSync | undefined

  constructor(file: string) {
    this.name = file
  }

  async read(): Promise<Kept | undefined> {
    return this.#reading((database) => {
      const head = headIn(database, this.name)
      return head === undefined ? undefined : { head, entries: entriesIn(database, 0) }
    })
  }

  async head(): Promise<Head | undefined> {
    return this.#reading((database) => headIn(database, this.name))
  }

  async since(serial: number): Promise<readonly Entry[]> {
    return (await this.#reading((database) => entriesIn(database, serial))) ?? []
  }

  async make(head: Head): Promise<void> {
    guarded(this.name, () => {
      makeStateFolder(dirname(this.name))
      if (!isThere(this.name)) makeFileWhereNone(this.name, TABLES)
    })
    this.#writing((database) =>
      database.prepare("insert or ignore into head values (1, ?, ?)").run(JSON.stringify(head), head.seal),
    )
  }

  async append(_fence: undefined, from: Head, to: Head, entries: readonly Entry[]): Promise<boolean> {
    return this.#writing((database) => {
      const text = JSON.stringify(to)
      const moved = database.prepare("update head set head = ?, seal = ? where seal = ?").run(text, to.seal, from.seal)
      if (Number(moved.changes) !== 1) return false
      const put = database.prepare("insert into entry values (?, ?, ?)")
      for (const { serial, body, link } of entries) put.run(serial, body, link)
      return true
    })
  }

  async drop(): Promise<void> {
    if (isThere(this.name)) this.#writing((database) => database.exec("delete from entry; delete from head"))
  }

  async close(): Promise<void> {
    this.#database?.close()
    this.#database = undefined
  }

  async #reading<T>(read: (database: DatabaseSync) => T): Promise<T | undefined> {
    const open = this.#database
    return open === undefined
      ? readDatabase(this.name, async (database) => read(database))
      : guarded(this.name, () => read(open))
  }

  #writing<T>(write: (database: DatabaseSync) => T): T {
    return guarded(this.name, () => {
      if (!existsSync(this.name)) throw new FettleError("STATE_WRITE", `${this.name} was removed while it was written`)
      const database = this.#open()
      database.exec("begin immediate")
      try {
        const result = write(database)
        database.exec("commit")
        return result
      } catch (thrown) {
        if (database.isTransaction) database.exec("rollback")
        throw thrown
      }
    })
  }

  #open(): DatabaseSync {
    if (this.#database !== undefined) return this.#database
    const database = new DatabaseSync(this.name)
    try {
      database.exec(`pragma busy_timeout = ${BUSY_MS}; pragma journal_mode = wal; pragma synchronous = full`)
    } catch (thrown) {
      database.close()
      throw thrown
    }
    this.#database = database
    return database
  }
}

function headIn(database: DatabaseSync, file: string): Head | undefined {
  const row = database.prepare("select head from head").get() as { head: string } | undefined
  if (row !== undefined) return parsed(row.head, file)
  const { count } = database.prepare("select count(*) as count from entry").get() as { count: number }
  if (count === 0) return undefined
  throw new FettleError("AUDIT_ALTERED", `${file}: its head is gone, and ${count} of its entries are there`)
}

function parsed(text: string, file: string): Head {
  try {
    return JSON.parse(text) as Head
  } catch (cause) {
    throw new FettleError("AUDIT_ALTERED", `${file}: its head is not as Fettle wrote it`, { cause })
  }
}

function entriesIn(database: DatabaseSync, serial: number): readonly Entry[] {
  const rows = database.prepare("select serial, body, link from entry where serial >= ? order by serial").all(serial)
  return rows.map((row) => ({ serial: Number(row.serial), body: String(row.body), link: String(row.link) }))
}
