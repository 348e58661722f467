import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { log } from "./log.ts"
import { type Body, type Context, type Reply, refuse, route } from "./routes.ts"

/** An order is a few hundred bytes. */
const maxBodyBytes = 16 * 1024

/** A whole request must arrive in this time. */
const requestTimeoutMs = 10_000

/** SQLITE_BUSY: another process held the write lock for longer than we wait. */
const sqliteBusy = 5

/** The HTTP side of the service: it reads requests, writes replies and logs one line for each. */
export function createService(context: Context): Server {
  const server = createServer({ requestTimeout: requestTimeoutMs }, async (request, response) => {
    logWhenDone(request, response)
    const reply = await answer(request, context)
    // A connection kept alive would hold up a stop.
    if (!server.listening) response.setHeader("connection", "close")
    send(response, reply)
  })
  return server
}

/** Takes no new requests, finishes those under way, and cuts what is left after `graceMs`. */
export function stop(server: Server, graceMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
  })
}

async function answer(request: IncomingMessage, context: Context): Promise<Reply> {
  const { method = "", headers } = request
  const url = URL.parse(request.url ?? "", "http://localhost")
  if (url === null) return refuse(400, "invalid URL")
  try {
    return await route({ method, url, authorization: headers.authorization, body: () => readBody(request) }, context)
  } catch (error) {
    if ((error as { errcode?: number }).errcode === sqliteBusy) {
      return { ...refuse(503, "database: busy"), headers: { "retry-after": "1" } }
    }
    log("error", "request failed", { error: (error as Error).message })
    return refuse(500, "internal error")
  }
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const chunk of request) {
      sizeBytes += chunk.length
      // Read on without keeping: a client that is still sending would not see the reply.
      if (sizeBytes <= maxBodyBytes) chunks.push(chunk)
    }
    if (sizeBytes > maxBodyBytes) return { refused: refuse(413, `the body is over ${maxBodyBytes} bytes`) }
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)) }
  } catch {
    return { refused: refuse(400, "the body is cut off or not UTF-8") }
  }
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

function logWhenDone(request: IncomingMessage, response: ServerResponse): void {
  const startMs = performance.now()
  response.once("close", () => {
    const gone = !response.writableFinished
    const level = response.statusCode === 500 ? "error" : gone || response.statusCode === 503 ? "warn" : "info"
    log(level, gone ? "client went away" : "request", {
      method: request.method,
      // Without the query, and no longer than a line can bear.
      path: request.url?.split("?")[0]?.slice(0, 200),
      status: gone ? undefined : response.statusCode,
      durationMs: Math.round((performance.now() - startMs) * 10) / 10,
    })
  })
}
