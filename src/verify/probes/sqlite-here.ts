import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import type { Param } from "../../connect/database-session.ts"
import { causeText } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import { type Answer, inconclusive, no, type Question } from "../answer.ts"
import { onThread } from "../on-thread.ts"
import { type Far, ROWS_MAX, sameCell } from "./sql-far.ts"
import type { columnsOf, queryRows, recordsOf, writeAndReadBack } from "./sql-work.ts"

const WORK = new URL(import.meta.url.endsWith(".ts") ? "./sql-work.ts" : "./sql-work.js", import.meta.url)

/** A SQLite database of this machine, on a worker thread: SQLite waits, and a query may take long. */
export async function openHere(named: string, busyTimeoutMs: number, question: Question): Promise<Far | Answer> {
  const path = resolve(question.tools.cwd, named)
  const absent = await absence(path)
  if (absent !== undefined) return absent
  const patiently = <T>(work: () => Promise<T>): Promise<T> => unlessLocked(busyTimeoutMs, question, work, isLocked)
  let reads = true
  return {
    measured: {},
    query: async (text, params, asked) => ({
      more: false,
      ...(await patiently(() => onThread<typeof queryRows>(WORK, "queryRows", question)(path, text, params, asked))),
    }),
    write: async (table, row) => {
      reads = false
      const given = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, inputOf(value)]))
      const wrote = await patiently(() =>
        onThread<typeof writeAndReadBack>(WORK, "writeAndReadBack", question)(path, table, given),
      )
      const { found } = wrote
      return { ...wrote, other: Object.keys(row).filter((name) => found && !sameCell(given[name], found[name])) }
    },
    columns: (tables) => patiently(() => onThread<typeof columnsOf>(WORK, "columnsOf", question)(path, tables)),
    records: (table, columns) =>
      patiently(() => onThread<typeof recordsOf>(WORK, "recordsOf", question)(path, table, columns, ROWS_MAX)),
    failure: (thrown, tookMs) => sqliteFailure(path, codeOf(thrown), causeText(thrown), tookMs, reads),
    end: () => {},
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

/** SQLite has no booleans. */
export function inputOf(value: Param): Exclude<Param, boolean> {
  return typeof value === "boolean" ? Number(value) : value
}

/** Pause between two tries at a locked database, in milliseconds. */
const RETRY_MS = 25

/** Tries again while somebody else holds the lock; no thread is held meanwhile. */
export async function unlessLocked<T>(
  limitMs: number,
  question: Question,
  work: () => Promise<T>,
  locked: (thrown: unknown) => boolean,
): Promise<T> {
  const endMs = performance.now() + limitMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!locked(error) || performance.now() >= endMs) throw error
      question.at("the database is locked")
      await sleep(RETRY_MS, question.signal)
    }
  }
}

/** SQLite's result codes, as far as they decide what a failure means. */
export const CODE = { error: 1, busy: 5, locked: 6, readOnly: 8, cannotOpen: 14 } as const

function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === "number" ? errcode & 0xff : undefined // the low byte; the rest is detail
}

function isLocked(error: unknown): boolean {
  const code = codeOf(error)
  return code === CODE.busy || code === CODE.locked
}

export function sqliteFailure(
  path: string,
  code: number | undefined,
  words: string,
  tookMs: number,
  reads: boolean,
): Answer {
  if (code === undefined || code === CODE.cannotOpen) return inconclusive(`${path} could not be asked: ${words}`)
  if (code === CODE.busy || code === CODE.locked) return no(`${path} stayed locked for ${tookMs} ms`)
  if (code === CODE.readOnly && reads)
    return inconclusive("a query may only read; writeAndReadBack writes, and rolls back")
  if (code === CODE.error && !/no such (table|column)|has no column/.test(words))
    return inconclusive(`the statement is wrong: ${words}`)
  return no(`${path}: ${words}`)
}
