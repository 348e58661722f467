import type { Duplex } from "node:stream"
import { DatabaseError, type DatabaseSession, type Limits, type Row } from "../../connect/database-session.ts"
import { type DatabaseLogin, loginOf } from "../../connect/database-url.ts"
import { addressText, dialHere } from "../../connect/dial.ts"
import { openMariadb } from "../../connect/mariadb.ts"
import { openPostgres } from "../../connect/postgres.ts"
import { asFettleError } from "../../errors.ts"
import { follow } from "../../policies/signals.ts"
import { startTimer } from "../../policies/timer.ts"
import { type Answer, inconclusive, no, type Question } from "../answer.ts"
import { mariadbWork } from "./mariadb-work.ts"
import { postgresWork } from "./postgres-work.ts"
import type { ServerWork } from "./server-work.ts"
import { type Far, type Got, ROWS_MAX, refusedQuery, type SqlSettings, shortened, wordsOf } from "./sql-far.ts"

const SERVERS = {
  postgres: { open: openPostgres, work: postgresWork },
  mariadb: { open: openMariadb, work: mariadbWork },
} as const

/** Time that logging in at a host may take, besides that of the database, in milliseconds. */
const HOST_LOGIN_MS = 10_000

/** Opens a session with a database server, from here or from a host. */
export async function openServer(settings: SqlSettings, question: Question): Promise<Far | Answer> {
  const type = settings.postgres === undefined ? "mariadb" : "postgres"
  const login = loginOf(type, { url: settings[type] ?? "", password: settings.password, tls: settings.tls })
  if ("wrong" in login) return { ...inconclusive(`the ${type} settings are wrong: ${login.wrong}`), lasting: true }
  const { where } = question
  const name = `${addressText(login.to)}${where.type === "host" ? ` from ${where.name}` : ""}`
  try {
    const session = await entered(type, login, name, settings.connectTimeoutMs, question)
    return farOf(session, SERVERS[type].work, { name, login, settings, question })
  } catch (thrown) {
    if (question.signal.aborted) throw thrown
    return failureOf(thrown, name, question, true)
  }
}

/** @throws DatabaseError, FettleError */
async function entered(
  type: keyof typeof SERVERS,
  login: DatabaseLogin,
  name: string,
  connectMs: number,
  question: Question,
): Promise<DatabaseSession> {
  const { where } = question
  const { controller, release } = follow([question.signal])
  const limitMs = connectMs + (where.type === "host" ? HOST_LOGIN_MS : 0)
  let stage = "connecting"
  const stop = startTimer(limitMs, () =>
    controller.abort(new DatabaseError("no", `it let nobody in within ${limitMs} ms (${stage})`)),
  )
  let stream: Duplex | undefined
  try {
    question.at(`connecting to ${name}`)
    const dial =
      where.type === "host" ? where.host.dial(login.to, controller.signal) : dialHere(login.to, controller.signal)
    stream = await dial
    stage = "logging in"
    question.at(`logging in at ${name}`)
    const session = await SERVERS[type].open(login, stream, controller.signal)
    question.signal.addEventListener("abort", () => stream?.destroy(), { once: true })
    question.at(`asking ${name}`)
    return session
  } catch (thrown) {
    stream?.destroy()
    throw controller.signal.aborted ? controller.signal.reason : thrown
  } finally {
    stop()
    release()
  }
}

interface FarParts {
  readonly name: string
  readonly login: DatabaseLogin
  readonly settings: SqlSettings
  readonly question: Question
}

function farOf(session: DatabaseSession, work: ServerWork, { name, login, settings, question }: FarParts): Far {
  const begun = performance.now()
  const limits = (): Limits => ({
    statementMs: Math.max(1, question.limitMs - (performance.now() - begun)),
    lockMs: settings.busyTimeoutMs,
  })
  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    await session.begin("reads", limits())
    return read()
  }
  return {
    get measured() {
      const tls = login.tls === undefined ? "none" : login.tls.verify === "none" ? "not verified" : "verified"
      const from = question.where.type === "host" ? { from: question.where.name } : {}
      return { server: session.server, tls, ...from }
    },
    query: async (text, params, asked) => {
      const refused = refusedQuery(text)
      if (refused !== undefined) throw new DatabaseError("wrong", refused)
      return reading(() => counted(session, text, params, asked))
    },
    write: (table, row) => work.write(session, table, row, limits()),
    columns: (tables) => reading(() => work.columns(session, tables)),
    records: async (table, columns) => {
      const rows: Row[] = []
      const text = `select ${columns.map(work.quoted).join(", ")} from ${work.quoted(table)}`
      await session.ask(text, [], (row) => rows.push(row) <= ROWS_MAX)
      return rows.length > ROWS_MAX ? undefined : rows
    },
    failure: (thrown, tookMs) => failureOf(thrown, name, question, settings.write === undefined, tookMs),
    end: () => session.end(),
  }
}

async function counted(
  session: DatabaseSession,
  text: string,
  params: readonly (string | number | null)[],
  asked: readonly string[],
): Promise<Got> {
  const started = performance.now()
  let rows = 0
  let first: Got["first"]
  await session.ask(text, params, (row) => {
    first ??= shortened(row, asked)
    rows += 1
    return rows <= ROWS_MAX
  })
  const durationMs = Math.round(performance.now() - started)
  return { rows: Math.min(rows, ROWS_MAX), more: rows > ROWS_MAX, first, durationMs }
}

function failureOf(thrown: unknown, name: string, question: Question, reads: boolean, tookMs = 0): Answer {
  if (thrown instanceof DatabaseError) {
    const said = thrown.said === undefined ? "" : `: ${wordsOf(thrown.said, question)}`
    const { means, message } = thrown
    if (means === "locked") return no(`${name}: what was asked for stayed locked for ${tookMs} ms${said}`)
    if (means === "late") return no(`${name}: it was not done within ${tookMs} ms${said}`)
    if (means === "writes" && reads)
      return inconclusive(`${name}: a query may only read; writeAndReadBack writes, and rolls back${said}`)
    return means === "wrong" ? inconclusive(`${name}: ${message}${said}`) : no(`${name}: ${message}${said}`)
  }
  const error = asFettleError(thrown, "INTERNAL")
  const cause = error.cause === undefined ? "" : `: ${wordsOf(error.cause, question)}`
  if (error.code === "DIAL_FAILED") return no(error.fact)
  if (error.code === "CLIENT_MISSING") return { ...inconclusive(`${error.fact}: ${error.next}`), lasting: true }
  return inconclusive(`${name} could not be asked: ${error.fact}${cause}`)
}
