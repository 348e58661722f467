import { existsSync } from "node:fs"
import type { StateHome } from "./home.ts"
import { holderOf, ownerOf, takeLock } from "./lock.ts"
import { readStore } from "./read-store.ts"
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
    take: async (holder) => {
      const lock = takeLock(lockFile, { ...holder, since: new Date().toISOString() })
      try {
        const store = openStore(file)
        return { store, release: () => store.close().finally(lock.release) }
      } catch (thrown) {
        lock.release()
        throw thrown
      }
    },
  }
}
