import { createServer, type IncomingMessage, request, type Server } from "node:http"
import { buffer } from "node:stream/consumers"
import { freePort } from "../support/free-port.ts"

/** What goes wrong with one request: before it reaches the store, or only its answer. */
export type Fault = "503" | "500 after" | "409" | "lost" | "lost after" | undefined

/** S3 refuses what was signed further away from its own clock. */
const SKEW_MS = 15 * 60_000

/** A store that fails as S3 does, in front of one that does not. */
export class FaultyBucket {
  readonly port: number
  readonly #server: Server
  #next: () => Fault = () => undefined

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(to: number): Promise<FaultyBucket> {
    const port = await freePort()
    const server = createServer()
    const bucket = new FaultyBucket(server, port)
    server.on("request", async (incoming, outgoing) => {
      const fault = bucket.#next()
      const answer = (status: number, code: string): void =>
        void outgoing.writeHead(status).end(`<Error><Code>${code}</Code><Message>faulty</Message></Error>`)
      const body = await buffer(incoming)
      if (isSkewed(incoming)) return answer(403, "RequestTimeTooSkewed")
      if (fault === "503") return answer(503, "SlowDown")
      if (fault === "409") return answer(409, "ConditionalRequestConflict")
      if (fault === "lost") return void incoming.socket.destroy()
      const { method, url, headers } = incoming
      request({ port: to, method, path: url, headers }, async (found) => {
        const text = await buffer(found)
        if (fault === "lost after") incoming.socket.destroy()
        else if (fault === "500 after") answer(500, "InternalError")
        else outgoing.writeHead(found.statusCode ?? 0, found.headers).end(text)
      }).end(body)
    })
    await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening))
    return bucket
  }

  /** Asked before each request what goes wrong with it. */
  fail(next: () => Fault): void {
    this.#next = next
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** By a clock that no test sets. */
function isSkewed({ headers }: IncomingMessage): boolean {
  const signed = String(headers["x-amz-date"]).replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5")
  return Math.abs(Date.parse(signed) - (performance.timeOrigin + performance.now())) > SKEW_MS
}
