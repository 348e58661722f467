import type { DatabaseSync } from "node:sqlite"
import type { Applied } from "./migration.ts"

/** Where a database remembers which migrations have run in it. */
export const TABLE = `create table if not exists fettle_migrations (
  name text primary key not null, checksum text not null, applied_at text not null, token text not null) strict`

/** The migrations that have run in a database that has our table. */
export function appliedIn(database: DatabaseSync): readonly Applied[] {
  const rows = database.prepare("select name, checksum from fettle_migrations order by name").all()
  return rows.map(({ name, checksum }) => ({ name: String(name), checksum: String(checksum) }))
}

/** The owner mark: the token of the create that made our table; undefined where nothing has run. */
export function markIn(database: DatabaseSync): string | undefined {
  const row = database.prepare("select token from fettle_migrations order by rowid limit 1").get()
  return row === undefined ? undefined : String(row.token)
}

/** Names of all tables and views. */
export function tablesIn(database: DatabaseSync): readonly string[] {
  const rows = database
    .prepare(
      "select name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\'",
    )
    .all()
  return rows.map(({ name }) => String(name))
}
