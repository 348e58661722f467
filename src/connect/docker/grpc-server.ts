import { constants, type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from "node:http2"
import type { Duplex } from "node:stream"
import { causeText } from "../../errors.ts"

/** The codes of gRPC that are answered here. */
export const GRPC = { ok: 0, unknown: 2, notFound: 5, permissionDenied: 7, unimplemented: 12, internal: 13 } as const

/** An answer that says no. */
export class GrpcRefusal extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** One call while it is answered. */
export interface GrpcCall {
  /** What was sent along under a name, each value of it. */
  metadata(name: string): readonly string[]
  /** The messages of the caller. */
  readonly messages: AsyncIterable<Buffer>
  /** Sends messages, no faster than the caller reads them; rejects where the caller is gone. */
  send(messages: readonly Buffer[]): Promise<void>
}

export type GrpcMethod = (call: GrpcCall) => Promise<void>

/** A larger message is no request of BuildKit. */
const MESSAGE_MAX_BYTES = 4 * 1024 * 1024
const PREFIX_BYTES = 5
/** How much may be under way to the caller before it says that it read it. */
const WINDOW_BYTES = 1024 * 1024
/** Node gives new calls up where one session holds more; several syncs at once, each with pieces under way, stay below. */
const SESSION_MAX_MB = 64

/**
 * Answers gRPC calls over a connection that the Engine gave away: it calls, we serve. The connection ends with it.
 * @param methods by their paths, as "/grpc.health.v1.Health/Check"
 */
export function serveGrpc(socket: Duplex, methods: ReadonlyMap<string, GrpcMethod>): { close(): void } {
  const session = performServerHandshake(socket, {
    settings: { initialWindowSize: WINDOW_BYTES },
    maxSessionMemory: SESSION_MAX_MB,
  })
  // The build's own answer tells how it ended; a session that breaks off is only a consequence.
  session.on("error", () => socket.destroy())
  socket.on("error", () => session.destroy())
  session.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags, raw: string[]) => {
    stream.on("error", () => {}) // the caller is gone
    const method = methods.get(headers[constants.HTTP2_HEADER_PATH] as string)
    void answer(stream, raw, method)
  })
  return {
    close: () => {
      session.destroy()
      socket.destroy()
    },
  }
}

async function answer(stream: ServerHttp2Stream, raw: readonly string[], method: GrpcMethod | undefined) {
  let trailers: Record<string, string> = { "grpc-status": String(GRPC.ok) }
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers(trailers))
  try {
    if (method === undefined) throw new GrpcRefusal(GRPC.unimplemented, "this is not served here")
    await method({
      metadata: (name) => metadataOf(raw, name),
      messages: messagesOf(stream),
      send: (messages) => send(stream, messages),
    })
  } catch (error) {
    const code = error instanceof GrpcRefusal ? error.code : GRPC.unknown
    trailers = { "grpc-status": String(code), "grpc-message": encodeURIComponent(causeText(error)) }
  }
  if (!stream.destroyed) stream.end()
}

/** Not from the parsed headers: those join values that hold commas themselves. Newer Engines escape what is not ASCII. */
function metadataOf(raw: readonly string[], name: string): readonly string[] {
  const values = raw.filter((_, at) => at % 2 === 1 && raw[at - 1] === name)
  return raw.includes(`${name}-encoded`)
    ? values.map((value) => decodeURIComponent(value.replaceAll("+", " ")))
    : values
}

/** Who stops to read has not hung up: the answer still goes out. */
async function* messagesOf(stream: ServerHttp2Stream): AsyncGenerator<Buffer> {
  let pending: Buffer = Buffer.alloc(0)
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    let at = 0
    while (pending.length - at >= PREFIX_BYTES) {
      const length = pending.readUInt32BE(at + 1)
      if (pending[at] !== 0 || length > MESSAGE_MAX_BYTES) throw new GrpcRefusal(GRPC.internal, "no such message")
      if (pending.length - at < PREFIX_BYTES + length) break
      yield pending.subarray(at + PREFIX_BYTES, at + PREFIX_BYTES + length)
      at += PREFIX_BYTES + length
    }
    pending = pending.subarray(at)
  }
}

function send(stream: ServerHttp2Stream, messages: readonly Buffer[]): Promise<void> {
  const framed = messages.flatMap((message) => {
    const prefix = Buffer.alloc(PREFIX_BYTES)
    prefix.writeUInt32BE(message.length, 1)
    return [prefix, message]
  })
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new GrpcRefusal(GRPC.unknown, "the caller is gone"))
    if (stream.destroyed || stream.writableEnded) return gone()
    stream.once("close", gone)
    const written = (): void => {
      stream.off("close", gone)
      resolve()
    }
    if (stream.write(Buffer.concat(framed))) written()
    else stream.once("drain", written)
  })
}
