import { type Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http"
import { request as tlsRequest } from "node:https"
import type { Socket } from "node:net"
import { Readable } from "node:stream"
import type { SecureContextOptions } from "node:tls"

/** Where one Engine listens, as a socket is opened to it. */
export type Socketed =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls?: TlsMaterial }

/** What a TLS handshake shows and believes. */
export interface TlsMaterial extends Pick<SecureContextOptions, "ca" | "cert" | "key"> {
  /** False where a context says that the Engine's certificate is not to be checked. */
  readonly rejectUnauthorized?: boolean
}

/** One request as it goes over the wire. */
export interface Exchange {
  readonly to: Socketed
  /** Kept connections are taken from here; false for one of its own. */
  readonly agent: Agent | false
  readonly method: string
  /** With version and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[]>>
  /** Streamed with backpressure; a text goes in one piece. */
  readonly body?: string | AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly signal: AbortSignal
}

/** What came back first. */
export type Arrived =
  | { readonly response: IncomingMessage }
  /** The Engine gave the connection away: both directions are ours. `head` came with the answer. */
  | { readonly response: IncomingMessage; readonly socket: Socket; readonly head: Buffer }

/** Why nothing came back; `sent` says whether the Engine may have seen the request. */
export class ExchangeFailed extends Error {
  readonly sent: boolean
  /** The connection was one that had been used before: it may have ended while it lay there. */
  readonly reused: boolean

  constructor(cause: unknown, sent: boolean, reused: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.sent = sent
    this.reused = reused
  }
}

/**
 * Makes one request and resolves when its answer begins.
 * @throws ExchangeFailed; whatever `signal` was aborted with
 */
export function exchange(parts: Exchange): Promise<Arrived> {
  parts.signal.throwIfAborted()
  const request = begin(parts)
  const { promise, resolve, reject } = Promise.withResolvers<Arrived>()
  const state = { sent: false, body: undefined as Readable | undefined }
  request.on("socket", (socket: Socket) => {
    const isReady = !socket.connecting && !("secureConnecting" in socket && socket.secureConnecting === true)
    const send = (): void => {
      state.sent = true
    }
    if (isReady) send()
    else socket.once("tls" in parts.to && parts.to.tls !== undefined ? "secureConnect" : "connect", send)
  })
  const abort = (): void => {
    reject(parts.signal.reason)
    request.destroy()
  }
  parts.signal.addEventListener("abort", abort, { once: true })
  const arrived = (answer: Arrived): void => {
    parts.signal.removeEventListener("abort", abort)
    resolve(answer)
  }
  request.on("response", (response) => {
    if ((response.statusCode ?? 0) >= 300) state.body?.destroy() // it will not read the rest
    arrived({ response })
  })
  request.on("upgrade", (response, socket, head) => arrived({ response, socket: socket as Socket, head }))
  request.on("error", (error) => {
    parts.signal.removeEventListener("abort", abort)
    state.body?.destroy()
    reject(new ExchangeFailed(error, state.sent && !isRefusedHandshake(error), request.reusedSocket))
  })
  state.body = send(request, parts.body, reject)
  return promise
}

function begin({ to, agent, method, path, headers }: Exchange): ClientRequest {
  const shared = { method, path, headers: { host: "docker", ...headers } }
  if ("socketPath" in to) return plainRequest({ ...shared, agent, socketPath: to.socketPath })
  const { host, port, tls } = to
  const own = { ...shared, host, port, headers: { ...shared.headers, host: `${host}:${port}` } }
  return tls === undefined ? plainRequest({ ...own, agent }) : tlsRequest({ ...own, agent, ...tls })
}

/** Hands the body over; what its source throws ends the request. */
function send(request: ClientRequest, body: Exchange["body"], reject: (reason: unknown) => void): Readable | undefined {
  if (body === undefined || typeof body === "string") {
    request.end(body)
    return undefined
  }
  const source = Readable.from(body, { objectMode: false })
  source.on("error", (error) => {
    reject(error)
    request.destroy()
  })
  source.pipe(request)
  request.on("close", () => source.destroy())
  return source
}

/** With TLS 1.3 an unwanted client certificate is told after the handshake, in the place of an answer. */
function isRefusedHandshake(error: Error): boolean {
  return /^ERR_SSL_.*ALERT/.test((error as NodeJS.ErrnoException).code ?? "")
}
