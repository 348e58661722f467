import { isDeepStrictEqual } from "node:util"
import type { Cell, Param, Row } from "../../connect/database-session.ts"
import { causeText } from "../../errors.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import type { Answer, Measured, Question } from "../answer.ts"

export type SqlSettings = ProbeSettings<"sql">

/** What a query gave. */
export interface Got {
  readonly rows: number
  /** There are more, and they were not read. */
  readonly more: boolean
  readonly first: Row | undefined
  readonly durationMs: number
}

/** What became of a row that was written in a transaction and rolled back. */
export interface Wrote {
  /** As it was read back; undefined where it was not there. */
  readonly found: Row | undefined
  /** Columns that were read back with another value than was written. */
  readonly other: readonly string[]
  /** After the rollback it was still there. */
  readonly stayed: boolean
  /** Names of triggers that ran, too. */
  readonly triggers: readonly string[]
  readonly durationMs: number
}

/** Why a row was not written: said before anything was. */
export interface Unwritable {
  readonly unwritable: string
}

/** A database that is open to one question. */
export interface Far {
  /** Reads alone. `asked`: columns whose cells are wanted whole. */
  query(text: string, params: readonly (string | number | null)[], asked: readonly string[]): Promise<Got>
  write(table: string, row: Readonly<Record<string, Param>>): Promise<Wrote | Unwritable>
  /** The columns of those tables that are there, by the table's name as it was asked. */
  columns(tables: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>
  /** All rows of a table, at most so many; undefined where there are more. */
  records(table: string, columns: readonly string[]): Promise<readonly Row[] | undefined>
  /** What a failure of these says. */
  failure(thrown: unknown, tookMs: number): Answer
  /** What is worth to be remembered of it. */
  readonly measured: Measured
  end(): void
}

/** Rows that are read of an answer, 10,000: who wants to know of more lets the database count. */
export const ROWS_MAX = 10_000

/** Longest text that is carried along only to be shown, in characters. */
const SHOWN_MAX = 200

/** A row to show, of which the cells that are asked for stay whole. */
export function shortened(row: Row, asked: readonly string[]): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, cell]) => [name, asked.includes(name) ? cell : short(cell)]),
  )
}

function short(cell: Cell): Cell {
  if (cell instanceof Uint8Array) return `${cell.length} bytes`
  const text = typeof cell === "object" && cell !== null ? JSON.stringify(cell) : cell
  return typeof text === "string" && text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : cell
}

/** A value of a row to write; an object is written as JSON where the database has a type for it. @throws TypeError */
export function paramOf(name: string, value: unknown, hasJson: boolean): Param {
  if (value === null || ["string", "number", "bigint", "boolean"].includes(typeof value)) return value as Param
  if (value instanceof Uint8Array) return value
  if (typeof value === "object" && hasJson) return JSON.stringify(value)
  throw new TypeError(`column ${name} cannot hold a ${typeof value}`)
}

/** A column may turn a text into a number and back; what it means stays the same. */
export function sameCell(given: unknown, found: unknown): boolean {
  if (given instanceof Uint8Array || found instanceof Uint8Array)
    return isDeepStrictEqual(Buffer.from(given as Uint8Array), Buffer.from(found as Uint8Array))
  if (given === null || found === null) return given === found
  if (typeof given === "boolean") return sameCell(Number(given), typeof found === "boolean" ? Number(found) : found)
  if (typeof found === "object") return typeof given === "string" && isDeepStrictEqual(parsed(given), found)
  return given === found || String(given) === String(found) || sameNumber(given, found)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** 2.50 as text is 2.5 in a numeric column, and 2 is "2.0" in one of text. Above 15 digits a number may have lost some. */
function sameNumber(given: unknown, found: unknown): boolean {
  const [a, b] = [String(given).trim(), String(found).trim()]
  if (a === "" || b === "" || (typeof given !== "number" && a.replace(/\D/g, "").length > 15)) return false
  return Number(a) === Number(b)
}

/** What a query may begin with: no server keeps a reader from writing into files. */
const READS = /^(?:select|with|values|explain|pragma|show|table|describe|desc)\b/i
const INTO_FILES = /\binto\s+(?:outfile|dumpfile)\b/i

/** Why a query is none, in words. */
export function refusedQuery(query: string): string | undefined {
  if (!READS.test(query.replace(/^(?:\s|;|\(|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, "")))
    return "a query may only read: it begins with select, with, values, explain, show or table"
  return INTO_FILES.test(query) ? "a query may only read, and not write into a file" : undefined
}

/**
 * The parts of a table's name: dots stand between schema and table.
 * @example partsOf("audit.orders") // ["audit", "orders"] · partsOf('"a.b"') // ["a.b"]
 */
export function partsOf(table: string): readonly string[] {
  const parts = table.match(/"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^.]+/g) ?? [table]
  return parts.map((part) =>
    /^["`]/.test(part) ? part.slice(1, -1).replaceAll(part.charAt(0).repeat(2), part.charAt(0)) : part,
  )
}

/** The words of a database in evidence: one line, bounded, without secrets. */
export function wordsOf(thrown: unknown, { hide }: Pick<Question, "hide">): string {
  const words = hide(typeof thrown === "string" ? thrown : causeText(thrown)).replace(/\s+/g, " ")
  return words.length <= WORDS_MAX ? words : `${words.slice(0, WORDS_MAX)}…`
}

/** Characters of a database's own words in evidence. */
const WORDS_MAX = 240
