import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { Servers, Upstream } from "./servers.ts"

/** How long a server may take to take a connection, and to begin its answer. */
const CONNECT_MS = 2_000
const ANSWER_MS = 60_000
/** A server that has sent nothing for so long, in the middle of an answer, is what its client gave up on. */
const SILENT_MS = 500
/** Headers that are about one connection, not about the message. */
const OWN = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]

/** Sends requests on to servers, by turns. */
export class Forwarder {
  readonly #servers: Servers
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 256, timeout: ANSWER_MS })

  constructor(servers: Servers) {
    this.#servers = servers
  }

  /**
   * One request. Another server is tried only where nothing of the request has left: its connection was refused, or a kept one turned out
   * to be closed before a request without a body was answered.
   */
  request(
    incoming: IncomingMessage,
    response: ServerResponse,
    tried: ReadonlySet<string> = new Set(),
    failed?: Error,
  ): void {
    const server = this.#servers.next(tried)
    if (server === undefined && failed !== undefined && !isRefusal(failed)) {
      refuse(response, 502, `${[...tried].join(", ")}: ${failed.message}`)
      return
    }
    if (server === undefined) {
      refuse(response, 503, "no server takes requests now")
      return
    }
    const turn = new Turn(server)
    const outgoing = this.#open(incoming, server)
    outgoing.on("response", (answer) => {
      clearTimeout(timer)
      turn.begins(answer)
      response.writeHead(answer.statusCode ?? 502, kept(answer.rawHeaders))
      answer.pipe(response)
      answer.once("close", () => {
        if (!response.writableEnded) response.destroy() // half an answer must not look like a whole one
      })
    })
    let isSent = false
    const timer = setTimeout(() => outgoing.destroy(new Error("no answer in time")), ANSWER_MS)
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (turn.isOver) return
      const isClosed = isSent && outgoing.reusedSocket && isBare(incoming) // a kept connection may end at any time
      const isRepeatable = !isSent || isClosed
      if (!isSent && isRefusal(error)) server.fall()
      turn.fails() // also where another server answers then
      if (response.headersSent || response.destroyed) return void response.destroy()
      if (isRepeatable && tried.size < RETRIES)
        return this.request(incoming, response, new Set([...tried, server.name]), error)
      refuse(response, /in time/.test(error.message) ? 504 : 502, `${server.name}: ${error.message}`)
    })
    response.once("close", () => {
      clearTimeout(timer)
      if (response.writableFinished) return
      if (!turn.isOver && !incoming.complete && isSent)
        turn.letGo() // who asked has gone before all was asked
      else turn.isLeft(response.writableNeedDrain)
      outgoing.destroy()
    })
    whenConnected(outgoing, () => {
      isSent = true
      incoming.pipe(outgoing)
    })
  }

  /** A connection that becomes another protocol, such as a web socket: both directions are handed through. */
  upgrade(incoming: IncomingMessage, client: Duplex, head: Buffer): void {
    const server = this.#servers.next(new Set())
    if (server === undefined) {
      client.end("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n")
      return
    }
    const upstream = connect({ host: server.address, port: server.port })
    const turn = new Turn(server)
    upstream.once("data", () => turn.succeeds())
    upstream.once("connect", () => {
      const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`]
      for (let at = 0; at < incoming.rawHeaders.length; at += 2)
        lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`)
      upstream.write(`${lines.join("\r\n")}\r\n\r\n`)
      upstream.write(head)
      upstream.pipe(client).pipe(upstream)
    })
    const end = (): void => {
      turn.fails() // unless it has answered
      turn.ends()
      upstream.destroy()
      client.destroy()
    }
    for (const each of [upstream, client]) each.once("error", end).once("close", end)
  }

  close(): void {
    this.#agent.destroy()
  }

  #open(incoming: IncomingMessage, { address, port }: Upstream): ClientRequest {
    const { method, url = "/", rawHeaders, socket } = incoming
    const headers = kept(rawHeaders)
    const before = [incoming.headers["x-forwarded-for"]].flat().filter(Boolean)
    headers.push("X-Forwarded-For", [...before, socket.remoteAddress ?? ""].join(", "))
    if (!isBare(incoming) && incoming.headers["content-length"] === undefined)
      headers.push("Transfer-Encoding", "chunked")
    return request({
      host: address,
      port,
      method,
      path: url,
      headers: headers as never,
      agent: this.#agent,
      setHost: false,
    })
  }
}

