import { existsSync } from "node:fs"
import { basename, dirname } from "node:path"
import type { RecordPlace, StateHome } from "./home.ts"
import { holderOf, ownerOf, takeLock } from "./lock.ts"
import { readStore } from "./read-store.ts"
import { SqliteKeeper } from "./record-file.ts"
import { Witness } from "./shared/witness.ts"
import { openStore } from "./sqlite.ts"

/** State in a file of this machine, with its lock beside it. @example fileHome("/srv/shop/.fettle/shop.prod.db") */
export function fileHome(file: string): StateHome {
  const lockFile = file.replace(/\.db$/, ".lock")
  return {
    name: file,
    isShared: false,
    exists: async () => existsSync(file),
    read: (read) => readStore(file, read),
    readUnproven: () => readStore(file, (store) => store.dump()),
    owner: async (host) => ownerOf(lockFile, host),
    holder: async () => holderOf(lockFile),
    record: recordBeside(file),
    take: async (holder) => {
      const lock = takeLock(lockFile, { ...holder, since: new Date().toISOString() })
      try {
        const store = openStore(file)
        return { store, overtook: lock.overtook, release: () => store.close().finally(lock.release) }
      } catch (thrown) {
        lock.release()
        throw thrown
      }
    },
  }
}

/** Not a file of state itself: who puts an old state back, or removes it, has not touched what was done. */
function recordBeside(file: string): RecordPlace {
  const name = file.replace(/\.db$/, ".audit")
  return {
    place: `${basename(file, ".db")}/audit`, // as in a shared store, where it may go
    name,
    open: () => new SqliteKeeper(name),
    witness: new Witness(dirname(file), basename(name), name, "AUDIT_ROLLED_BACK"),
    patienceMs: 0,
  }
}
