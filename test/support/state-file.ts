import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** Addresses that state knows: by a row, or by a line in the journal, open or ended. */
export function recordedNames(file: string): readonly string[] {
  return inCopy(file, (database) => {
    const tables = database.prepare("select name from sqlite_schema where name in ('resource', 'journal')").all()
    if (tables.length < 2) return []
    const rows = database.prepare("select address from resource union select address from journal").all()
    return rows.map((row) => String(row.address))
  })
}

/** Addresses with an intent that nobody has settled. */
export function openIntents(file: string): readonly string[] {
  return inCopy(file, (database) =>
    database
      .prepare("select address from journal where open = 1")
      .all()
      .map((row) => String(row.address)),
  )
}

/** What SQLite's own check says of a state file: "ok" where it is sound, or not there yet. */
export function soundness(file: string): string {
  return inCopy(file, (database) =>
    database
      .prepare("pragma integrity_check")
      .all()
      .map((row) => String(row.integrity_check))
      .join("; "),
  )
}

/** Looks at a copy: opening the file itself would mend it, and needs room on its disk. */
function inCopy<T>(file: string, look: (database: DatabaseSync) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "fettle-copy-"))
  try {
    const copy = join(folder, "state.db")
    for (const part of ["", "-wal", "-journal"]) if (existsSync(file + part)) cpSync(file + part, copy + part)
    const database = new DatabaseSync(copy)
    try {
      return look(database)
    } finally {
      database.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
