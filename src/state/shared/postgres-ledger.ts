import { readFileSync } from "node:fs"
import { DatabaseError, type DatabaseSession, type Param, type Row } from "../../connect/database-session.ts"
import { type DatabaseLogin, loginOf } from "../../connect/database-url.ts"
import { addressText, dialHere } from "../../connect/dial.ts"
import { openPostgres } from "../../connect/postgres.ts"
import { asFettleError, causeText, FettleError } from "../../errors.ts"
import type { Entry, Head, Kept, Ledger, SeenLock, SharedHolder } from "./ledger.ts"
import { unreachable } from "./retry.ts"

/** Most bytes that are read over one connection: a state of a million things, and far more than memory should be asked for. */
const BYTES_MAX = 2 ** 31

/**
 * Why these tables: one row of `fettle_state` is a state with its lock, changed by each transaction, so that one condition says both
 * who writes and what it follows. `fettle_entry` only grows.
 */
const TABLES = [
  `create table if not exists fettle_state (place text primary key, head text not null, link text not null, seal text not null,
    fence bigint not null, holder text, since timestamptz not null, renewed timestamptz not null, lease_ms bigint not null, renewals bigint not null)`,
  `create table if not exists fettle_entry (place text not null, serial bigint not null, body text not null, link text not null, primary key (place, serial))`,
]

const SEE = `select holder, to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as since, fence, lease_ms, renewals,
  floor(extract(epoch from clock_timestamp() - renewed) * 1000)::bigint as age from fettle_state where place = $1`

/** One statement is one transaction. Whatever the server's default, what it said is done must be on its disk. */
const DURABLE = `durable as (select set_config('synchronous_commit',
  case when current_setting('synchronous_commit') = 'off' then 'on' else current_setting('synchronous_commit') end, true))`

const APPEND = `with ${DURABLE},
  moved as (update fettle_state set head = $4, link = $5, seal = $6, renewed = clock_timestamp(), renewals = renewals + 1
    where place = $1 and ($2::bigint is null or fence = $2) and seal = $3 returning place),
  gone as (delete from fettle_entry e using moved where e.place = moved.place and e.serial < $8),
  put as (insert into fettle_entry select moved.place, (each ->> 0)::bigint, each ->> 1, each ->> 2
    from moved, json_array_elements($7::json) as each returning 1)
  select (select count(*) from moved) as moved, (select count(*) from put) as put, (select count(*) from durable) as durable`

/** SQLSTATEs that pass by themselves: classes 08 and 57P, too many connections, a serialization that failed. */
const PASSES = /^(08...|57P0.|53300|40001|40P01)$/

/** Where a PostgreSQL is, as `--store` says. */
export interface PostgresPlace {
  readonly place: string
  readonly login: DatabaseLogin
  readonly name: string
  /** Longest wait for one answer, in milliseconds. */
  readonly answerMs: number
}

/** Entries as rows of PostgreSQL. It needs nothing of a session, so it may stand behind a pool of connections. */
export class PostgresLedger implements Ledger {
  readonly name: string
  readonly #place: PostgresPlace
  #session: Promise<DatabaseSession> | undefined
  #abort = new AbortController()

  constructor(place: PostgresPlace) {
    this.name = place.name
    this.#place = place
  }

  async read(): Promise<Kept | undefined> {
    const rows = await this.#askAny(
      `select 0 as serial, head as body, '' as link from fettle_state where place = $1
       union all select serial, body, link from fettle_entry where place = $1 order by serial`,
      [this.#place.place],
    )
    const [first, ...rest] = rows ?? []
    if (first === undefined) return undefined
    if (first.serial !== 0) return this.#headless(rest.length + 1)
    return { head: this.#parsed<Head>(first.body, "its head"), entries: rest.map(entryIn) }
  }

  /** Entries without a head are no state that could be begun anew. */
  #headless(count: number): never {
    throw new FettleError("STATE_ALTERED", `${this.name}: its head is gone, and ${count} of its entries are there`)
  }