/** One request with one server: counted once, by how it ended. */
class Turn {
  readonly #server: Upstream
  readonly #startedMs = performance.now()
  #answer: IncomingMessage | undefined
  #lastMs = 0
  #isCounted = false
  #isOpen = true

  constructor(server: Upstream) {
    this.#server = server
    server.openRequests += 1
  }

  /** Whether it is known how it ended. */
  get isOver(): boolean {
    return this.#isCounted
  }

  begins(answer: IncomingMessage): void {
    this.#answer = answer
    this.#lastMs = performance.now()
    answer.on("data", () => {
      this.#lastMs = performance.now()
    })
    answer.once("end", () => this.#count((answer.statusCode ?? 500) >= 500))
    answer.once("error", () => this.fails())
    answer.once("close", () => this.fails())
  }

  succeeds(): void {
    this.#count(false, { stays: true })
  }

  /** No answer, or half of one. */
  fails(): void {
    this.#count(true, { tookMs: Number.POSITIVE_INFINITY })
  }

  /** Who asked has gone. That is the server's doing where nothing had come from it yet, or nothing came any more. */
  isLeft(isClientSlow: boolean): void {
    const { headers = {} } = this.#answer ?? {}
    const isStream = /^text\/event-stream/i.test(headers["content-type"] ?? "") // silent for as long as nothing happens
    const isSilent = !isClientSlow && !isStream && performance.now() - this.#lastMs >= SILENT_MS
    if (this.#answer === undefined || isSilent) this.fails()
    else this.#count((this.#answer.statusCode ?? 500) >= 500)
  }

  /** It says nothing of the server. */
  letGo(): void {
    this.#isCounted = true
    this.ends()
  }

  ends(): void {
    if (this.#isOpen) this.#server.openRequests -= 1
    this.#isOpen = false
  }

  #count(isBad: boolean, { tookMs = performance.now() - this.#startedMs, stays = false } = {}): void {
    if (!this.#isCounted) this.#server.count(tookMs, isBad)
    this.#isCounted = true
    if (!stays) this.ends()
  }
}

function isRefusal(error: NodeJS.ErrnoException): boolean {
  return error.code === "ECONNREFUSED"
}

/** Servers that are tried for one request besides the first. */
const RETRIES = 3

/** Calls back once a request has its connection; what never gets one has never left. */
function whenConnected(outgoing: ClientRequest, then: () => void): void {
  outgoing.once("socket", (socket: Socket) => {
    if (!socket.connecting) {
      then()
      return
    }
    const late = setTimeout(
      () => socket.destroy(Object.assign(new Error("no connection in time"), { code: "ECONNREFUSED" })),
      CONNECT_MS,
    )
    socket.once("connect", () => {
      clearTimeout(late)
      then()
    })
    socket.once("close", () => clearTimeout(late))
  })
}

/** Without a body: such a request can be sent again. */
function isBare({ headers, method }: IncomingMessage): boolean {
  const has = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
  return !has && (method === "GET" || method === "HEAD" || method === "OPTIONS")
}

/** Headers as they came, name and value by turns, without those that are about the connection, and what they name. */
function kept(raw: readonly string[]): string[] {
  const dropped = new Set([...OWN, "x-forwarded-for"])
  for (let at = 0; at < raw.length; at += 2)
    if (raw[at]?.toLowerCase() === "connection")
      for (const name of (raw[at + 1] ?? "").split(",")) dropped.add(name.trim().toLowerCase())
  const left: string[] = []
  for (let at = 0; at < raw.length; at += 2)
    if (!dropped.has((raw[at] ?? "").toLowerCase())) left.push(raw[at] as string, raw[at + 1] as string)
  return left
}

function refuse(response: ServerResponse, status: number, words: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" })
  response.end(`${status}: ${words}\n`)
}
