import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTcpServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, test } from "vitest"
import { exec } from "../../src/connect/docker/exec.ts"
import { logs } from "../../src/connect/docker/logs.ts"
import { closeAll, open } from "./docker-world.ts"

/** What speaks to us may be anything: a proxy, another service, an Engine that breaks. */
describe("an Engine that lies", () => {
  const folder = mkdtempSync(join(tmpdir(), "fettle-liar-"))
  const servers: { close(): unknown }[] = []
  let at = 0

  afterEach(async () => {
    await closeAll()
    for (const server of servers.splice(0)) server.close()
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
    at += 1
    const path = join(folder, `${at}.sock`)
    await new Promise<void>((resolve) => server.listen(path, resolve))
    servers.push(server)
    return `unix://${path}`
  }

  type Answer = (request: IncomingMessage, response: ServerResponse) => void

  const json =
    (value: unknown): Answer =>
    (_, response) =>
      void response.end(JSON.stringify(value))

  /** A fake that greets well; `paths` answers the rest. */
  function fake(paths: Readonly<Record<string, Answer>>): Promise<string> {
    const greeting: Record<string, Answer> = {
      "/_ping": (_, response) => void response.setHeader("api-version", "1.41").end("OK"),
      "/version": json({ Version: "20.10.24", ApiVersion: "1.41", MinAPIVersion: "1.12", Os: "linux", Arch: "amd64" }),
      "/info": json({ ID: "LIAR" }),
    }
    const server = createServer((request, response) => {
      const path = (request.url ?? "").replace(/^\/v1\.\d+/, "").replace(/\?.*/, "")
      const answer = paths[path] ?? greeting[path]
      if (answer === undefined) response.writeHead(404).end("{}")
      else answer(request, response)
    })
    return listen(server)
  }

  test.each<[string, (socket: Socket) => void, string]>([
    ["that speaks no HTTP", (socket) => socket.write("220 mail.test ESMTP\r\n".repeat(100)), "DOCKER_FAILED"],
    ["that hangs up", (socket) => socket.end(), "DOCKER_FAILED"],
    [
      "with a header without end",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}`),
      "DOCKER_FAILED",
    ],
    [
      "that promises more than it sends",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"),
      "DOCKER_FAILED",
    ],
    [
      "whose chunks are none",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
      "DOCKER_FAILED",
    ],
  ])("%s", async (_, answer, code) => {
    const host = await listen(
      createTcpServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => answer(socket))
      }),
    )
    await expect(open({ host })).rejects.toMatchObject({ code })
  })

  test.each<[string, Readonly<Record<string, Answer>>, string]>([
    [
      "Podman",
      { "/_ping": (_, response) => void response.setHeader("libpod-api-version", "4.3.1").end("OK") },
      "DOCKER_UNSUPPORTED",
    ],
    ["no version", { "/version": json({}) }, "DOCKER_PROTOCOL"],
    ["an old one", { "/version": json({ ApiVersion: "1.24" }) }, "DOCKER_UNSUPPORTED"],
    ["no id", { "/info": json({}) }, "DOCKER_PROTOCOL"],
    ["something else than JSON", { "/version": (_, response) => void response.end("<html>") }, "DOCKER_PROTOCOL"],
    ["JSON that is no object", { "/version": json(7) }, "DOCKER_PROTOCOL"],
    [
      "no permission",
      { "/_ping": (_, response) => void response.writeHead(403).end('{"message":"no"}') },
      "DOCKER_FAILED",
    ],
  ])("it says: %s", async (_, paths, code) => {
    await expect(open({ host: await fake(paths) })).rejects.toMatchObject({ code })
  })

  test("an answer that never ends is given up at 64 MiB", async () => {
    const endless: Answer = (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000_000, 0x20)));
      }
      response.on("drain", more)
      more()
    }
    const { client } = await open({ host: await fake({ "/images/json": endless }) })
    await expect(client.json("GET", "/images/json")).rejects.toMatchObject({
      code: "DOCKER_PROTOCOL",
      fact: expect.stringContaining("larger than"),
    })
  })

  test("an error as long as a book is cut, and what is secret in it hidden first", async () => {
    const password = "the-registry-password"
    const said = `${"x".repeat(1_990)}${password}${"y".repeat(1_000_000)}`
    const host = await fake({
      "/pull": (_, response) => void response.writeHead(500).end(JSON.stringify({ message: said })),
    })
    const { client } = await open({ host })
    await client.json("POST", "/pull").catch((error) => {
      expect(error).toMatchObject({ code: "DOCKER_FAILED", details: { status: 500, notMade: false } })
      expect(error.fact.length).toBeLessThan(2_200)
    })
    expect.assertions(2)
  })

  describe("a reply that is lost", () => {
    test("of a write: maybe, and it is not made again", async () => {
      let calls = 0
      const hangUp: Answer = (request) => {
        calls += 1
        request.socket.destroy()
      }
      const { client } = await open({ host: await fake({ "/containers/create": hangUp }) })
      await expect(client.json("POST", "/containers/create", { body: {} })).rejects.toMatchObject({
        code: "DOCKER_FAILED",
        details: { notMade: false },
      })
      expect(calls).toBe(1)
    })

    test("of a read over a kept connection: it is asked again, once", async () => {
      let calls = 0
      const once: Answer = (request, response) => {
        calls += 1
        if (calls === 1) request.socket.destroy()
        else response.end("[]")
      }
      const { client } = await open({ host: await fake({ "/images/json": once }) })
      expect((await client.json("GET", "/images/json")).json).toEqual([])
      expect(calls).toBe(2)
    })
  })

  const container = json({ Id: "c1", Config: { Tty: false }, State: { Running: false } })

  test.each<[string, string | Buffer, string]>([
    ["that are not frames", "plain text, and no terminal\n", "DOCKER_PROTOCOL"],
    ["that break off in a frame", Buffer.from([1, 0, 0, 0, 0, 0, 0, 9, 65]), "DOCKER_FAILED"],
  ])("logs %s", async (_, bytes, code) => {
    const { client } = await open({
      host: await fake({
        "/containers/c1/json": container,
        "/containers/c1/logs": (_, response) => void response.end(bytes),
      }),
    })
    const reading = (async () => {
      for await (const _ of logs(client, ["c1"]));
    })()
    await expect(reading).rejects.toMatchObject({ code })
  })

  test("a line of a log without end comes in bounded pieces", async () => {
    const frame = Buffer.alloc(8 + 16_000_000, 0x61)
    frame.writeUInt32BE(0x01_00_00_00, 0)
    frame.writeUInt32BE(16_000_000, 4)
    const { client } = await open({
      host: await fake({
        "/containers/c1/json": container,
        "/containers/c1/logs": (_, response) => void response.end(frame),
      }),
    })
    let longest = 0
    let characters = 0
    for await (const { text, more } of logs(client, ["c1"])) {
      expect(more).toBe(true)
      longest = Math.max(longest, text.length)
      characters += text.length
    }
    expect([longest, characters]).toEqual([65_536, 16_000_000])
  })

  test("a container without an id, and an exec that is not upgraded", async () => {
    const host = await fake({
      "/containers/c1/json": json({ Id: 1 }),
      "/containers/c1/exec": json({ Id: "abc" }),
      "/exec/abc/start": (_, response) => void response.end("no"),
      "/containers/c2/exec": json({ Id: "../../x" }),
    })
    const { client } = await open({ host })
    const reading = (async () => {
      for await (const _ of logs(client, ["c1"]));
    })()
    await expect(reading).rejects.toMatchObject({ code: "DOCKER_PROTOCOL" })
    await expect(exec(client, "c1", ["true"])).rejects.toMatchObject({ code: "DOCKER_PROTOCOL" })
    await expect(exec(client, "c2", ["true"])).rejects.toMatchObject({ code: "DOCKER_PROTOCOL" })
  })

  test("a slow far side does not pile up what is sent to it", async () => {
    let sent = 0
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 1_000; n += 1) {
        sent += 1_000_000
        yield Buffer.alloc(1_000_000)
      }
    }
    const host = await fake({ "/build": (request) => void request.pause() })
    const { client } = await open({ host })
    const upload = { bytes: bytes(), type: "application/x-tar" }
    await expect(client.stream("POST", "/build", { upload, timeoutMs: 500 })).rejects.toMatchObject({ code: "TIMEOUT" })
    expect(sent).toBeLessThan(20_000_000)
  })

  test("a far side that refuses in the middle of what is sent is heard", async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(65_536)
    }
    const refuse: Answer = (request, response) => {
      request.resume()
      setTimeout(() => response.writeHead(400).end('{"message":"invalid tar header"}'), 50)
    }
    const { client } = await open({ host: await fake({ "/build": refuse }) })
    const upload = { bytes: bytes(), type: "application/x-tar" }
    await expect(client.stream("POST", "/build", { upload })).rejects.toMatchObject({
      code: "DOCKER_FAILED",
      fact: expect.stringContaining("invalid tar header"),
    })
  })
})
