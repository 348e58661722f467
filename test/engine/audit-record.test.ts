import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileHome } from "../../src/state/file-home.ts"
import type { Entry, Kept } from "../../src/state/shared/ledger.ts"
import { recordContract } from "../support/record-contract.ts"
import { testFolder } from "../support/runs.ts"

/** Where the file of each place lies; what a machine has seen lies in a folder of its own. */
const folders = new Map<string, string>()

function fileOf(place: string): string {
  const folder = folders.get(place) ?? testFolder()
  folders.set(place, folder)
  return join(folder, `${place}.db`)
}

function inside<T>(place: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(fileOf(place).replace(/\.db$/, ".audit"))
  try {
    return use(database)
  } finally {
    database.close()
  }
}

recordContract(() => ({
  homeOf: (place, { folder = testFolder() } = {}) => {
    const seen = join(folder, "laptop")
    mkdirSync(seen, { recursive: true })
    const home = fileHome(fileOf(place))
    const { witness } = fileHome(join(seen, `${place}.db`)).record
    return { ...home, record: { ...home.record, witness } }
  },
  raw: async (place) =>
    inside(place, (database) => {
      const { head } = database.prepare("select head from head").get() as { head: string }
      const entries = database.prepare("select serial, body, link from entry order by serial").all()
      return { head: JSON.parse(head), entries: entries as unknown as readonly Entry[] }
    }),
  put: async (place, kept: Kept | undefined) =>
    inside(place, (database) => {
      database.exec("delete from head; delete from entry")
      if (kept === undefined) return
      const { head, entries } = kept
      database.prepare("insert into head values (1, ?, ?)").run(JSON.stringify(head), head.seal)
      for (const { serial, body, link } of entries)
        database.prepare("insert into entry values (?, ?, ?)").run(serial, body, link)
    }),
}))
