import { type ClientHttp2Session, connect } from "node:http2"
import { createServer, type Server, type Socket } from "node:net"
import { afterEach, beforeEach, expect, test } from "vitest"
import { GRPC, type GrpcMethod, GrpcRefusal, serveGrpc } from "./grpc-server.ts"

let server: Server
let client: ClientHttp2Session
const seen: string[][] = []

const methods = new Map<string, GrpcMethod>([
  [
    "/test.Echo/All",
    async (call) => {
      seen.push([...call.metadata("patterns")])
      for await (const message of call.messages) await call.send([Buffer.concat([Buffer.from("> "), message])])
    },
  ],
  [
    "/test.Echo/First",
    async (call) => {
      for await (const message of call.messages) {
        await call.send([message, message])
        return
      }
    },
  ],
  [
    "/test.Echo/Refuse",
    async () => {
      throw new GrpcRefusal(GRPC.notFound, "no such thing: ü")
    },
  ],
])

beforeEach(async () => {
  seen.length = 0
  server = createServer((socket: Socket) => void serveGrpc(socket, methods))
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  client = connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
})

afterEach(() => {
  client.destroy()
  server.close()
})

function framed(text: string, length = Buffer.byteLength(text), flag = 0): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0])
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, Buffer.from(text)])
}

interface Answer {
  readonly body: string
  readonly status: string
  readonly message: string
}

function call(
  path: string,
  pieces: readonly Buffer[],
  headers: Record<string, string | string[]> = {},
): Promise<Answer> {
  const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", ...headers })
  const chunks: Buffer[] = []
  let trailers: Record<string, unknown> = {}
  stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  stream.on("trailers", (given) => {
    trailers = given
  })
  for (const piece of pieces) stream.write(piece)
  stream.end()
  return new Promise((resolve, reject) => {
    stream.on("error", reject)
    stream.on("close", () =>
      resolve({
        body: Buffer.concat(chunks).toString("latin1"),
        status: String(trailers["grpc-status"]),
        message: decodeURIComponent(String(trailers["grpc-message"] ?? "")),
      }),
    )
  })
}

test("messages are answered however they are cut into pieces", async () => {
  const bytes = Buffer.concat([framed("one"), framed(""), framed("three")])
  const pieces = Array.from(bytes, (byte) => Buffer.from([byte]))
  const { body, status } = await call("/test.Echo/All", pieces)
  expect([body, status]).toEqual([
    Buffer.concat([framed("> one"), framed("> "), framed("> three")]).toString("latin1"),
    "0",
  ])
})

test("an answer that needs only the first message still ends well", async () => {
  const { body, status } = await call("/test.Echo/First", [framed("a"), framed("b")])
  expect([body, status]).toEqual([Buffer.concat([framed("a"), framed("a")]).toString("latin1"), "0"])
})

test.each([
  ["/test.Echo/Refuse", [], "5", "no such thing: ü"],
  ["/test.Echo/Missing", [], "12", "this is not served here"],
  ["/test.Echo/All", [framed("x", 1, 1)], "13", "no such message"],
  ["/test.Echo/All", [framed("x", 2 ** 31)], "13", "no such message"],
] as const)("%s of %j is refused with %s", async (path, pieces, status, message) => {
  expect(await call(path, pieces)).toMatchObject({ status, message })
})

test("what is sent along comes as it was: with commas, several times, and beyond ASCII", async () => {
  await call("/test.Echo/All", [], { patterns: ["a, b", "c"] })
  await call("/test.Echo/All", [], { patterns: ["%C3%BC+%2B", "d"], "patterns-encoded": "1" })
  expect(seen).toEqual([
    ["a, b", "c"],
    ["ü +", "d"],
  ])
})

test("many answers at once, larger than any window, all arrive", async () => {
  const large = "x".repeat(400_000)
  const answers = await Promise.all(Array.from({ length: 5 }, () => call("/test.Echo/First", [framed(large)])))
  for (const { body, status } of answers) expect([body.length, status]).toEqual([2 * (large.length + 5), "0"])
})
