import type { Duplex } from "node:stream"
import type { Connection, TypeCastField, TypeCastNext } from "mysql2"
import {
  ANSWER_BYTES_MAX,
  type Cell,
  clientOf,
  connectionError,
  DatabaseError,
  type DatabaseSession,
  exactNumber,
  isCertificate,
  type Limits,
  type Means,
  nearest,
  type Param,
  type Row,
} from "./database-session.ts"
import type { DatabaseLogin } from "./database-url.ts"
import { Wire } from "./wire.ts"

/**
 * Logs in at a server that speaks MySQL's protocol, MariaDB or MySQL, over a connection that stands.
 * @throws DatabaseError, FettleError `CLIENT_MISSING`
 */
export async function openMariadb(
  login: DatabaseLogin,
  dialled: Duplex,
  signal: AbortSignal,
): Promise<DatabaseSession> {
  const mysql = await clientOf("mysql2", load)
  const wire = new Wire(dialled, {
    bytesMax: ANSWER_BYTES_MAX,
    begins: (bytes) => bytes[3] === 0 && (bytes[4] === undefined || bytes[4] === 10 || bytes[4] === 255),
    host: login.tls?.serverName ?? "",
  })
  let broken: unknown
  const remember = (error: unknown): void => {
    broken = nearest(broken, error)
  }
  wire.on("error", remember)
  const close = (): void => void wire.destroy()
  signal.addEventListener("abort", close, { once: true })
  try {
    const connection = mysql.createConnection(settingsOf(login, wire))
    connection.on("error", remember)
    mendThrows(connection, wire)
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())))
    return new MariadbSession(connection, wire, () => broken)
  } catch (thrown) {
    close()
    await new Promise(setImmediate) // a connection that is lost is told before why: what TLS found
    throw errorOf(isCertificate(broken) ? broken : nearest(broken, thrown), login)
  }
}

async function load() {
  return (await import("mysql2")).default
}

function settingsOf({ user, password = "", database, tls, to }: DatabaseLogin, wire: Wire) {
  const host = tls?.serverName || ("path" in to ? "localhost" : to.host)
  const { ca, cert, key } = tls ?? {}
  return {
    user,
    password,
    host,
    ...(database === undefined ? {} : { database }),
    ...("path" in to ? { socketPath: to.path } : {}), // only so that it knows that nobody listens in
    stream: wire,
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
            rejectUnauthorized: tls.verify !== "none",
            verifyIdentity: tls.verify === "full",
          },
        }),
    flags: ["-LOCAL_FILES"], // a server could else ask for files of ours
    disableEval: true,
    supportBigNumbers: true,
    dateStrings: true,
    connectTimeout: 0,
    connectAttributes: { program_name: "fettle" },
    typeCast: cellOf,
  }
}

/** A packet that it does not understand makes the client throw inside of an event, where nobody would catch it. */
function mendThrows(connection: Connection, wire: Wire): void {
  const inner = connection as unknown as { handlePacket(packet: unknown): void }
  const handle = inner.handlePacket.bind(connection)
  inner.handlePacket = (packet) => {
    try {
      handle(packet)
    } catch (thrown) {
      wire.destroy(thrown as Error)
    }
  }
}

class MariadbSession implements DatabaseSession {
  server = "MariaDB"
  /** Tells the statement at work that the connection has ended: the client itself tells only some. */
  #ended: (error: unknown) => void = () => {}
  readonly #connection: Connection
  readonly #wire: Wire
  readonly #broken: () => unknown

