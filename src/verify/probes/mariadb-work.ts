import type { DatabaseSession, Limits, Param, Row } from "../../connect/database-session.ts"
import type { ServerWork } from "./server-work.ts"
import { partsOf, sameCell, type Unwritable, type Wrote } from "./sql-far.ts"

/** The way of MariaDB and MySQL to write a row and look for it. */
export const mariadbWork: ServerWork = { quoted, write, columns }

type Session = DatabaseSession
type RowToWrite = Readonly<Record<string, Param>>

function quoted(name: string): string {
  return partsOf(name).map(word).join(".")
}

function word(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``
}

async function all(session: Session, text: string, params: readonly Param[] = []): Promise<readonly Row[]> {
  const rows: Row[] = []
  await session.ask(text, params, (row) => {
    rows.push(row)
    return undefined
  })
  return rows
}

async function write(session: Session, table: string, row: RowToWrite, limits: Limits): Promise<Wrote | Unwritable> {
  const started = performance.now()
  const target = quoted(table)
  await session.begin("reads", limits)
  const known = await tableOf(session, table)
  await session.rollback()
  if (known.unwritable !== undefined) return { unwritable: known.unwritable }
  await session.begin("writes", limits)
  const key = await keyOf(session, table, row)
  const before = key.isWhole ? 0 : await count(session, target, row)
  const names = Object.keys(row).map(word).join(", ")
  const marks = Object.keys(row)
    .map(() => "?")
    .join(", ")
  await all(session, `insert into ${target} (${names}) values (${marks})`, Object.values(row))
  const made = key.made === undefined ? {} : { [key.made]: await lastId(session) }
  const found = await read(session, target, row, key.isWhole ? { ...key.given, ...made } : undefined)
  await session.rollback()
  const lost = await all(session, "show warnings")
  await session.begin("reads", limits)
  const after = await count(session, target, { ...row, ...made })
  await session.rollback()
  const durationMs = Math.round(performance.now() - started)
  const columns_ = Object.keys(row)
  const other = columns_.filter((name, at) => found !== undefined && !isSame(row[name], found, at))
  const shown = found && Object.fromEntries(columns_.map((name, at) => [name, found[`v${at}`] ?? null]))
  const stayed = after > before || lost.some(({ Code }) => Number(Code) === NOT_ROLLED_BACK)
  return { found: shown, other, stayed, triggers: known.triggers, durationMs }
}

/** "Some non-transactional changed tables couldn't be rolled back": a trigger wrote into one. */
const NOT_ROLLED_BACK = 1196

function isSame(given: Param | undefined, found: Row, at: number): boolean {
  const cell = found[`v${at}`]
  const isFloat = typeof cell === "number" && given !== null && Math.fround(Number(given)) === cell // a column of 32 bits
  return found[`s${at}`] === 1 || isFloat || sameCell(given ?? null, cell)
}

async function lastId(session: Session): Promise<Param> {
  return (await all(session, "select last_insert_id() as id"))[0]?.id as Param
}

interface KnownTable {
  readonly unwritable?: string
  readonly triggers: readonly string[]
}

const TABLE = `select t.table_type as type, t.engine as engine, e.transactions as safe from information_schema.tables t
  left join information_schema.engines e on e.engine = t.engine
  where t.table_schema = coalesce(?, database()) and t.table_name = ?`
const TRIGGERS = `select trigger_name as name from information_schema.triggers
  where event_object_schema = coalesce(?, database()) and event_object_table = ? and event_manipulation = 'INSERT'`

/** What is not there is for the insert to tell; but nothing is written where a rollback would not undo it. */
async function tableOf(session: Session, table: string): Promise<KnownTable> {
  const [found] = await all(session, TABLE, placeOf(table))
  const triggers = (await all(session, TRIGGERS, placeOf(table))).map(({ name }) => String(name))
  if (found === undefined) return { triggers }
  if (String(found.type).endsWith("VIEW"))
    return {
      triggers,
      unwritable: `${table} is a view, and whether its tables can roll back is not known: name the table`,
    }
  if (found.safe !== "YES")
    return {
      triggers,
      unwritable: `${table} is a table of ${found.engine}, which cannot roll back: nothing was written`,
    }
  return { triggers }
}

/** Schema, or null for the one of the session, and name. */
function placeOf(table: string): readonly Param[] {
  const parts = partsOf(table)
  return [parts.length > 1 ? (parts[0] ?? null) : null, parts.at(-1) ?? table]
}

interface Key {
  /** Every column of the primary key is known once the row is written. */
  readonly isWhole: boolean
  readonly given: RowToWrite
  /** The column that the server counts by itself. */
  readonly made: string | undefined
}

const KEY = `select column_name as name, extra as extra from information_schema.columns
  where table_schema = coalesce(?, database()) and table_name = ? and column_key = 'PRI'`

async function keyOf(session: Session, table: string, row: RowToWrite): Promise<Key> {
  const columns_ = await all(session, KEY, placeOf(table))
  const byName = new Map(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]))
  const given = columns_.flatMap(({ name }) => {
    const value = byName.get(String(name).toLowerCase())
    return value === undefined || value === null ? [] : [[String(name), value] as const]
  })
  const missing = columns_.filter(({ name }) => !given.some(([each]) => each === name))
  const made = missing.length === 1 && /auto_increment/i.test(String(missing[0]?.extra)) ? missing[0] : undefined
  const isWhole = columns_.length > 0 && (missing.length === 0 || made !== undefined)
  return { isWhole, given: Object.fromEntries(given), made: made && isWhole ? String(made.name) : undefined }
}

async function read(
  session: Session,
  target: string,
  row: RowToWrite,
  key: RowToWrite | undefined,
): Promise<Row | undefined> {
  const cells = Object.keys(row).flatMap((name, at) => [`${word(name)} as v${at}`, `${word(name)} <=> ? as s${at}`])
  const where = whereOf(key ?? row)
  const text = `select ${["1 as is_there", ...cells].join(", ")} from ${target} where ${where} limit 1`
  return (await all(session, text, [...Object.values(row), ...Object.values(key ?? row)]))[0]
}

async function count(session: Session, target: string, row: RowToWrite): Promise<number> {
  const text = `select count(*) as n from ${target} where ${whereOf(row)}`
  return Number((await all(session, text, Object.values(row)))[0]?.n)
}

function whereOf(row: RowToWrite): string {
  return (
    Object.keys(row)
      .map((name) => `${word(name)} <=> ?`)
      .join(" and ") || "true"
  )
}

const COLUMNS = `select column_name as name from information_schema.columns
  where table_schema = coalesce(?, database()) and table_name = ? order by ordinal_position`

async function columns(session: Session, tables: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>()
  for (const table of tables) {
    const names = (await all(session, COLUMNS, placeOf(table))).map(({ name }) => String(name))
    if (names.length > 0) found.set(table, names)
  }
  return found
}