  #parsed<T>(text: unknown, what: string): T {
    try {
      return JSON.parse(String(text)) as T
    } catch (cause) {
      throw new FettleError("STATE_ALTERED", `${this.name}: ${what} is not as Fettle wrote it`, { cause })
    }
  }

  async head(): Promise<Head | undefined> {
    const rows = await this.#askAny("select head as body from fettle_state where place = $1", [this.#place.place])
    return rows?.[0] === undefined ? undefined : this.#parsed<Head>(rows[0].body, "its head")
  }

  async since(serial: number): Promise<readonly Entry[]> {
    const text = "select serial, body, link from fettle_entry where place = $1 and serial >= $2 order by serial"
    return ((await this.#askAny(text, [this.#place.place, serial])) ?? []).map(entryIn)
  }

  async drop(): Promise<void> {
    await this.#ask(
      `with gone as (delete from fettle_entry where place = $1 returning 1), state as (delete from fettle_state where place = $1 returning 1)
       select (select count(*) from gone) + (select count(*) from state) as gone`,
      [this.#place.place],
    )
  }

  async look(): Promise<SeenLock | undefined> {
    const row = (await this.#askAny(SEE, [this.#place.place]))?.[0]
    if (row === undefined) return undefined
    const holder = row.holder === null ? undefined : this.#parsed<SharedHolder>(row.holder, "its holder")
    const [fence, ageMs, leaseMs] = [Number(row.fence), Number(row.age), Number(row.lease_ms)]
    return { holder, since: String(row.since), ageMs, leaseMs, fence, version: `${fence}.${row.renewals}` }
  }

  async make(head: Head): Promise<void> {
    for (const table of TABLES)
      try {
        await this.#ask(table)
      } catch (thrown) {
        if (!/^(23505|42P07)$/.test(stateOf(thrown))) throw thrown // somebody else makes it this moment
      }
    await this.#ask(
      `insert into fettle_state values ($1, $2, $3, $4, 0, null, clock_timestamp(), clock_timestamp(), 0, 0) on conflict do nothing`,
      [this.#place.place, JSON.stringify(head), head.link, head.seal],
    )
  }

  async seize(seen: SeenLock, holder: SharedHolder, leaseMs: number): Promise<boolean> {
    const [fence, renewals] = seen.version.split(".").map(Number) as [number, number]
    const rows = await this.#ask(
      `update fettle_state set fence = fence + 1, holder = $4, since = clock_timestamp(), renewed = clock_timestamp(), lease_ms = $5
       where place = $1 and fence = $2 and renewals = $3 and (holder is null) = $6 returning fence`,
      [this.#place.place, fence, renewals, JSON.stringify(holder), leaseMs, seen.holder === undefined],
    )
    return rows.length === 1
  }

  async renew(fence: number): Promise<boolean> {
    const rows = await this.#ask(
      `update fettle_state set renewed = clock_timestamp(), renewals = renewals + 1 where place = $1 and fence = $2 and holder is not null returning 1 as done`,
      [this.#place.place, fence],
    )
    return rows.length === 1
  }

  async release(fence: number): Promise<void> {
    await this.#ask("update fettle_state set holder = null where place = $1 and fence = $2", [this.#place.place, fence])
  }

  async append(fence: number | undefined, from: Head, to: Head, entries: readonly Entry[]): Promise<boolean> {
    const rows = entries.map(({ serial, body, link }) => [serial, body, link])
    const texts = [JSON.stringify(to), to.link, to.seal, JSON.stringify(rows)]
    const [done] = await this.#ask(APPEND, [this.#place.place, fence ?? null, from.seal, ...texts, to.base])
    return Number(done?.moved) === 1
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    ;(await session?.catch(() => undefined))?.end()
  }

  /** As `#ask`; undefined where there are no tables yet. */
  async #askAny(text: string, params: readonly Param[]): Promise<readonly Row[] | undefined> {
    try {
      return await this.#ask(text, params)
    } catch (thrown) {
      if (stateOf(thrown) === "42P01") return undefined
      throw thrown
    }
  }

  /** Asks within the time there is; after an error that leaves the connection in doubt the next question opens another one. */
  async #ask(text: string, params: readonly Param[] = []): Promise<readonly Row[]> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.#place.answerMs)
    try {
      const rows: Row[] = []
      const session = await untilAborted(this.#opened(), late.signal)
      await untilAborted(
        session.ask(text, params, (row) => void rows.push(row) as undefined),
        late.signal,
      )
      return rows
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError && thrown.state !== undefined)) this.#forget()
      throw late.signal.aborted
        ? unreachable(this.name, `no answer within ${this.#place.answerMs} ms`, true)
        : errorOf(thrown, this.name)
    } finally {
      clearTimeout(timer)
    }
  }

  #opened(): Promise<DatabaseSession> {
    this.#session ??= this.#open()
    return this.#session
  }

  async #open(): Promise<DatabaseSession> {
    const { login } = this.#place
    const { signal } = this.#abort
    return openPostgres(login, await dialHere(login.to, signal), signal, BYTES_MAX)
  }

  #forget(): void {
    this.#session = undefined
    this.#abort.abort(new DatabaseError("no", "it was given up"))
    this.#abort = new AbortController()
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}