  constructor(connection: Connection, wire: Wire, broken: () => unknown) {
    this.#connection = connection
    this.#wire = wire
    this.#broken = broken
    wire.once("close", () => this.#ended(new DatabaseError("no", "it closed the connection")))
  }

  async begin(mode: "reads" | "writes", { statementMs, lockMs }: Limits): Promise<void> {
    await this.ask("select version() as version", [], ({ version }) => {
      const text = String(version)
      this.server = `${/mariadb/i.test(text) ? "MariaDB" : "MySQL"} ${text.split("-")[0]}`
      return undefined
    })
    const lockS = Math.max(1, Math.ceil(lockMs / 1_000))
    const idleS = Math.ceil(statementMs / 1_000) + 1 // should we be gone and nobody have told the server
    const limits = this.server.startsWith("MariaDB")
      ? `max_statement_time = ${Math.ceil(statementMs) / 1_000}, idle_transaction_timeout = ${idleS}`
      : `max_execution_time = ${Math.ceil(statementMs)}`
    const locks = `innodb_lock_wait_timeout = ${lockS}, lock_wait_timeout = ${lockS}`
    await this.#run(`set session ${limits}, ${locks}, wait_timeout = ${Math.max(idleS, 30)}, autocommit = 1`)
    await this.#run(`start transaction ${mode === "reads" ? "read only" : "read write"}`)
  }

  rollback(): Promise<void> {
    return this.#run("rollback")
  }

  #run(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(errorOf(nearest(this.#broken(), error)))
      this.#ended = fail
      this.#connection.query(text, (error) => (error ? fail(error) : resolve()))
    })
  }

  ask(text: string, params: readonly Param[], each: (row: Row) => boolean | undefined): Promise<void> {
    const values = params.map((param) => (param instanceof Uint8Array ? Buffer.from(param) : param))
    return new Promise((resolve, reject) => {
      let isOver = false
      const fail = (error: unknown): void => {
        if (!isOver) reject(errorOf(nearest(this.#broken(), error)))
      }
      const command = this.#connection.execute({ sql: text, values: values as never })
      command.on("error", fail)
      this.#ended = fail
      command.on("result", ((row: Row) => {
        if (isOver || each(row) !== false) return
        isOver = true
        this.#wire.destroy()
        resolve()
      }) as never)
      command.on("end", () => resolve())
    })
  }

  end(): void {
    this.#wire.once("error", () => {})
    this.#connection.end(() => this.#wire.destroy())
  }
}

/** Decimals as numbers where that loses nothing, JSON as what it says, bytes as bytes. */
function cellOf(field: TypeCastField, next: TypeCastNext): Cell {
  const cell = next() as unknown
  if (typeof cell === "string" && (field.type === "NEWDECIMAL" || field.type === "DECIMAL")) return exactNumber(cell)
  if (cell instanceof Buffer) return Uint8Array.from(cell)
  return cell as Cell
}

/** Error numbers → what they mean. What stands nowhere is a no. */
const MEANS: Readonly<Record<number, Means>> = {
  1064: "wrong", // syntax
  1149: "wrong",
  1065: "wrong", // an empty statement
  1210: "wrong", // another number of parameters
  1295: "wrong", // not as a prepared statement
  1046: "wrong", // no database is named
  1792: "writes",
  1205: "locked",
  1213: "locked", // a deadlock
  1969: "late", // MariaDB
  3024: "late", // MySQL
  1317: "late", // interrupted
}
/** Servers that refuse who comes without TLS. */
const WANTS_TLS = /require_secure_transport|secure transport|SSL connection/i

function errorOf(thrown: unknown, login?: DatabaseLogin): Error {
  const { errno, code, message } = thrown as {
    readonly errno?: unknown
    readonly code?: unknown
    readonly message?: unknown
  }
  const words = String(message ?? "")
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") return new DatabaseError("no", "it does not speak TLS")
  if (code === "MYSQL_CLEAR_PASSWORD_NOT_ENABLED")
    return new DatabaseError("no", "it asks for the password in plain text, and does not get it")
  if (typeof errno !== "number" || errno < 1_000 || thrown instanceof DatabaseError)
    return connectionError(thrown, login?.tls?.verified)
  if (errno === 1045 && login !== undefined && login.password === undefined)
    return new DatabaseError("wrong", "it lets nobody in without a password, and the settings have none", words)
  if (WANTS_TLS.test(words) && login?.tls === undefined && login?.isPlain !== true)
    return new DatabaseError(
      "wrong",
      "it wants TLS, and the settings say nothing of it: give the URL an ssl-mode",
      words,
    )
  const means = MEANS[errno] ?? "no"
  return new DatabaseError(means, means === "wrong" ? "the statement is wrong" : "it says", words)
}
