import { connect, createServer, type Server, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** Bytes passed on at once where a line is slow. */
const SLICE_BYTES = 8_192

/** A network between a client and a server on loopback, which can be slow, silent, or gone. */
export class TcpProxy {
  readonly port: number
  /** Each pair that is open: the client's side and the server's. */
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #server: Server
  #flows: Promise<void> = Promise.resolve()
  #release: (() => void) | undefined
  #connected = Promise.withResolvers<void>()
  /** From the client to the server. Undefined: as fast as it goes. */
  bytesPerSecond: number | undefined
  /** What the server says does not reach the client any more; what the client says goes on to reach the server. */
  isMuffled = false
  /** Bytes of the client that were passed on. */
  passedBytes = 0

  private constructor(server: Server, to: number) {
    this.#server = server
    this.port = (server.address() as { port: number }).port
    server.on("connection", (client) => this.#join(client, connect(to, "127.0.0.1")))
  }

  static async start(to: number): Promise<TcpProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return new TcpProxy(server, to)
  }

  /** Resolves at the next connection. */
  connected(): Promise<void> {
    this.#connected = Promise.withResolvers<void>()
    return this.#connected.promise
  }

  /** Ends every connection in the middle, and both sides hear of it. */
  cut(): void {
    for (const pair of this.#pairs) for (const each of pair) each.resetAndDestroy()
  }

  /** Nothing passes any more, not even the news of an end, until `resume`. */
  stall(): void {
    if (this.#release !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#flows = promise
    this.#release = resolve
  }

  resume(): void {
    this.#release?.()
    this.#release = undefined
  }

  async stop(): Promise<void> {
    this.cut()
    this.resume()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket, server: Socket): void {
    const pair = [client, server] as const
    this.#pairs.add(pair)
    this.#connected.resolve()
    for (const each of pair) each.setNoDelay().on("error", () => {})
    void Promise.all([this.#pass(client, server, true), this.#pass(server, client, false)]).then(() =>
      this.#pairs.delete(pair),
    )
  }

  async #pass(from: Socket, to: Socket, fromClient: boolean): Promise<void> {
    try {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < bytes.length; ) {
          await this.#flows
          if (!fromClient && this.isMuffled) break
          const slow = fromClient ? this.bytesPerSecond : undefined
          const slice = bytes.subarray(at, slow === undefined ? bytes.length : at + SLICE_BYTES)
          at += slice.length
          if (fromClient) this.passedBytes += slice.length
          if (!to.write(slice)) await Promise.race([drained(to), closed(to)])
          if (slow !== undefined) await sleep((slice.length / slow) * 1000)
        }
      }
    } catch {
      // It was cut.
    }
    await this.#flows
    to.end()
  }
}

function drained(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once("drain", resolve))
}

function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once("close", resolve))
}
