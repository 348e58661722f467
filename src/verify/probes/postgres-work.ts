import type { DatabaseSession, Limits, Param, Row } from "../../connect/database-session.ts"
import type { ServerWork } from "./server-work.ts"
import { partsOf, sameCell, type Unwritable, type Wrote } from "./sql-far.ts"

/** PostgreSQL's own way to write a row and look for it. */
export const postgresWork: ServerWork = { quoted, write, columns }

type Session = DatabaseSession
type RowToWrite = Readonly<Record<string, Param>>

function quoted(name: string): string {
  return partsOf(name)
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".")
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
  await session.begin("writes", limits)
  const known = await tableOf(session, target)
  const look = lookFor(target, row, known)
  const before = known.hasPlace ? undefined : await look.count(session, "")
  const place = await insert(session, target, row, known.hasPlace)
  const found = await look.read(session, place)
  await session.rollback()
  await session.begin("reads", limits)
  const after = await look.count(session, place)
  await session.rollback()
  const durationMs = Math.round(performance.now() - started)
  const other = Object.keys(row).filter((name, at) => found !== undefined && !isSame(row[name], found, at))
  const shown = found && Object.fromEntries(Object.keys(row).map((name, at) => [name, found[`v${at}`] ?? null]))
  return { found: shown, other, stayed: after > (before ?? 0), triggers: known.triggers, durationMs }
}

/** The server compares as the type of the column does; what it says differs may still be the same text or number. */
function isSame(given: Param | undefined, found: Row, at: number): boolean {
  return found[`s${at}`] === true || sameCell(given ?? null, found[`v${at}`])
}

interface KnownTable {
  /** A row has a place of its own: not in a view. */
  readonly hasPlace: boolean
  readonly triggers: readonly string[]
  /** Columns whose type cannot be compared, and what can be in its place. */
  readonly casts: ReadonlyMap<string, string>
}

const TABLE = `select c.relkind in ('r', 'p') as place,
  array(select t.tgname::text from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D'
    and (t.tgtype & 4) <> 0)::text as triggers
  from pg_class c where c.oid = $1::text::regclass`
const CASTS = `select a.attname::text as name, a.atttypid::regtype::text as type from pg_attribute a
  where a.attrelid = $1::text::regclass and a.attnum > 0 and a.atttypid::regtype::text in ('json', 'xml', 'point', 'polygon')`

async function tableOf(session: Session, target: string): Promise<KnownTable> {
  const [table] = await all(session, TABLE, [target])
  const casts = await all(session, CASTS, [target])
  return {
    hasPlace: table?.place === true,
    triggers: /^\{(.*)\}$/.exec(String(table?.triggers))?.[1]?.match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [],
    casts: new Map(casts.map(({ name, type }) => [String(name), type === "json" ? "::jsonb" : "::text"])),
  }
}

async function insert(session: Session, target: string, row: RowToWrite, hasPlace: boolean): Promise<string> {
  const names = Object.keys(row)
  const columns = `(${names.map((name) => quoted(`"${name.replaceAll('"', '""')}"`)).join(", ")})`
  const values =
    names.length === 0 ? "default values" : `${columns} values (${names.map((_, at) => `$${at + 1}`).join(", ")})`
  const returning = hasPlace ? " returning tableoid::text || ctid::text as place" : ""
  const [written] = await all(session, `insert into ${target} ${values}${returning}`, Object.values(row))
  return String(written?.place ?? "")
}

interface Look {
  read(session: Session, place: string): Promise<Row | undefined>
  count(session: Session, place: string): Promise<number>
}

/** By its place and its values: the place alone may be another row's later. */
function lookFor(target: string, row: RowToWrite, { hasPlace, casts }: KnownTable): Look {
  const values = Object.values(row)
  const columns = Object.keys(row).map((name) => {
    const cast = casts.get(name) ?? ""
    return { name: `"${name.replaceAll('"', '""')}"`, cast }
  })
  const same = columns.map(({ name, cast }, at) => `${name}${cast} is not distinct from $${at + 1}${cast}`)
  const [table, tid] = [`$${values.length + 1}::text::oid`, `$${values.length + 2}::text::tid`]
  const place = `tableoid = ${table} and ctid = ${tid}`
  const only = (where: readonly string[]): string => (where.length === 0 ? "true" : where.join(" and "))
  const placed = (at: string): readonly Param[] => (hasPlace ? [...values, ...at.split(/(?=\()/)] : values)
  return {
    read: async (session, at) => {
      const cells = columns.flatMap(({ name }, each) => [`${name}::text as v${each}`, `${same[each]} as s${each}`])
      const text = `select ${["1 as is", ...cells].join(", ")} from ${target} where ${only(hasPlace ? [place] : same)} limit 1`
      return (await all(session, text, placed(at)))[0]
    },
    count: async (session, at) => {
      const where = only(hasPlace ? [place, ...same] : same)
      const [row_] = await all(session, `select count(*) as n from ${target} where ${where}`, placed(at))
      return Number(row_?.n)
    },
  }
}

const COLUMNS = `select a.attname::text as column from pg_attribute a
  where a.attrelid = to_regclass($1::text) and a.attnum > 0 and not a.attisdropped order by a.attnum`

async function columns(session: Session, tables: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>()
  for (const table of tables) {
    const names = (await all(session, COLUMNS, [quoted(table)])).map(({ column }) => String(column))
    if (names.length > 0) found.set(table, names)
  }
  return found
}
