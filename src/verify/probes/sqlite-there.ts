import type { Cell, Param, Row } from "../../connect/database-session.ts"
import { causeText } from "../../errors.ts"
import { type Answer, inconclusive, no, type Question } from "../answer.ts"
import { type Far, type Got, ROWS_MAX, refusedQuery, sameCell, shortened, type Wrote, wordsOf } from "./sql-far.ts"
import { CODE, inputOf, sqliteFailure } from "./sqlite-here.ts"
import { SQLITE_PYTHON } from "./sqlite-python.ts"

/** Exit codes of a shell: no such command, and one that must not be run. */
const NO_COMMAND = [126, 127]

/** What went wrong there: see `sqlite-python.ts`. */
class ThereError extends Error {
  readonly kind: string

  constructor(kind: string, words: string) {
    super(words)
    this.kind = kind
  }
}

/** A SQLite database on a host, asked by the host's own python3, or its sqlite3 where it only reads. */
export async function openThere(path: string, busyTimeoutMs: number, question: Question): Promise<Far> {
  let reads = true
  const order = <T>(parts: { readonly do: string; readonly [name: string]: unknown }): Promise<T> =>
    byPython(question, { path, busyMs: busyTimeoutMs, ...parts })
  const orTool = async <T>(asked: Promise<T>, tool: () => Promise<T>): Promise<T> => {
    try {
      return await asked
    } catch (thrown) {
      if (!(thrown instanceof ThereError) || thrown.kind !== "no python3") throw thrown
      return tool()
    }
  }
  const select = (text: string): Promise<readonly Row[]> => byTool(question, path, busyTimeoutMs, text)
  return {
    measured: question.where.type === "host" ? { from: question.where.name } : {},
    query: (text, params, asked) => {
      const refused = refusedQuery(text)
      if (refused !== undefined) throw new ThereError("refused", refused)
      return orTool(order<Got>({ do: "query", text, params, asked }).then(mended), () =>
        counted(select, text, params, asked),
      )
    },
    write: async (table, row) => {
      reads = false
      const given = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, inputOf(value)]))
      const sent = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, sentOf(value)]))
      const wrote = mended(await order<Omit<Wrote, "other">>({ do: "write", table, row: sent }))
      const { found } = wrote
      return { ...wrote, other: Object.keys(row).filter((name) => found && !sameCell(given[name], found[name])) }
    },
    columns: async (tables) => {
      const found = await orTool(order<[string, string[]][]>({ do: "columns", tables }), async () =>
        Promise.all(
          tables.map(async (table): Promise<[string, string[]]> => {
            const rows = await select(`select name from pragma_table_info(${literal(table)})`)
            return [table, rows.map(({ name }) => String(name))]
          }),
        ),
      )
      return new Map(found.filter(([, columns]) => columns.length > 0))
    },
    records: async (table, columns) => {
      const words = columns.map((each) => `"${each.replaceAll('"', '""')}"`).join(", ")
      const text = `select ${words} from "${table.replaceAll('"', '""')}" limit ${ROWS_MAX + 1}`
      const rows = await orTool(order<readonly Row[] | null>({ do: "records", table, columns, max: ROWS_MAX }), () =>
        select(text),
      )
      return rows === null || rows.length > ROWS_MAX ? undefined : rows
    },
    failure: (thrown, tookMs) => failureOf(thrown, path, question, tookMs, reads),
    end: () => {},
  }
}