function entryIn({ serial, body, link }: Row): Entry {
  return { serial: Number(serial), body: String(body), link: String(link) }
}

function stateOf(thrown: unknown): string {
  const cause = thrown instanceof FettleError ? thrown.cause : thrown
  return cause instanceof DatabaseError ? (cause.state ?? "") : ""
}

/** SQLSTATE → what to do. */
const NEXT: Readonly<Record<string, string>> = {
  "28P01": "correct the password: PGPASSWORD, or in the URL",
  "28000": "let pg_hba.conf of the server admit this user from here",
  "3D000": "create the database, or name another one in the URL",
  "42501":
    "let the owner of the database grant this user to create tables in it, or name a schema of its own with ?schema=NAME",
  "53100": "make room on the disk of the server, then apply again: open intents are settled first",
  "25006": "name the server that takes writes: this one is a standby",
}

/** What a failure of the server means for a run. */
function errorOf(thrown: unknown, store: string): FettleError {
  if (thrown instanceof FettleError && thrown.code === "CLIENT_MISSING") return thrown
  if (!(thrown instanceof DatabaseError)) {
    const { fact, code } = asFettleError(thrown, "STATE_UNREACHABLE")
    return unreachable(store, code === "DIAL_FAILED" ? fact : causeText(thrown), true, { cause: thrown })
  }
  const { state, said, message } = thrown
  const fact = said === undefined ? message : `${message}: ${said.slice(0, 300)}`
  const next = NEXT[state ?? ""]
  const more = { cause: thrown, ...(next === undefined ? {} : { next }) }
  if (state === "23505")
    return new FettleError("STATE_ALTERED", `${store}: there is an entry behind the last one`, { cause: thrown })
  if (state === "53100" || state === "25006") return new FettleError("STATE_WRITE", `${store}: ${fact}`, more)
  const isOfNetwork = state === undefined && thrown.means === "no" && !/certificate|TLS|another protocol/.test(message)
  return unreachable(store, fact, isOfNetwork || PASSES.test(state ?? ""), more)
}

/** A password in an address. */
export const PASSWORD = /^[^/]*:\/\/[^/?#@:]*:([^/?#@]*)@/

/** Names that lead to this machine: nobody is in between who could listen. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/

/**
 * Where a PostgreSQL is, from its URL. Its certificate is looked at wherever the network is left, unless the URL says sslmode=disable.
 * @param file reads the certificate authority that sslrootcert names
 * @throws FettleError `STORE_INVALID`
 */
export function postgresLogin(address: string, password: string | undefined): { login: DatabaseLogin; name: string } {
  const [before = "", query] = address.split("?", 2) as [string, string?]
  const params = new URLSearchParams(query)
  const ca = authorityOf(params)
  for (const param of ["lease", "sslrootcert"]) params.delete(param)
  const given = { url: `${before}?${params}`, password: PASSWORD.test(before) ? undefined : password }
  const found = loginOf("postgres", { ...given, ...(ca === undefined ? {} : { tls: { ca } }) })
  const login =
    "wrong" in found || found.tls !== undefined || found.isPlain || isHere(found)
      ? found
      : loginOf("postgres", { ...given, tls: {} })
  if ("wrong" in login) throw new FettleError("STORE_INVALID", `postgres://…: ${login.wrong}`)
  return { login, name: `postgres://${addressText(login.to)}/${login.database ?? login.user}` }
}

function isHere({ to }: DatabaseLogin): boolean {
  return "path" in to || LOOPBACK.test(to.host)
}

function authorityOf(params: URLSearchParams): string | undefined {
  const file = params.get("sslrootcert")
  if (file === null || file === "system") return undefined
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new FettleError("STORE_INVALID", `sslrootcert: ${causeText(cause)}`, { cause })
  }
}
