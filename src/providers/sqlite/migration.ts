import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { causeText, FettleError } from "../../errors.ts"

/** One step of a schema. */
export interface Migration {
  readonly name: string
  /** SHA-256 of its text, hex; line ends do not count. */
  readonly checksum: string
  readonly sql: string
}

/** A step that has run, as the database remembers it. */
export interface Applied {
  readonly name: string
  readonly checksum: string
}

/** A number, an underscore, a name. */
export const MIGRATION_NAME = /^\d+_./s

/**
 * The migrations of a directory in their order; undefined where there is no directory.
 * @throws FettleError `MIGRATION_ORDER` where two have the same number or a file has none, `MIGRATION_FILE`, `READ_FAILED`
 */
export function readMigrations(directory: string): readonly Migration[] | undefined {
  try {
    const names = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /\.sql$/i.test(entry.name))
      .map(({ name }) => name)
    return inOrder(names.map((name) => migration(name, sqlOf(directory, name))))
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw new FettleError("READ_FAILED", `the migrations in ${directory} cannot be read: ${causeText(thrown)}`, {
      cause: thrown,
    })
  }
}

/** The text of a migration. @throws FettleError `MIGRATION_FILE` for what would run otherwise than it is written */
function sqlOf(directory: string, name: string): string {
  const refused = (fact: string, next: string): FettleError =>
    new FettleError("MIGRATION_FILE", `${quoted(name)} ${fact}`, { next })
  if (!name.endsWith(".sql")) throw refused("does not end in .sql", "rename it, with .sql in small letters")
  const path = join(directory, name)
  if (!statSync(path).isFile()) throw refused("is not a file", "remove it, or put a file there")
  const bytes = readFileSync(path)
  if (bytes.includes(0)) throw refused("holds a NUL: SQLite would run only what stands before it", "remove the NUL")
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refused("is not UTF-8 text", "save it as UTF-8")
  }
}

/** A migration of its text. */
export function migration(name: string, sql: string): Migration {
  const text = sql.replaceAll("\r\n", "\n")
  return { name, sql, checksum: createHash("sha256").update(text).digest("hex") }
}

/** @throws FettleError `MIGRATION_ORDER` */
export function inOrder(migrations: readonly Migration[]): readonly Migration[] {
  const unnumbered = migrations.find(({ name }) => !MIGRATION_NAME.test(name))
  if (unnumbered !== undefined)
    throw new FettleError(
      "MIGRATION_ORDER",
      `${quoted(unnumbered.name)} has no number in front, as in 0001_orders.sql`,
      { next: "rename it" },
    )
  const sorted = migrations.toSorted(byNumber)
  const twin = sorted.find(({ name }, at) => numberOf(name) === numberOf(sorted[at - 1]?.name ?? "x"))
  if (twin === undefined) return sorted
  throw new FettleError("MIGRATION_ORDER", `two migrations have the number of ${quoted(twin.name)}`, {
    next: "give one of them another number",
  })
}

/** By number; what has none, which only a strange table can hold, stands last. */
export function byNumber(left: { readonly name: string }, right: { readonly name: string }): number {
  const [a, b] = [numberOf(left.name), numberOf(right.name)]
  if (a !== b && a !== undefined && b !== undefined) return a < b ? -1 : 1
  if (a !== b) return a === undefined ? 1 : -1
  return left.name < right.name ? -1 : 1
}

function numberOf(name: string): bigint | undefined {
  const digits = /^\d+(?=_.)/s.exec(name)?.[0]
  return digits === undefined ? undefined : BigInt(digits)
}

/**
 * The migrations that are still to run.
 * @throws FettleError `MIGRATION_EDITED` where one that has run was changed or is gone, `MIGRATION_ORDER` where a new one stands before it
 */
export function pendingOf(wanted: readonly Applied[], applied: readonly Applied[]): readonly string[] {
  const byName = new Map(wanted.map((each) => [each.name, each]))
  for (const { name, checksum } of applied) {
    const now = byName.get(name)
    if (now === undefined) throw new FettleError("MIGRATION_EDITED", `${quoted(name)} has run and is gone`)
    if (now.checksum !== checksum)
      throw new FettleError("MIGRATION_EDITED", `${quoted(name)} has run and was edited since`)
  }
  const done = new Set(applied.map(({ name }) => name))
  const pending = wanted.filter(({ name }) => !done.has(name)).map(({ name }) => name)
  const last = applied.toSorted(byNumber).at(-1)
  const late = pending.find((name) => last !== undefined && byNumber({ name }, last) < 0)
  if (late === undefined) return pending
  throw new FettleError(
    "MIGRATION_ORDER",
    `${quoted(late)} is new and stands before ${quoted(last?.name ?? "")}, which has run`,
  )
}

/** What is known of a schema by the migrations that have run. */
export function schemaOf(database: string, applied: readonly Applied[]): Schema {
  const sorted = applied.toSorted(byNumber)
  const checksum = createHash("sha256").update(JSON.stringify(sorted.map(({ name, checksum: sum }) => [name, sum])))
  return { database, applied: applied.length, version: sorted.at(-1)?.name ?? "", checksum: checksum.digest("hex") }
}

export interface Schema {
  readonly database: string
  readonly applied: number
  readonly version: string
  readonly checksum: string
}

/** A name from outside, in one line and as it is written: nothing in it moves the cursor or turns the line around. */
export function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name).replace(/\p{C}/gu, escaped)
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}
