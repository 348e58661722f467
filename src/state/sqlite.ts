import { dirname } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { causeText, FettleError } from "../errors.ts"
import type { DataKey } from "../secrets/key.ts"
import { asIntent, asLine, asRow, asRun, type Cells, cellsOf, flagsOf } from "./cells.ts"
import { makeStateFolder } from "./folder.ts"
import { isThere, makeStateFile } from "./state-file.ts"
import type { Batch, EndedLine, NewIntent, NewRun, Result, Row, Run, Snapshot, Store, Whole } from "./store.ts"

/** The version of the tables below. 2 remembers who may change a thing. */
const FORMAT = 2
/** Runs kept for `fettle runs` and `fettle logs`. */
const RUNS_KEPT = 50

/**
 * Why these tables: `resource` and `journal` are each one b-tree keyed by what is looked up, so that one change writes
 * two pages however many rows there are. Open intents are found from the first journal line of the oldest run that has
 * any, not by an index that every write would have to touch.
 */
const TABLES = `
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists resource (address text not null, deposed text not null, kind text not null, version integer not null, connection text not null,
  id text, flags integer not null, props text not null, outputs text not null, carry text, needs text not null, allowed text, primary key (address, deposed)) without rowid;
create table if not exists journal (seq integer primary key, run integer not null, address text not null, deposed text not null, action text not null, kind text not null,
  connection text not null, id text, token text not null, want text not null, needs text not null, progress text, started_at integer not null, orphaned_at integer,
  ended_at integer, outcome text, error text, open integer not null);
create table if not exists run (run integer primary key, id text not null, command text not null, who text not null, started_at integer not null, ended_at integer, outcome text);
create table if not exists target (connection text primary key, identity text not null) without rowid;
create table if not exists secret (name text primary key, sealed text not null) without rowid;
`

/** Longest wait for another process that is at the file, in milliseconds: it checks its log in as it ends. */
export const BUSY_MS = 5_000

/**
 * Opens the store of a stage, making it where there is none.
 * @throws FettleError `STATE_CORRUPT`, `STATE_NEWER`, `STATE_WRITE`
 */
