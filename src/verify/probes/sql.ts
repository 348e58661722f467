import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { causeText } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, no, type Question, yes } from "../answer.ts"
import { cpu } from "../cpu.ts"
import { fault, faults, shown } from "../expectation.ts"
import type { queryRows, writeAndReadBack } from "./sql-work.ts"

type Settings = ProbeSettings<"sql">
type Input = string | number | bigint | null | Uint8Array

/** Pause between two tries at a locked database, in milliseconds. */
const RETRY_MS = 25

/** Asks a SQLite database on a worker thread: SQLite waits, and a query may take long. */
export const sql: Asker<Settings> = { timeoutMs: 60_000, late: "no", ask }

const WORK = new URL(import.meta.url.endsWith(".ts") ? "./sql-work.ts" : "./sql-work.js", import.meta.url)

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const path = resolve(question.tools.cwd, settings.sqlite)
  const absent = await absence(path)
  if (absent !== undefined) return absent
  const started = performance.now()
  try {
    return await unlessLocked(settings.busyTimeoutMs, question, () =>
      settings.write === undefined ? query(path, settings, question) : write(path, settings.write, question),
    )
  } catch (error) {
    if (question.signal.aborted) throw error
    return failure(path, error, Math.round(performance.now() - started), settings)
  }
}

async function absence(path: string): Promise<Answer | undefined> {
  try {
    return (await stat(path)).isFile() ? undefined : no(`${path} is not a file`)
  } catch (error) {
    const { code } = error as { code?: unknown }
    return code === "ENOENT" || code === "ENOTDIR"
      ? no(`there is no database at ${path}`)
      : inconclusive(`${path} cannot be opened: ${causeText(error)}`)
  }
}

async function query(
  path: string,
  { query: text = "", params, rows, first }: Settings,
  { signal }: Question,
): Promise<Answer> {
  const started = performance.now()
  const got = await cpu<typeof queryRows>(WORK, "queryRows", { signal })(path, text, params)
  const measured = { rows: got.rows, durationMs: Math.round(performance.now() - started) }
  const wrong = [
    fault("the number of rows", got.rows, rows ?? { min: 1 }),
    ...faults(got.first ?? {}, first ?? {}).map((each) => each && `in the first row, ${each}`),
  ]
  return judged(
    wrong,
    `${got.rows} ${got.rows === 1 ? "row" : "rows"}${got.first === undefined ? "" : `, the first ${shown(got.first)}`}`,
    measured,
  )
}

async function write(
  path: string,
  { table, row }: NonNullable<Settings["write"]>,
  { signal }: Question,
): Promise<Answer> {
  const started = performance.now()
  const given = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cellOf(name, value)]))
  const found = await cpu<typeof writeAndReadBack>(WORK, "writeAndReadBack", { signal })(path, table, given)
  const measured = { durationMs: Math.round(performance.now() - started) }
  if (found === undefined) return no(`a row written to ${table} was not there when it was read back`, measured)
  const other = Object.keys(given).filter((name) => !sameCell(given[name], found[name]))
  if (other.length > 0)
    return no(
      `a row written to ${table} was read back with another ${other.map((name) => `${name} (${shown(found[name])})`).join(", ")}`,
      measured,
    )
  return yes(`a row was written to ${table}, read back and rolled back in ${measured.durationMs} ms`, measured)
}

function cellOf(name: string, value: unknown): Input {
  if (typeof value === "boolean") return value ? 1 : 0
  if (
    value === null ||
    typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "bigint" ||
    value instanceof Uint8Array
  )
    return value
  throw new TypeError(`column ${name} cannot hold ${shown(value)}`)
}

/** A column may turn a text into a number and back; what it means stays the same. */
function sameCell(given: unknown, found: unknown): boolean {
  if (given instanceof Uint8Array || found instanceof Uint8Array)
    return isDeepStrictEqual(Buffer.from(given as Uint8Array), Buffer.from(found as Uint8Array))
  return given === found || (given !== null && found !== null && String(given) === String(found))
}

/** Tries again while somebody else holds the lock; no thread is held meanwhile. */
async function unlessLocked(limitMs: number, question: Question, work: () => Promise<Answer>): Promise<Answer> {
  const endMs = performance.now() + limitMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isLocked(error) || performance.now() >= endMs) throw error
      question.at("the database is locked")
      await sleep(RETRY_MS, question.signal)
    }
  }
}

/** SQLite's result codes, as far as they decide what a failure means. */
const CODE = { error: 1, busy: 5, locked: 6, readOnly: 8, cannotOpen: 14 } as const

function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === "number" ? errcode & 0xff : undefined // the low byte; the rest is detail
}

function isLocked(error: unknown): boolean {
  const code = codeOf(error)
  return code === CODE.busy || code === CODE.locked
}

function failure(path: string, error: unknown, tookMs: number, settings: Settings): Answer {
  const code = codeOf(error)
  const words = causeText(error)
  if (code === undefined || code === CODE.cannotOpen) return inconclusive(`${path} could not be asked: ${words}`)
  if (isLocked(error)) return no(`${path} stayed locked for ${tookMs} ms`)
  if (code === CODE.readOnly && settings.write === undefined)
    return inconclusive("a query may only read; writeAndReadBack writes, and rolls back")
  if (code === CODE.error && !/no such (table|column)|has no column/.test(words))
    return inconclusive(`the statement is wrong: ${words}`)
  return no(`${path}: ${words}`)
}
