import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { causeText, FettleError } from "../errors.ts"

/** Who holds a lock: told to whoever does not get it. */
export interface Holder {
  readonly who: string
  readonly host: string
  readonly pid: number
  readonly command: string
  /** ISO 8601. */
  readonly since: string
}

export interface Lock {
  release(): void
}

/** Locks that this process holds: a database that nobody refers to is closed by the garbage collector, and its lock is gone. */
const held = new Set<DatabaseSync>()

/** SQLite's result codes for a database that another process has locked. */
const BUSY = new Set([5, 6])

/**
 * Takes the lock of a stage: an exclusive transaction on a file of its own, which the kernel ends when its process ends, however it ends.
 * @throws FettleError `STATE_LOCKED` saying who, where and since when
 */
export function takeLock(file: string, holder: Holder): Lock {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    database = new DatabaseSync(file)
    database.exec("pragma busy_timeout = 0; pragma journal_mode = delete; begin exclusive")
    writeFileSync(`${file}.holder`, JSON.stringify(holder))
  } catch (thrown) {
    database?.close()
    if (BUSY.has(((thrown as { errcode?: number }).errcode ?? 0) & 0xff)) throw locked(file)
    throw new FettleError("STATE_WRITE", `${file}: ${causeText(thrown)}`, { cause: thrown })
  }
  const taken = database
  held.add(taken)
  return {
    release: () => {
      held.delete(taken)
      rmSync(`${file}.holder`, { force: true })
      taken.exec("rollback")
      taken.close()
    },
  }
}

function locked(file: string): FettleError {
  const holder = readHolder(file)
  const words =
    holder === undefined
      ? "another process"
      : `${holder.who} on ${holder.host} (pid ${holder.pid}, fettle ${holder.command}, since ${holder.since})`
  return new FettleError("STATE_LOCKED", `${words} holds the lock`, {
    details: holder === undefined ? {} : { ...holder },
  })
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(`${file}.holder`, "utf8")) as Holder
  } catch {
    return undefined
  }
}