export function openStore(file: string): Store {
  makeStateFolder(dirname(file))
  guarded(file, () => {
    if (!isThere(file))
      makeStateFile(file, `${TABLES}; insert into meta values ('format', '${FORMAT}'), ('open_from', '0')`)
  })
  const database = open(file)
  try {
    checkFormat(database, file)
    database.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = ${BUSY_MS}`)
    if (formatOf(database) === 1) addAllowed(database)
    return new SqliteStore(database, file)
  } catch (thrown) {
    database.close()
    throw thrown instanceof FettleError ? thrown : stateError(thrown, file)
  }
}

/** Format 2 has one column more, at the end as in a new table. */
function addAllowed(database: DatabaseSync): void {
  database.exec(
    `begin immediate; alter table resource add column allowed text; update meta set value = '${FORMAT}' where key = 'format'; commit`,
  )
}

function open(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file)
  } catch (thrown) {
    throw stateError(thrown, file)
  }
}

export function guarded<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    throw thrown instanceof FettleError ? thrown : stateError(thrown, file)
  }
}

/** The same for what takes its time. */
export async function guardedAll<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw thrown instanceof FettleError ? thrown : stateError(thrown, file)
  }
}

/** SQLite's primary result codes that mean the file itself is bad: SQLITE_CORRUPT and SQLITE_NOTADB. */
const CORRUPT = new Set([11, 26])

function stateError(thrown: unknown, file: string): FettleError {
  const code = ((thrown as { errcode?: number }).errcode ?? 0) & 0xff
  if (CORRUPT.has(code))
    return new FettleError("STATE_CORRUPT", `${file} is not a sound state file: ${causeText(thrown)}`, {
      cause: thrown,
    })
  return new FettleError("STATE_WRITE", `${file}: ${causeText(thrown)}`, { cause: thrown })
}

export function checkFormat(database: DatabaseSync, file: string): void {
  const tables = database.prepare("select name from sqlite_schema where type = 'table'").all() as { name: string }[]
  if (tables.length === 0) throw new FettleError("STATE_CORRUPT", `${file} has no tables`)
  if (!tables.some((each) => each.name === "meta"))
    throw new FettleError("STATE_CORRUPT", `${file} is a database of something else`)
  const format = formatOf(database)
  if (!Number.isInteger(format)) throw new FettleError("STATE_CORRUPT", `${file} does not say its format`)
  if (format > FORMAT) throw new FettleError("STATE_NEWER", `${file} has format ${format}; this Fettle knows ${FORMAT}`)
  const moved = database.prepare("select value from meta where key = 'moved'").get() as { value: string } | undefined
  if (moved !== undefined) throw new FettleError("STATE_MOVED", `${file} was moved to ${moved.value}`)
}

function formatOf(database: DatabaseSync): number {
  const row = database.prepare("select value from meta where key = 'format'").get() as { value: string } | undefined
  return Number(row?.value)
}

export class SqliteStore implements Store {
  readonly #database: DatabaseSync
  readonly #file: string
  readonly #statements = new Map<string, StatementSync>()

  constructor(database: DatabaseSync, file: string) {
    this.#database = database
    this.#file = file
  }

  async load(): Promise<Snapshot> {
    return guarded(this.#file, () => {
      const meta = this.#meta()
      const from = Number(meta.get("open_from") ?? 0)
      return {
        rows: (this.#prepare("select * from resource").all() as Cells[]).map(asRow),
        open: (
          this.#prepare("select * from journal where seq >= ? and open = 1 order by seq").all(from) as Cells[]
        ).map(asIntent),
        targets: this.#pairs("select connection, identity from target"),
        secrets: this.#pairs("select name, sealed from secret"),
        serial: Number(this.#one("select coalesce(max(seq), 0) as n from journal")) + Number(meta.get("edits") ?? 0),
        keyId: meta.get("key"),
      }
    })
  }

  async beginRun(run: NewRun): Promise<number> {
    return this.#transaction(() => {
      if (run.keyId !== undefined) this.#prepare("insert or ignore into meta values ('key', ?)").run(run.keyId)
      this.#moveOpenFrom()
      this.#prepare("delete from run where run <= (select max(run) from run) - ?").run(RUNS_KEPT)
      this.#prepare(
        "delete from journal where open = 0 and run not in (select run from run) and seq < (select coalesce(max(seq), 0) from journal)",
      ).run()
      const at = this.#prepare("insert into run (id, command, who, started_at) values (?, ?, ?, ?)").run(
        run.id,
        run.command,
        run.who,
        run.startedAt,
      )
      return Number(at.lastInsertRowid)
    })
  }

  async endRun(run: number, outcome: string, endedAt: number): Promise<void> {
    this.#transaction(() =>
      this.#prepare("update run set ended_at = ?, outcome = ? where run = ?").run(endedAt, outcome, run),
    )
  }

  /** Where the search for open intents starts: at the oldest open one, or behind the last line. */
  #moveOpenFrom(): void {
    const from = Number(this.#meta().get("open_from") ?? 0)
    const oldest = (
      this.#prepare("select min(seq) as n from journal where seq >= ? and open = 1").get(from) as { n: number | null }
    ).n
    const last = Number(this.#one("select coalesce(max(seq), 0) as n from journal"))
    this.#prepare("insert or replace into meta values ('open_from', ?)").run(String(oldest ?? last))
  }

  async commit(run: number, batch: Batch): Promise<readonly number[]> {
    return this.#transaction(() => {
      const seqs = (batch.intents ?? []).map((intent) => this.#begin(run, intent))
      for (const each of batch.progress ?? [])
        this.#prepare("update journal set progress = ? where seq = ?").run(JSON.stringify(each.json), each.seq)
      for (const each of batch.orphaned ?? [])
        this.#prepare("update journal set orphaned_at = ? where seq = ?").run(each.at, each.seq)
      for (const each of batch.results ?? []) this.#end(each)
      for (const each of batch.moved ?? [])
        this.#prepare("update or fail resource set address = ? where address = ?").run(each.to, each.from)
      for (const each of batch.removed ?? [])
        this.#prepare("delete from resource where address = ? and deposed = ?").run(each.address, each.deposed)
      for (const each of batch.rows ?? []) this.#put(each)
      for (const each of batch.targets ?? [])
        this.#prepare("insert or replace into target values (?, ?)").run(each.connection, each.identity)
      for (const each of batch.secrets ?? [])
        this.#prepare("insert or ignore into secret values (?, ?)").run(each.name, each.sealed)
      if ((batch.intents ?? []).length + (batch.results ?? []).length === 0)
        this.#prepare(
          "insert into meta values ('edits', '1') on conflict (key) do update set value = cast(value as integer) + 1",
        ).run()
      return seqs
    })
  }

  #begin(run: number, intent: NewIntent): number {
    const put = this.#prepare(
      "insert into journal (run, address, deposed, action, kind, connection, id, token, want, needs, started_at, open) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
    ).run(
      run,
      intent.address,
      intent.deposed,
      intent.action,
      intent.kind,
      intent.connection,
      intent.id ?? null,
      intent.token,
      intent.want,
      JSON.stringify(intent.needs),
      intent.startedAt,
    )
    return Number(put.lastInsertRowid)
  }

  #end(result: Result): void {
    this.#prepare("update journal set ended_at = ?, outcome = ?, error = ?, open = ? where seq = ?").run(
      result.endedAt,
      result.outcome,
      result.error ?? null,
      result.closes ? 0 : 1,
      result.seq,
    )
  }

  #put(row: Row): void {
    this.#prepare("insert or replace into resource values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
      row.address,
      row.deposed,
      row.kind,
      row.version,
      row.connection,
      row.id ?? null,
      flagsOf(row),
      row.props,
      row.outputs,
      row.carry ?? null,
      JSON.stringify(row.needs),
      row.allowed ?? null,
    )
  }

  async runs(): Promise<readonly Run[]> {
    return (this.#prepare("select * from run order by run desc").all() as Cells[]).map(asRun)
  }

  async entries(run: number): Promise<readonly EndedLine[]> {
    return (this.#prepare("select * from journal where run = ? order by seq").all(run) as Cells[]).map(asLine)
  }

  async dump(): Promise<Whole> {
    return guarded(this.#file, () => {
      const meta = this.#meta()
      const lines = this.#prepare("select * from journal order by seq").all() as Cells[]
      const all = this.#prepare("select * from run order by run").all() as Cells[]
      const edits = Number(meta.get("edits") ?? 0)
      return {
        rows: (this.#prepare("select * from resource").all() as Cells[]).map(asRow),
        lines: lines.map((each) => ({ ...asLine(each), open: Number(each.open) === 1 })),
        runs: all.map(asRun),
        targets: [...this.#pairs("select connection, identity from target")],
        secrets: [...this.#pairs("select name, sealed from secret")],
        counts: { seq: Number(lines.at(-1)?.seq ?? 0), run: Number(all.at(-1)?.run ?? 0), edits },
        keyId: meta.get("key"),
      }
    })
  }

  async replace({ rows, lines, runs, targets, secrets, counts }: Whole, key: DataKey): Promise<void> {
    this.#transaction(() => {
      for (const table of ["resource", "journal", "run", "target", "secret"])
        this.#prepare(`delete from ${table}`).run()
      for (const row of rows) this.#put(row)
      const put = this.#prepare(
        "insert into journal (seq, run, address, deposed, action, kind, connection, id, token, want, needs, progress, started_at, orphaned_at, ended_at, outcome, error, open) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      for (const line of lines) put.run(...cellsOf(line))
      const putRun = this.#prepare("insert into run values (?, ?, ?, ?, ?, ?, ?)")
      for (const { run, id, command, who, startedAt, endedAt, outcome } of runs)
        putRun.run(run, id, command, who, startedAt, endedAt ?? null, outcome ?? null)
      for (const pair of targets) this.#prepare("insert into target values (?, ?)").run(...pair)
      for (const pair of secrets) this.#prepare("insert into secret values (?, ?)").run(...pair)
      const meta = { key: key.id, edits: String(counts.edits), open_from: "0" }
      for (const pair of Object.entries(meta)) this.#prepare("insert or replace into meta values (?, ?)").run(...pair)
    })
  }

  async leave(movedTo: string): Promise<void> {
    this.#transaction(() => this.#prepare("insert or replace into meta values ('moved', ?)").run(movedTo))
  }

  async close(): Promise<void> {
    this.#database.close()
  }

  #transaction<T>(work: () => T): T {
    return guarded(this.#file, () => {
      this.#database.exec("begin immediate")
      try {
        const result = work()
        this.#database.exec("commit")
        return result
      } catch (thrown) {
        if (this.#database.isTransaction) this.#database.exec("rollback")
        throw thrown
      }
    })
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const made = this.#database.prepare(sql)
    this.#statements.set(sql, made)
    return made
  }

  #meta(): ReadonlyMap<string, string> {
    return this.#pairs("select key, value from meta")
  }

  #pairs(sql: string): ReadonlyMap<string, string> {
    return new Map((this.#prepare(sql).all() as Cells[]).map((each) => Object.values(each) as [string, string]))
  }

  #one(sql: string): unknown {
    return (this.#prepare(sql).get() as { n: unknown }).n
  }
}
