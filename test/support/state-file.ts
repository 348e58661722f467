import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

/** Addresses that state knows: by a row, or by a line in the journal, open or ended. */
export function recordedNames(file: string): readonly string[] {
  return withState(file, (database) => {
    const tables = database.prepare("select name from sqlite_schema where name in ('resource', 'journal')").all()
    if (tables.length < 2) return []
    const rows = database.prepare("select address from resource union select address from journal").all()
    return rows.map((row) => String(row.address))
  })
}

/** What SQLite's own check says of a state file: "ok" where it is sound, or not there yet. */
export function soundness(file: string): string {
  return withState(file, (database) =>
    database
      .prepare("pragma integrity_check")
      .all()
      .map((row) => String(row.integrity_check))
      .join("; "),
  )
}

function withState<T>(file: string, look: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(existsSync(file) ? file : ":memory:")
  try {
    return look(database)
  } finally {
    database.close()
  }
}
