import type { Param, Row } from "../../connect/database-session.ts"
import { isPlain } from "../../program/output.ts"
import type { ExpectedData } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, no, type Question, yes } from "../answer.ts"
import { claimsOf, judge } from "../judge.ts"
import { type Far, type Got, paramOf, ROWS_MAX, type SqlSettings } from "./sql-far.ts"
import { judgeMigrated } from "./sql-migrated.ts"

/** Asks a database: a file of SQLite, or a server, from here or from a host. */
export const sql: Asker<SqlSettings> = { timeoutMs: 60_000, late: "no", ask }

async function ask(settings: SqlSettings, question: Question): Promise<Answer> {
  const begun = performance.now()
  const far = await open(settings, question)
  if ("verdict" in far) return far
  try {
    const answer = await put(far, settings, question)
    return { ...answer, measured: { ...answer.measured, ...far.measured } }
  } catch (error) {
    if (question.signal.aborted) throw error
    if (error instanceof TypeError) return { ...inconclusive(`the row is wrong: ${error.message}`), lasting: true }
    return far.failure(error, Math.round(performance.now() - begun))
  } finally {
    far.end()
  }
}

/** Each kind of database is loaded when it is first asked. */
async function open(settings: SqlSettings, question: Question): Promise<Far | Answer> {
  if (settings.sqlite === undefined) return (await import("./sql-server.ts")).openServer(settings, question)
  if (question.where.type === "here")
    return (await import("./sqlite-here.ts")).openHere(settings.sqlite, settings.busyTimeoutMs, question)
  return (await import("./sqlite-there.ts")).openThere(settings.sqlite, settings.busyTimeoutMs, question)
}

async function put(far: Far, settings: SqlSettings, question: Question): Promise<Answer> {
  if (settings.query !== undefined) {
    const asked = Object.keys(settings.first ?? {}).map(columnOf)
    return judgeQuery(await far.query(settings.query, settings.params, asked), settings, question)
  }
  return settings.write === undefined
    ? judgeMigrated(far, settings.migrated ?? {}, question)
    : write(far, settings, question)
}

/** The column that a path begins with. */
function columnOf(path: string): string {
  return (path.split(/(?<!\\)\./)[0] ?? "").replaceAll("\\.", ".")
}

async function judgeQuery(got: Got, { rows, first }: SqlSettings, question: Question): Promise<Answer> {
  const measured = { rows: got.rows, durationMs: got.durationMs }
  if (got.more && rows !== undefined && !tellsOfMore(rows))
    return inconclusive(`the query gives more than ${ROWS_MAX} rows: let the database count them`, measured)
  const number = { name: "the number of rows", value: got.rows, expected: rows ?? { min: 1 } }
  const [wrongNumber, ...wrongCells] = await judge([number, ...claimsOf(got.first ?? {}, first ?? {})], question)
  const count = `${got.more ? "more than " : ""}${got.rows} ${got.rows === 1 ? "row" : "rows"}`
  return judged(
    [wrongNumber, ...wrongCells.map((each) => each && `in the first row, ${each}`)],
    `${count}${got.first === undefined ? "" : `, the first ${shownRow(got.first, question)}`}`,
    measured,
  )
}

/** Whether an expectation of a number is decided where it is only known to be larger than the most that is read. */
export function tellsOfMore(expected: ExpectedData): boolean {
  if (!isPlain(expected) || "regex" in expected) return typeof expected === "number" && expected <= ROWS_MAX
  const { min, max, equals, ...others } = expected
  if (Object.values(others).some((each) => each !== undefined)) return false
  const bounds = [min, max, equals].filter((each) => each !== undefined)
  return bounds.length > 0 && bounds.every((each) => typeof each === "number" && each <= ROWS_MAX)
}

function shownRow(row: Row, { show }: Question): string {
  const text = (cell: unknown): unknown => (cell instanceof Uint8Array ? `${cell.length} bytes` : cell)
  return show(Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, text(cell)])))
}

async function write(far: Far, { write: asked, sqlite }: SqlSettings, question: Question): Promise<Answer> {
  const { show, hide } = question
  const { table, row } = asked ?? { table: "", row: {} }
  const hasJson = sqlite === undefined
  const given = Object.fromEntries(
    Object.entries(row).map(([name, value]): [string, Param] => [name, paramOf(name, value, hasJson)]),
  )
  const wrote = await far.write(table, given)
  if ("unwritable" in wrote) return { ...inconclusive(wrote.unwritable), lasting: true }
  const { found, other, stayed, triggers, durationMs } = wrote
  const measured = { durationMs }
  if (stayed) return no(`the row that was written to ${table} is still there after its rollback: remove it`, measured)
  if (found === undefined) return no(`a row written to ${table} was not there when it was read back`, measured)
  if (other.length > 0)
    return no(
      `a row written to ${table} was read back with another ${other.map((name) => `${name} (${show(found[name])})`).join(", ")}`,
      measured,
    )
  const too = triggers.length === 0 ? "" : `; triggers ran, too: ${hide(triggers.join(", "))}`
  return yes(`a row was written to ${table}, read back and rolled back in ${durationMs} ms${too}`, measured)
}
