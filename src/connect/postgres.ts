import type { Duplex } from "node:stream"
import { checkServerIdentity, connect } from "node:tls"
import type { Client, QueryConfig, Submittable } from "pg"
import {
  ANSWER_BYTES_MAX,
  type Cell,
  clientOf,
  connectionError,
  DatabaseError,
  type DatabaseSession,
  exactNumber,
  type Limits,
  type Means,
  nearest,
  type Param,
  type Row,
} from "./database-session.ts"
import { type DatabaseLogin, sniOf, type TlsWish } from "./database-url.ts"
import { Wire } from "./wire.ts"

/**
 * Logs in at a PostgreSQL server over a connection that stands.
 * @throws DatabaseError, FettleError `CLIENT_MISSING`
 */
export async function openPostgres(
  login: DatabaseLogin,
  dialled: Duplex,
  signal: AbortSignal,
  bytesMax: number = ANSWER_BYTES_MAX,
): Promise<DatabaseSession> {
  const pg = await clientOf("pg", load)
  const close = (): void => void dialled.destroy()
  signal.addEventListener("abort", close, { once: true })
  dialled.on("error", () => {})
  let broken: unknown
  try {
    const stream = login.tls === undefined ? dialled : await secured(dialled, login.tls)
    const wire = new Wire(stream, {
      bytesMax,
      begins: ([byte]) => "RENv".includes(String.fromCharCode(byte ?? 0)),
      host: login.tls?.serverName ?? "",
    })
    wire.on("error", (error) => {
      broken ??= error
    })
    const { user, password = "", database = user } = login
    // Every setting that the client would else take from our environment is given.
    const client = new pg.Client({
      user,
      password: () => password,
      database,
      host: "to-a-given-stream",
      port: 5432,
      ssl: false,
      stream: () => wire as never,
      application_name: "fettle",
      options: login.options ?? "-c client_min_messages=warning",
    })
    client.on("error", (error) => {
      broken ??= error
    })
    await client.connect()
    return new PostgresSession(client, pg, wire, () => broken)
  } catch (thrown) {
    close()
    throw errorOf(nearest(broken, thrown), login)
  }
}

/** TLS from the first byte, or asked for as the protocol says. */
async function secured(stream: Duplex, tls: TlsWish): Promise<Duplex> {
  if (!tls.direct) {
    stream.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])) // SSLRequest, and nothing else, ever
    const answer = await firstWords(stream)
    if (answer === "N") throw new DatabaseError("no", "it does not speak TLS")
    if (answer !== "S") throw new DatabaseError("no", "it speaks another protocol", answer)
  }
  const servername = sniOf(tls.serverName)
  const secure = connect({
    socket: stream,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(servername === undefined ? {} : { servername }),
    ...(tls.direct ? { ALPNProtocols: ["postgresql"] } : {}),
    rejectUnauthorized: tls.verify !== "none",
    checkServerIdentity: (_, certificate) =>
      tls.verify === "full" ? checkServerIdentity(tls.serverName, certificate) : undefined,
  })
  await new Promise<void>((resolve, reject) => {
    secure.once("secureConnect", resolve)
    secure.once("error", reject)
    secure.once("close", () => reject(new DatabaseError("no", "it closed the connection")))
  })
  return secure
}

/** What comes first; more than one byte would be somebody who wants to be taken for what comes later inside of TLS. */
function firstWords(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new DatabaseError("no", "it closed the connection"))
    stream.once("data", (bytes: Buffer) => resolve(bytes.toString("latin1", 0, 60)))
    for (const event of ["close", "end"]) stream.once(event, closed)
    stream.once("error", reject)
  })
}

/** Its version; and where it can, the server looks every two seconds whether we are still there, also while a statement runs. */
const FIRST = `select current_setting('server_version') as version, (select set_config(name, '2000', true) from pg_settings
  where name = 'client_connection_check_interval' and version() !~ 'Visual C|mingw') as watched`

type Pg = Awaited<ReturnType<typeof load>>

async function load() {
  return (await import("pg")).default
}

class PostgresSession implements DatabaseSession {
  server = "PostgreSQL"
  readonly #client: Client
  readonly #pg: Pg
  readonly #wire: Wire
  readonly #broken: () => unknown

  constructor(client: Client, pg: Pg, wire: Wire, broken: () => unknown) {
    this.#client = client
    this.#pg = pg
    this.#wire = wire
    this.#broken = broken
  }

