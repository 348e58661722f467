// Brings the database up to the newest migration, each in a transaction of its own; those it had are not run again.
//
//   node migrate.ts DATABASE FOLDER
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const [path = "", folder = ""] = process.argv.slice(2)
const database = new DatabaseSync(path, { timeout: 10_000 })
const { user_version: had } = database.prepare("PRAGMA user_version").get() as { user_version: number }
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".sql"))
  .sort()
for (const [at, name] of names.entries()) {
  if (at < had) continue
  const sql = readFileSync(join(folder, name), "utf8")
  database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${at + 1}; COMMIT`)
  console.log(`migrated: ${name}`)
}
database.close()
