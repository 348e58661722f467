import { existsSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { isDeepStrictEqual } from "node:util"
import type { Reader } from "./home.ts"
import { BUSY_MS, checkFormat, guardedAll, SqliteStore } from "./sqlite.ts"
import { isThere } from "./state-file.ts"

/** How often state that changes while it is read is read anew; each time a run began or ended just then. */
const READS_MAX = 10

/**
 * Reads the state of a stage without writing a byte, also beside a run and on a read-only file system.
 *
 * SQLite keeps an index of its log for readers, and makes both where they are missing. So where the log is empty, the file is
 * read as one that cannot change, and read again if it did. Where it is not, a run is under way or was killed: then they are there.
 *
 * @returns undefined where there is no state
 * @throws FettleError `STATE_CORRUPT`, `STATE_NEWER`, `STATE_WRITE`
 * @example readStore(file, (store) => store.load())
 */
export function readStore<T>(file: string, read: (store: Reader) => Promise<T>): Promise<T | undefined> {
  return readDatabase(file, (database) => {
    checkFormat(database, file)
    return read(new SqliteStore(database, file))
  })
}

/** The same for any database whose log lies beside it. */
export async function readDatabase<T>(
  file: string,
  read: (database: DatabaseSync) => Promise<T>,
): Promise<T | undefined> {
  for (let reads = 1; ; reads += 1) {
    if (!isThere(file)) return undefined
    const before = stampOf(file)
    if (before === undefined) return undefined
    const isLast = reads === READS_MAX
    const isStill = before.log === 0 && !isLast
    const moved = (): boolean => !isDeepStrictEqual(stampOf(file), before)
    try {
      const result = await readBy(isStill ? "immutable=1" : logged(file), file, read)
      if (!isStill || !moved()) return result
    } catch (thrown) {
      if (isLast || !moved()) throw thrown
    }
  }
}

/** With its index, the log can be read and nothing is written into the index; without it, it must be made. */
function logged(file: string): string {
  return existsSync(`${file}-shm`) ? "readonly_shm=1" : ""
}

async function readBy<T>(way: string, file: string, read: (database: DatabaseSync) => Promise<T>): Promise<T> {
  return guardedAll(file, async () => {
    const database = new DatabaseSync(new URL(`${pathToFileURL(file).href}?mode=ro&${way}`), { readOnly: true })
    try {
      database.exec(`pragma busy_timeout = ${BUSY_MS}`)
      return await read(database)
    } finally {
      database.close()
    }
  })
}

/** What changes whenever state does; undefined where there is none. On a full disk SQLite leaves a log without a byte. */
function stampOf(file: string): Readonly<Record<"file" | "changed" | "size" | "log", number | bigint>> | undefined {
  const state = statSync(file, { bigint: true, throwIfNoEntry: false })
  if (state === undefined) return undefined
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  return { file: state.ino, changed: state.mtimeNs, size: state.size, log }
}