  async begin(mode: "reads" | "writes", { statementMs, lockMs }: Limits): Promise<void> {
    const idleMs = statementMs + 1_000 // should we be gone and nobody have told the server: it lets go by itself
    await this.#run(
      `begin transaction ${mode === "reads" ? "read only" : "read write"};
       set local statement_timeout = ${Math.ceil(statementMs)};
       set local lock_timeout = ${Math.ceil(lockMs)};
       set local idle_in_transaction_session_timeout = ${Math.ceil(idleMs)}`,
    )
    if (this.server === "PostgreSQL")
      await this.ask(FIRST, [], ({ version }) => {
        this.server = `PostgreSQL ${String(version).split(" ")[0]}`
        return undefined
      })
  }

  rollback(): Promise<void> {
    return this.#run("rollback")
  }

  async #run(text: string): Promise<void> {
    try {
      await this.#client.query(text)
    } catch (thrown) {
      throw errorOf(nearest(this.#broken(), thrown))
    }
  }

  ask(text: string, params: readonly Param[], each: (row: Row) => boolean | undefined): Promise<void> {
    const values = params.map((each) => (each instanceof Uint8Array ? Buffer.from(each) : each))
    // Extended, so that the server refuses a second statement behind a semicolon.
    const config = { text, values, queryMode: "extended", types: { getTypeParser: () => (raw: string) => raw } }
    const query = new this.#pg.Query(config as unknown as QueryConfig)
    let types: readonly number[] | undefined
    return new Promise((resolve, reject) => {
      let isOver = false
      query.on("row", (raw: Readonly<Record<string, string | null>>, result) => {
        if (isOver) return
        types ??= result?.fields.map(({ dataTypeID }) => dataTypeID) ?? []
        if (each(rowOf(raw, types)) !== false) return
        isOver = true
        this.#wire.destroy()
        resolve()
      })
      query.on("end", () => resolve())
      query.on("error", (error) => (isOver ? undefined : reject(errorOf(nearest(this.#broken(), error)))))
      this.#client.query(query as unknown as Submittable)
    })
  }

  end(): void {
    void this.#client
      .end()
      .catch(() => {})
      .finally(() => this.#wire.destroy())
  }
}

function rowOf(raw: Readonly<Record<string, string | null>>, types: readonly number[]): Row {
  return Object.fromEntries(Object.entries(raw).map(([name, text], at) => [name, cellOf(text, types[at])]))
}

/** Numbers of PostgreSQL's own types: they never change. All others stay as text. */
const TYPE = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
} as const
const NUMERIC = 1_700
const JSONB = 3_802

function cellOf(text: string | null, type: number | undefined): Cell {
  if (text === null) return null
  if (type === TYPE.bool) return text === "t"
  if (type === TYPE.float4 || type === TYPE.float8) return Number(text)
  if (type === TYPE.int8 || type === TYPE.int2 || type === TYPE.int4 || type === TYPE.oid || type === NUMERIC)
    return exactNumber(text)
  if (type === TYPE.json || type === JSONB) return JSON.parse(text) as Cell
  if (type === TYPE.bytea && text.startsWith("\\x")) return Uint8Array.from(Buffer.from(text.slice(2), "hex"))
  return text
}

/** SQLSTATE → what it means. What stands nowhere: class 42 is a wrong statement, everything else is a no. */
const MEANS: Readonly<Record<string, Means>> = {
  "25006": "writes",
  "55P03": "locked",
  "40P01": "locked",
  "57014": "late",
  "42P01": "no", // no such table
  "42703": "no", // no such column
  "42501": "no", // not permitted
  "42883": "no", // no such function
  "3F000": "no", // no such schema
  "42P02": "wrong", // no such parameter
  "08P01": "wrong", // another number of parameters
}

function errorOf(thrown: unknown, login?: DatabaseLogin): Error {
  const { code, message } = thrown as { readonly code?: unknown; readonly message?: unknown }
  const words = String(message ?? "")
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && "severity" in (thrown as object)) {
    if (code === "28000" && /no encryption|SSL off/.test(words) && login?.tls === undefined && login?.isPlain !== true)
      return new DatabaseError(
        "wrong",
        "it wants TLS, and the settings say nothing of it: give the URL an sslmode",
        words,
      )
    const means = MEANS[code] ?? (code.startsWith("42") ? "wrong" : "no")
    return new DatabaseError(means, means === "wrong" ? "the statement is wrong" : "it says", words, code)
  }
  if (/^SASL|password must be a/.test(words) && !login?.password)
    return new DatabaseError("wrong", "it asks for a password, and the settings have none")
  return connectionError(thrown, login?.tls?.verified)
}
