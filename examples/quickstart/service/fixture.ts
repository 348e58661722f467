import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { loadSqlite } from "./database.ts"

export const apiKey = "a-key-for-the-tests-only"

const migrations = new URL("../migrations/", import.meta.url)

/** A database with every migration applied, in memory unless a path is given. */
export function migrated(path = ":memory:"): DatabaseSync {
  const db = new (loadSqlite().DatabaseSync)(path)
  for (const file of readdirSync(migrations).sort()) db.exec(readFileSync(new URL(file, migrations), "utf8"))
  return db
}

/** A new folder of its own; call `remove` at the end. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "orders-test-"))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
