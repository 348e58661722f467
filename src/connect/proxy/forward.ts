import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { count, type Servers, type Upstream } from "./servers.ts"

/** How long a server may take to take a connection, and to begin its answer. */
const CONNECT_MS = 2_000
const ANSWER_MS = 60_000
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
  request(incoming: IncomingMessage, response: ServerResponse, tried: ReadonlySet<string> = new Set()): void {
    const server = this.#servers.next(tried)
    if (server === undefined) {
      refuse(response, 503, "no server takes requests now")
      return
    }
    const started = performance.now()
    server.openRequests += 1
    let isDone = false
    const done = (isBad: boolean, isCounted = true): void => {
      if (isDone) return
      isDone = true
      server.openRequests -= 1
      if (isCounted) count(server, performance.now() - started, isBad)
    }
    const outgoing = this.#open(incoming, server)
    outgoing.on("response", (answer) => {
      clearTimeout(timer)
      const isBad = (answer.statusCode ?? 500) >= 500
      response.writeHead(answer.statusCode ?? 502, kept(answer.rawHeaders))
      answer.pipe(response)
      answer.once("end", () => done(isBad))
      answer.once("error", () => done(true))
      answer.once("close", () => {
        done(true)
        if (!response.writableEnded) response.destroy() // half an answer must not look like a whole one
      })
    })
    let isSent = false
    const timer = setTimeout(() => outgoing.destroy(new Error("no answer in time")), ANSWER_MS)
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (isDone) return
      const isRepeatable = !isSent || (outgoing.reusedSocket && isBare(incoming))
      if (isRepeatable && error.code === "ECONNREFUSED") server.isUp = false
      done(true, !isRepeatable || response.destroyed)
      if (response.headersSent || response.destroyed) return void response.destroy()
      if (isRepeatable && tried.size < RETRIES)
        return this.request(incoming, response, new Set([...tried, server.name]))
      refuse(response, /in time/.test(error.message) ? 504 : 502, `${server.name}: ${error.message}`)
    })
    response.once("close", () => {
      clearTimeout(timer)
      if (!response.writableFinished) {
        done(false, false) // who asked has gone: that says nothing of the server
        outgoing.destroy()
      }
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
    server.openRequests += 1
    upstream.once("connect", () => {
      const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`]
      for (let at = 0; at < incoming.rawHeaders.length; at += 2)
        lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`)
      upstream.write(`${lines.join("\r\n")}\r\n\r\n`)
      upstream.write(head)
      upstream.pipe(client).pipe(upstream)
    })
    let isOpen = true
    const end = (): void => {
      if (isOpen) server.openRequests -= 1
      isOpen = false
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
