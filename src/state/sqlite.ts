import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { causeText, FettleError } from "../errors.ts"
import type { Json } from "../provider.ts"
import type { Batch, IntentLine, NewIntent, Outcome, Result, Row, Run, Snapshot, Store } from "./store.ts"

/** The version of the tables below. */
const FORMAT = 1
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
  id text, flags integer not null, props text not null, outputs text not null, carry text, needs text not null, primary key (address, deposed)) without rowid;
create table if not exists journal (seq integer primary key, run integer not null, address text not null, deposed text not null, action text not null, kind text not null,
  connection text not null, id text, token text not null, want text not null, needs text not null, progress text, started_at integer not null, orphaned_at integer,
  ended_at integer, outcome text, error text, open integer not null);
create table if not exists run (run integer primary key, id text not null, command text not null, who text not null, started_at integer not null, ended_at integer, outcome text);
create table if not exists target (connection text primary key, identity text not null) without rowid;
create table if not exists secret (name text primary key, sealed text not null) without rowid;
`

const OWNED = 1
const PROTECT = 2
const RETAIN = 4
const UNFINISHED = 8

type Cells = Record<string, string | number | null>

/**
 * Opens the store of a stage, making it where there is none.
 * @throws FettleError `STATE_CORRUPT`, `STATE_NEWER`, `STATE_WRITE`
 */
export function openStore(file: string): Store {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const ignore = join(dirname(file), ".gitignore")
    if (!existsSync(ignore)) writeFileSync(ignore, "*\n")
  } catch (cause) {
    throw new FettleError("STATE_WRITE", `${dirname(file)} cannot be made: ${causeText(cause)}`, { cause })
  }
  const database = open(file, false)
  try {
    checkFormat(database, file)
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000")
    if (!isMade(database)) makeTables(database)
    return new SqliteStore(database, file)
  } catch (thrown) {
    database.close()
    throw thrown instanceof FettleError ? thrown : stateError(thrown, file)
  }
}

function isMade(database: DatabaseSync): boolean {
  return database.prepare("select 1 from sqlite_schema where name = 'meta'").get() !== undefined
}

/** All or nothing: tables without their format, left by a crash, would look damaged to every later run. */
function makeTables(database: DatabaseSync): void {
  database.exec(
    `begin immediate; ${TABLES}; insert into meta values ('format', '${FORMAT}'), ('open_from', '0'); commit`,
  )
}

/** Reads the state of a stage without writing a byte, also on a read-only file system; undefined where there is none. */
export function readStore(file: string): Pick<Store, "load" | "runs" | "entries" | "close"> | undefined {
  if (!existsSync(file)) return undefined
  const database = open(file, true)
  guarded(file, () => checkFormat(database, file))
  return new SqliteStore(database, file)
}

function open(file: string, readOnly: boolean): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { readOnly })
    if (readOnly) database.prepare("select count(*) from sqlite_schema").get()
    return database
  } catch (thrown) {
    database?.close()
    if (readOnly && isLogEmpty(file))
      return guarded(
        file,
        () => new DatabaseSync(new URL(`${pathToFileURL(file).href}?immutable=1`), { readOnly: true }),
      )
    throw stateError(thrown, file)
  }
}

/** Whether all that state says is in the file itself. On a full disk SQLite leaves a log without a byte. */
function isLogEmpty(file: string): boolean {
  return (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0
}

function guarded<T>(file: string, work: () => T): T {
  try {
    return work()
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

function checkFormat(database: DatabaseSync, file: string): void {
  const tables = database.prepare("select name from sqlite_schema where type = 'table'").all() as { name: string }[]
  if (tables.length === 0) return
  if (!tables.some((each) => each.name === "meta"))
    throw new FettleError("STATE_CORRUPT", `${file} is a database of something else`)
  const row = database.prepare("select value from meta where key = 'format'").get() as { value: string } | undefined
  const format = Number(row?.value)
  if (!Number.isInteger(format)) throw new FettleError("STATE_CORRUPT", `${file} does not say its format`)
  if (format > FORMAT) throw new FettleError("STATE_NEWER", `${file} has format ${format}; this Fettle knows ${FORMAT}`)
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync
  readonly #file: string
  readonly #statements = new Map<string, StatementSync>()

  constructor(database: DatabaseSync, file: string) {
    this.#database = database
    this.#file = file
  }

  load(): Snapshot {
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

  beginRun(run: {
    readonly id: string
    readonly command: string
    readonly who: string
    readonly startedAt: number
    readonly keyId: string | undefined
  }): number {
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

  endRun(run: number, outcome: string, endedAt: number): void {
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

  commit(run: number, batch: Batch): readonly number[] {
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
    const flags =
      (row.owned ? OWNED : 0) |
      (row.protect ? PROTECT : 0) |
      (row.retain ? RETAIN : 0) |
      (row.unfinished ? UNFINISHED : 0)
    this.#prepare("insert or replace into resource values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
      row.address,
      row.deposed,
      row.kind,
      row.version,
      row.connection,
      row.id ?? null,
      flags,
      row.props,
      row.outputs,
      row.carry ?? null,
      JSON.stringify(row.needs),
    )
  }

  runs(): readonly Run[] {
    return (this.#prepare("select * from run order by run desc").all() as Cells[]).map((each) => ({
      run: Number(each.run),
      id: String(each.id),
      command: String(each.command),
      who: String(each.who),
      startedAt: Number(each.started_at),
      endedAt: each.ended_at === null ? undefined : Number(each.ended_at),
      outcome: each.outcome === null ? undefined : String(each.outcome),
    }))
  }

  entries(run: number): ReturnType<Store["entries"]> {
    return (this.#prepare("select * from journal where run = ? order by seq").all(run) as Cells[]).map((each) => ({
      ...asIntent(each),
      outcome: (each.outcome ?? undefined) as Outcome | undefined,
      endedAt: each.ended_at === null ? undefined : Number(each.ended_at),
      error: each.error === null ? undefined : String(each.error),
    }))
  }

  close(): void {
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

function asRow(cells: Cells): Row {
  const flags = Number(cells.flags)
  return {
    address: String(cells.address),
    deposed: String(cells.deposed),
    kind: String(cells.kind),
    version: Number(cells.version),
    connection: String(cells.connection),
    id: cells.id === null ? undefined : String(cells.id),
    owned: (flags & OWNED) !== 0,
    protect: (flags & PROTECT) !== 0,
    retain: (flags & RETAIN) !== 0,
    unfinished: (flags & UNFINISHED) !== 0,
    props: String(cells.props),
    outputs: String(cells.outputs),
    carry: cells.carry === null ? undefined : String(cells.carry),
    needs: JSON.parse(String(cells.needs)) as string[],
  }
}

function asIntent(cells: Cells): IntentLine {
  return {
    seq: Number(cells.seq),
    run: Number(cells.run),
    address: String(cells.address),
    deposed: String(cells.deposed),
    action: String(cells.action) as IntentLine["action"],
    kind: String(cells.kind),
    connection: String(cells.connection),
    id: cells.id === null ? undefined : String(cells.id),
    token: String(cells.token),
    want: String(cells.want),
    needs: JSON.parse(String(cells.needs)) as string[],
    progress: cells.progress === null ? undefined : (JSON.parse(String(cells.progress)) as Json),
    startedAt: Number(cells.started_at),
    orphanedAt: cells.orphaned_at === null ? undefined : Number(cells.orphaned_at),
  }
}
