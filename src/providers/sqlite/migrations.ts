import { rmSync } from "node:fs"
import { isAbsolute } from "node:path"
import { z } from "zod"
import { readDatabase, runChild } from "../../connect/sqlite.ts"
import { asFettleError, type ErrorCode, FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import {
  type Change,
  type Json,
  type Key,
  type Last,
  provider,
  type Read,
  type Seen,
  type Write,
} from "../../provider.ts"
import type { Order, Told } from "./migrate-child.ts"
import {
  type Applied,
  inOrder,
  MIGRATION_NAME,
  type Migration,
  migration,
  pendingOf,
  quoted,
  readMigrations,
  schemaOf,
} from "./migration.ts"
import { appliedIn, markIn, tablesIn } from "./table.ts"

/** A service that writes in small transactions lets us in long before. */
const BUSY_TIMEOUT_MS = 30_000
/** Migrations rebuild tables; the node's `timeout` says otherwise. */
const TIMEOUT_MS = 600_000
/** Pending migrations named in a reason; the diff names all. */
const NAMED_MAX = 3

const absolute = z.string().refine((path) => isAbsolute(path) && !path.includes("\0"), "must be an absolute path")

const props = z
  .strictObject({
    database: absolute.describe("the database file; made with mode 0600 where it is missing"),
    directory: absolute
      .optional()
      .describe("holds the migrations, NNNN_name.sql; they run in the order of their numbers"),
    migrations: z
      .array(
        z.strictObject({
          name: z.string().regex(MIGRATION_NAME, "has no number in front, as in 0001_orders"),
          sql: z
            .string()
            .refine((sql) => !sql.includes("\0") && sql.isWellFormed(), "holds a NUL, or half a character"),
        }),
      )
      .optional()
      .describe("the migrations themselves, instead of a directory"),
    busyTimeoutMs: z
      .int()
      .positive()
      .default(BUSY_TIMEOUT_MS)
      .describe("how long to wait for other connections, in milliseconds"),
    dropOnDelete: z
      .boolean()
      .default(false)
      .describe("whether deleting this removes the database file; else it is left as it is"),
  })
  .refine(
    (each) => (each.directory === undefined) !== (each.migrations === undefined),
    "needs either directory or migrations",
  )

const outputs = z.object({
  database: z.string().describe("path of the database file"),
  applied: z.int().describe("how many migrations have run"),
  version: z.string().describe("name of the last one; empty before the first"),
  checksum: z.string().describe("SHA-256 over the names and checksums of all that have run"),
})

type Props = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/** What a read of a database and a directory found; plain data for `plan`. */
interface Shown extends Readonly<Record<string, Json>> {
  /** Null where the directory is not there. */
  readonly wanted: readonly { readonly name: string; readonly checksum: string }[] | null
  readonly applied: readonly { readonly name: string; readonly checksum: string }[]
}

/**
 * The schema of a SQLite database: ordered migrations, each run once, in one transaction with its record.
 * @example resource(sqlite.migrations, "schema", { database: "/srv/shop/orders.db", directory: "/srv/shop/migrations" })
 */
export const migrations = provider<typeof props, typeof outputs, unknown>({
  kind: "sqlite.migrations",
  version: 1,
  about: "The schema of a SQLite database: ordered, checksummed migrations, each in one transaction.",
  connects: "none",
  props,
  outputs,
  settles: "unique",
  stable: ["database"],
  timeoutMs: TIMEOUT_MS,
  id: ({ database }) => database,
  idOf: ({ database }) => database,
  predict,
  readsHere: ({ directory }) => (directory === undefined ? [] : [directory]),
  read,
  plan,
  ensure,
  delete: remove,
})

function predict({ database, migrations: inline }: Props): Partial<Outputs> {
  if (inline === undefined) return { database }
  return schemaOf(
    database,
    inline.map(({ name, sql }) => migration(name, sql)),
  )
}

async function read(
  keys: readonly Key<Props, Outputs>[],
  call: Read<unknown>,
): Promise<ReadonlyMap<Address, Seen<Outputs>>> {
  const answers = keys.map(async (key): Promise<readonly [Address, Seen<Outputs>]> => {
    try {
      return [key.address, await readOne(key, call.signal)]
    } catch (thrown) {
      return [key.address, { failed: asFettleError(thrown, "READ_FAILED").at(key.address, undefined) }]
    }
  })
  return new Map(await Promise.all(answers))
}

async function readOne({ address, id, want, last }: Key<Props, Outputs>, signal: AbortSignal): Promise<Seen<Outputs>> {
  const path = id ?? want?.database ?? last?.outputs.database
  if (path === undefined)
    throw new FettleError("READ_FAILED", `${address}: neither the program nor state names its database`)
  const wanted = want === undefined ? undefined : wantedOf(want)?.map(({ name, checksum }) => ({ name, checksum }))
  const found = await readDatabase(path, signal, (database) => {
    const tables = tablesIn(database)
    if (tables.length === 0) return undefined
    const isOurs = tables.includes("fettle_migrations")
    return { applied: isOurs ? appliedIn(database) : [], mark: isOurs ? markIn(database) : undefined }
  })
  const applied = (found?.applied ?? []).map(({ name, checksum }) => ({ name, checksum }))
  const shown: Shown = { wanted: wanted ?? null, applied }
  // An absent schema shows what would run, too.
  if (found === undefined) return { absent: true, shown } as { readonly absent: true }
  const { mark } = found
  return { outputs: schemaOf(path, applied), id: path, shown, ...(mark === undefined ? {} : { mark }) }
}

function wantedOf({ directory, migrations: inline }: Props): readonly Migration[] | undefined {
  if (directory !== undefined) return readMigrations(directory)
  return inOrder((inline ?? []).map(({ name, sql }) => migration(name, sql)))
}

/** @throws FettleError `MIGRATION_EDITED`, `MIGRATION_ORDER` */
function plan(want: Props, seen: Seen<Outputs>, _last: Last<Props, Outputs> | undefined): Change<Props> {
  if ("failed" in seen) return { action: "none", because: "it could not be read" }
  const shown = "shown" in seen ? (seen.shown as Shown) : undefined
  const wanted = shown?.wanted ?? inlineOf(want)
  if (wanted === undefined) return missing(want, seen)
  const pending = pendingOf(wanted, shown?.applied ?? [])
  const because = reasonOf(pending)
  const text = pending.map((name) => `+${name}`).join("\n")
  const exactly = wanted.filter(({ name }) => pending.includes(name)).map(nameAndSum)
  if ("absent" in seen) return { action: "create", because, text, exactly }
  return pending.length === 0 ? { action: "none" } : { action: "update", props: [], because, text, exactly }
}

function nameAndSum({ name, checksum }: Applied): string {
  return `${name} ${checksum}`
}

function inlineOf({ migrations: inline }: Props): readonly Applied[] | undefined {
  return inline === undefined ? undefined : inOrder(inline.map(({ name, sql }) => migration(name, sql)))
}

/** A directory that is not there may still come, before anything has run; afterwards its migrations are gone. */
function missing({ directory }: Props, seen: Seen<Outputs>): Change<Props> {
  if ("absent" in seen) return { action: "create", because: "the directory of the migrations is not there yet" }
  throw new FettleError("MIGRATION_EDITED", `the directory ${directory} is gone`)
}

function reasonOf(pending: readonly string[]): string {
  const named = pending.slice(0, NAMED_MAX).map(quoted)
  const rest = pending.length > NAMED_MAX ? [`and ${pending.length - NAMED_MAX} more`] : []
  return `${pending.length} ${pending.length === 1 ? "migration" : "migrations"} to run${pending.length === 0 ? "" : ": "}${[...named, ...rest].join(", ")}`
}

/**
 * Runs what was planned, and nothing that has come since.
 * @throws FettleError `MIGRATION_FAILED`, `MIGRATION_EDITED`, `MIGRATION_ORDER`, `READ_FAILED`, `STALE`
 */
async function ensure(want: Props, seen: Seen<Outputs>, change: Change<Props>, call: Write<unknown>): Promise<Outputs> {
  const wanted = wantedOf(want)
  if (wanted === undefined)
    throw new FettleError("READ_FAILED", `there is no directory ${want.directory}`, { details: { notMade: true } })
  const { database, busyTimeoutMs } = want
  const only = plannedOf(wanted, seen, change.exactly)
  const order: Order = { database, busyTimeoutMs, migrations: wanted, only, token: call.intent.token }
  const script = new URL(import.meta.url.endsWith(".ts") ? "./migrate-child.ts" : "./migrate-child.js", import.meta.url)
  const onMessage = (told: object): void => {
    if ("begins" in told) call.log(`runs ${quoted(String(told.begins))}`)
  }
  const end = (await runChild(script, order, call.signal, onMessage, (text) => call.hide?.(text) ?? text)) as Exclude<
    Told,
    { begins: string }
  >
  if ("failed" in end) {
    const { code, fact, next, notMade } = end.failed
    throw new FettleError(code as ErrorCode, fact, { next, details: { notMade } })
  }
  return schemaOf(database, end.applied)
}

/**
 * Names of the planned ones; undefined where the plan could not tell.
 * @throws FettleError `STALE` where one was edited or is gone, or where one has come that would have to run before it
 */
function plannedOf(
  wanted: readonly Migration[],
  seen: Seen<Outputs>,
  exactly: readonly string[] | undefined,
): readonly string[] | undefined {
  if (exactly === undefined) return undefined
  const stale = (fact: string): FettleError => new FettleError("STALE", fact, { details: { notMade: true } })
  const here = wanted.map(nameAndSum)
  const names = exactly.map((each) => each.slice(0, each.lastIndexOf(" ")))
  const moved = names.find((_, at) => !here.includes(exactly[at] as string))
  if (moved !== undefined) throw stale(`${quoted(moved)} was edited, or is gone, since it was planned`)
  const last = wanted.findLastIndex(({ name }) => names.includes(name))
  const applied = ("shown" in seen ? (seen.shown as Shown) : undefined)?.applied ?? []
  const known = new Set([...names, ...applied.map(({ name }) => name)])
  const late = wanted.find(({ name }, at) => at < last && !known.has(name))
  if (late !== undefined) throw stale(`${quoted(late.name)} has come since the plan, and would have to run first`)
  return names
}

/** Forgets the schema; removes the database where the props say so. */
async function remove(
  _seen: Seen<Outputs>,
  last: Last<Props, Outputs> | undefined,
  _call: Write<unknown>,
): Promise<void> {
  if (last === undefined || !last.props.dropOnDelete) return
  // The file itself is last: a log without it could come to life in a new database of the same name.
  for (const ending of ["-journal", "-wal", "-shm", ""]) rmSync(`${last.outputs.database}${ending}`, { force: true })
}