/** @throws ThereError */
async function byPython<T>(question: Question, order: object): Promise<T> {
  const { exitCode, stdout, stderr } = await question.tools.run(["python3", "-c", SQLITE_PYTHON], {
    input: JSON.stringify(order),
    signal: question.signal,
    timeoutMs: question.limitMs,
    check: false,
  })
  if (NO_COMMAND.includes(exitCode) || /No module named '?_?sqlite3/.test(stderr))
    throw new ThereError("no python3", "the host has no python3: install it, or sqlite3 for checks that only read")
  const answer = parsed(stdout) as { ok?: T; error?: string; words?: string } | undefined
  if (answer === undefined) throw new ThereError("broken", stderr.trim() || "more was said than is kept (1 MB)")
  if (answer.error !== undefined) throw new ThereError(answer.error, answer.words ?? "")
  return answer.ok as T
}

/** Rows from the command line shell of SQLite, which must only read. @throws ThereError */
async function byTool(question: Question, path: string, busyMs: number, text: string): Promise<readonly Row[]> {
  // After a whole statement a line that begins with a dot is a command to the shell itself.
  if (/^\s*\./m.test(text))
    throw new ThereError("refused", "a line of the query begins with a dot: install python3 there")
  const script =
    'test -e "$1" || { echo absent; exit 3; }; test -f "$1" || { echo other; exit 3; }; case $1 in /*) p=$1 ;; *) p=./$1 ;; esac; exec sqlite3 -batch -bail -readonly -json "$p"'
  const { exitCode, stdout, stderr } = await question.tools.run(["sh", "-c", script, "sh", path], {
    input: `.timeout ${busyMs}\n${text}\n;\n`,
    signal: question.signal,
    timeoutMs: question.limitMs,
    check: false,
  })
  if (NO_COMMAND.includes(exitCode))
    throw new ThereError("no tool", "the host has neither python3 nor sqlite3: install one of them")
  if (exitCode === 3)
    throw new ThereError(
      "absent",
      stdout.startsWith("absent") ? `there is no database at ${path}` : `${path} is not a file`,
    )
  if (exitCode !== 0) throw new ThereError(kindOf(stderr), stderr.trim())
  const rows = stdout.trim() === "" ? [] : parsed(stdout)
  if (!Array.isArray(rows))
    throw new ThereError("broken", "sqlite3 there gave no single table: install python3, or ask for less")
  return rows as Row[]
}

function kindOf(words: string): string {
  if (/locked/.test(words)) return "locked"
  if (/readonly/.test(words)) return "readonly"
  if (/unable to open/.test(words)) return "open"
  return /no such table|no such column|not a database|malformed/.test(words) ? "no" : "statement"
}

async function counted(
  select: (text: string) => Promise<readonly Row[]>,
  text: string,
  params: readonly unknown[],
  asked: readonly string[],
): Promise<Got> {
  const started = performance.now()
  if (params.length > 0)
    throw new ThereError("no tool", "a query with parameters needs python3 on the host: install it")
  const bare = text.replace(/(?:\s|;)+$/, "")
  const [count] = await select(`select count(*) as n from (\n${bare}\n)`)
  const [first] = await select(`select * from (\n${bare}\n) limit 1`)
  const durationMs = Math.round(performance.now() - started)
  return { rows: Number(count?.n), more: false, first: first && shortened(first, asked), durationMs }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function sentOf(value: Exclude<Param, boolean>): unknown {
  if (typeof value === "bigint") return String(value)
  return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : value
}

/** Bytes came as text. */
function mended<T extends { readonly first?: Row | undefined; readonly found?: Row | undefined }>(got: T): T {
  const cell = (each: Cell): Cell =>
    typeof each === "object" && each !== null && "bytes" in each
      ? Uint8Array.from(Buffer.from(String(each.bytes), "base64"))
      : each
  const row = (each: Row | null | undefined): Row | undefined =>
    each ? Object.fromEntries(Object.entries(each).map(([name, value]) => [name, cell(value)])) : undefined
  return {
    ...got,
    ...("first" in got ? { first: row(got.first) } : {}),
    ...("found" in got ? { found: row(got.found) } : {}),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const CODES: Readonly<Record<string, number>> = {
  locked: CODE.busy,
  readonly: CODE.readOnly,
  open: CODE.cannotOpen,
  statement: CODE.error,
}
/** No code of SQLite: it was asked and said no. */
const OTHER_CODE = 255

function failureOf(thrown: unknown, path: string, question: Question, tookMs: number, reads: boolean): Answer {
  if (!(thrown instanceof ThereError)) return inconclusive(`${path} could not be asked: ${causeText(thrown)}`)
  const words = wordsOf(thrown.message, question)
  if (thrown.kind === "absent") return no(words)
  if (["no python3", "no tool", "refused", "broken"].includes(thrown.kind)) return inconclusive(words)
  return sqliteFailure(path, CODES[thrown.kind] ?? OTHER_CODE, words, tookMs, reads)
}
