import { type ChildProcess, spawn } from "node:child_process"
import { createServer, get, request, type Server } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { runtime as haproxyRuntime } from "../../src/connect/haproxy/runtime.ts"
import { command, runtime as proxyRuntime } from "../../src/connect/proxy/runtime.ts"
import { type Instance, type Traffic, trafficOf } from "../../src/connect/traffic.ts"
import type { Driver } from "../../src/provider.ts"
import { freePort } from "../support/free-port.ts"
import { testFolder } from "../support/runs.ts"
import { canStartHaproxy, HaproxyWorld, stopHaproxies } from "./haproxy-world.ts"
import { Prober } from "./prober.ts"

/** Who sends the traffic, started anew for each test. */
interface World {
  readonly url: string
  readonly traffic: Traffic
  /** Kills it and starts it again. */
  restart(): Promise<void>
  end(): Promise<void>
}

const signal = new AbortController().signal

/** The traffic of an opened connection. A kind would get the client; a test has only the driver. */
async function openTraffic(
  open: (context: never) => Promise<Driver>,
  backend: string,
): Promise<{ readonly traffic: Traffic; readonly driver: Driver }> {
  const driver = await open({ signal, log: () => {} } as never)
  let traffic: Traffic | undefined
  const provider = {
    kind: "test.kind",
    read: async (keys: readonly { address: string }[], call: { connection: unknown }) => {
      traffic = trafficOf(call.connection, backend)
      return new Map(keys.map(({ address }) => [address, { absent: true }]))
    },
  }
  await driver.read([{ provider: provider as never, key: { address: "a" as never } }], { signal } as never)
  if (traffic === undefined) throw new Error("this connection sends no traffic")
  return { traffic, driver }
}

async function haproxyWorld(): Promise<World> {
  const port = await freePort() // a backend that does not wait as long as the others
  const proxy = await HaproxyWorld.start(`
frontend quick-front
  bind 127.0.0.1:${port}
  default_backend quick
backend quick
  balance roundrobin
  option httpchk GET /health
  option redispatch 1
  timeout server 5s
`)
  const { traffic, driver } = await openTraffic(haproxyRuntime(proxy.address).open, "quick")
  return {
    url: `http://127.0.0.1:${port}/`,
    traffic,
    restart: async () => {
      await proxy.down()
      await proxy.up()
    },
    end: async () => {
      await driver.close()
      await proxy.remove()
    },
  }
}

async function ownWorld(): Promise<World> {
  const folder = testFolder()
  const port = await freePort()
  const files = { control: join(folder, "control.sock"), state: join(folder, "servers.json") }
  let child: ChildProcess | undefined
  const up = async (): Promise<void> => {
    const [file, ...args] = command({ listen: `127.0.0.1:${port}`, ...files })
    child = spawn(file, ["--disable-warning=ExperimentalWarning", ...args], { stdio: ["ignore", "inherit", "inherit"] })
    while ((await status(`http://127.0.0.1:${port}/`)) === 0) await sleep(20)
  }
  const down = async (): Promise<void> => {
    const ended = new Promise((resolve) => child?.once("exit", resolve))
    child?.kill("SIGKILL")
    await ended
  }
  await up()
  const { traffic, driver } = await openTraffic(proxyRuntime({ control: files.control }).open, "")
  return {
    url: `http://127.0.0.1:${port}/`,
    traffic,
    restart: async () => {
      await down()
      await up()
    },
    end: async () => {
      await driver.close()
      await down()
    },
  }
}

/** The status of one answer; 0 where there is none. */
function status(url: string): Promise<number> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => response.resume().on("end", () => resolve(response.statusCode ?? 0))).on(
      "error",
      () => resolve(0),
    )
  })
}

describe.each([
  ["HAProxy", haproxyWorld, true],
  ["the embedded proxy", ownWorld, false],
] as const)("traffic by %s", (_name, start, isHaproxy) => {
  const skipped = isHaproxy && !canStartHaproxy()
  let world: World
  const servers: Server[] = []

  beforeEach(async () => {
    if (!skipped) world = await start()
  })
  afterEach(async () => {
    await world?.end()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })
  afterAll(() => stopHaproxies())

  /** A service that answers with its name, or as it is told. */
  async function instance(
    name: string,
    answer: (path: string) => { readonly status?: number; readonly waitMs?: number } = () => ({}),
  ): Promise<Instance & { readonly server: Server }> {
    const server = createServer(async (asked, response) => {
      const { status: code = 200, waitMs = 0 } = answer(asked.url ?? "")
      await sleep(waitMs)
      response.writeHead(code).end(name)
    })
    servers.push(server)
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    return { name, version: name, address: "127.0.0.1", port: (server.address() as AddressInfo).port, server }
  }

  async function answers(times: number): Promise<Readonly<Record<string, number>>> {
    const found: Record<string, number> = {}
    for (let at = 0; at < times; at += 1) {
      const text = await (await fetch(world.url)).text()
      found[text] = (found[text] ?? 0) + 1
    }
    return found
  }

  test.skipIf(skipped)(
    "sends shares as they are wanted, also over several instances",
    { timeout: 60_000 },
    async () => {
      const [a, b, c] = [await instance("a"), await instance("b"), await instance("c")]
      await world.traffic.route([{ instance: a, share: 1 }], signal)
      expect(await answers(20)).toEqual({ a: 20 })
      const shares = [a, b].map((each) => ({ instance: each, share: 0.4 }))
      await world.traffic.route([...shares, { instance: c, share: 0.2 }], signal)
      await answers(100) // HAProxy gives a new server its first turn up to a round later
      const { a: ofA = 0, b: ofB = 0, c: ofC = 0 } = await answers(500)
      for (const [got, wanted] of [
        [ofA, 200],
        [ofB, 200],
        [ofC, 100],
      ] as const)
        expect(Math.abs(got - wanted)).toBeLessThanOrEqual(10)
      await world.traffic.route(
        [
          { instance: c, share: 1 },
          { instance: a, share: 0 },
          { instance: b, share: 0 },
        ],
        signal,
      )
      expect(await answers(20)).toEqual({ c: 20 })
    },
  )

  test.skipIf(skipped)("loses no request while versions come, share, drain and go", { timeout: 60_000 }, async () => {
    const old = await instance("old")
    await world.traffic.route([{ instance: old, share: 1 }], signal)
    const prober = new Prober(world.url)
    const fresh = await instance("fresh")
    for (const share of [0.05, 0.5, 0.95]) {
      await world.traffic.route(
        [
          { instance: fresh, share },
          { instance: old, share: 1 - share },
        ],
        signal,
      )
      await sleep(300)
    }
    await world.traffic.route(
      [
        { instance: fresh, share: 1 },
        { instance: old, share: 0 },
      ],
      signal,
    )
    expect(await world.traffic.drained(["old"], 5_000, signal)).toBe(true)
    await world.traffic.remove(["old"], signal)
    await world.traffic.remove(["old"], signal)
    old.server.close()
    await sleep(300)
    const { failed, answers: got } = await prober.end()
    expect(failed).toEqual([])
    expect(Object.keys(got).sort()).toEqual(["fresh", "old"])
    expect((await world.traffic.look(signal)).map(({ name }) => name)).toEqual(["fresh"])
  })

  test.skipIf(skipped)(
    "waits for a slow request while it drains, and says where it has not ended",
    { timeout: 60_000 },
    async () => {
      const [slow, other] = [
        await instance("slow", (path) => ({ waitMs: path === "/health" ? 0 : 4_000 })),
        await instance("other"),
      ]
      await world.traffic.route([{ instance: slow, share: 1 }], signal)
      const asked = fetch(world.url)
      await sleep(200)
      await world.traffic.route(
        [
          { instance: other, share: 1 },
          { instance: slow, share: 0 },
        ],
        signal,
      )
      expect(await world.traffic.drained(["slow"], 100, signal)).toBe(false)
      expect(await world.traffic.drained(["slow"], 10_000, signal)).toBe(true)
      expect(await (await asked).text()).toBe("slow")
    },
  )

  test.skipIf(skipped)(
    "counts what each has answered, and tells where counters began anew",
    { timeout: 60_000 },
    async () => {
      const bad = await instance("bad", (path) => ({ status: path === "/health" ? 200 : 503 }))
      await world.traffic.route([{ instance: bad, share: 1 }], signal)
      const before = await world.traffic.counters(signal)
      await answers(30)
      const after = await world.traffic.counters(signal)
      const [was, is] = [before.byName.get("bad"), after.byName.get("bad")]
      expect([(is?.requests ?? 0) - (was?.requests ?? 0), (is?.errors ?? 0) - (was?.errors ?? 0)]).toEqual([30, 30])
      expect(after.epoch).toBe(before.epoch)
      await world.restart()
      await world.traffic.route([{ instance: bad, share: 1 }], signal)
      expect((await world.traffic.counters(signal)).epoch).not.toBe(before.epoch)
      expect(await answers(3)).toEqual({ bad: 3 })
    },
  )

  test.skipIf(skipped)(
    "counts what was never answered, half answered, or given up on",
    { timeout: 60_000 },
    async () => {
      const server = createServer((asked, response) => {
        if (asked.url === "/health") return void response.end("ok")
        if (asked.url === "/half") response.writeHead(200, { "content-length": "1000" }).write("half")
        if (asked.url === "/cut")
          response.writeHead(200, { "content-length": "1000" }).write("half", () => response.destroy())
        if (asked.url === "/none") response.destroy()
        // and else nothing ever comes
      })
      servers.push(server)
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
      const { port } = server.address() as AddressInfo
      await world.traffic.route(
        [{ instance: { name: "it", version: "1", address: "127.0.0.1", port }, share: 1 }],
        signal,
      )
      const bad = async (): Promise<readonly number[]> => {
        const { requests = 0, errors = 0 } = (await world.traffic.counters(signal)).byName.get("it") ?? {}
        return [requests, errors]
      }
      const giveUp = (path: string): Promise<unknown> =>
        fetch(new URL(path, world.url), { signal: AbortSignal.timeout(1_000) }).then((answer) => answer.text())
      for (const path of ["/hang", "/half", "/cut", "/none"])
        for (let at = 0; at < 3; at += 1) await giveUp(path).catch(() => {})
      await expect.poll(async () => (await bad())[1], { timeout: 20_000 }).toBeGreaterThanOrEqual(12)
      const [requests = 0, errors = 0] = await bad()
      expect(errors).toBeLessThanOrEqual(requests)
    },
  )

  test.skipIf(skipped)(
    "counts a refused connection where it was refused, though another answered",
    {
      timeout: 60_000,
    },
    async () => {
      const [good, loop] = [await instance("good"), await instance("loop")]
      await world.traffic.route(
        [good, loop].map((each) => ({ instance: each, share: 0.5 })),
        signal,
      )
      await answers(20)
      const before = await world.traffic.counters(signal)
      loop.server.closeAllConnections()
      loop.server.close()
      const found = await answers(4) // at once: no check has told yet
      expect(found).toEqual({ good: 4 })
      const after = await world.traffic.counters(signal)
      const errors = (name: string): number =>
        (after.byName.get(name)?.errors ?? 0) - (before.byName.get(name)?.errors ?? 0)
      expect(errors("loop")).toBeGreaterThanOrEqual(1)
      expect(errors("good")).toBe(0)
      const place = async (): Promise<unknown> => (await world.traffic.look(signal)).find(({ name }) => name === "loop")
      await expect.poll(place, { timeout: 10_000 }).toMatchObject({ up: false, falls: 1 })
    },
  )

  test.skipIf(skipped)(
    "gives an instance that has died nothing, and refuses a name that is none",
    { timeout: 60_000 },
    async () => {
      const [good, dead] = [await instance("good"), await instance("dead")]
      await world.traffic.route(
        [good, dead].map((each) => ({ instance: each, share: 0.5 })),
        signal,
      )
      dead.server.closeAllConnections()
      dead.server.close()
      await sleep(4_000)
      expect(await answers(20)).toEqual({ good: 20 })
      const hostile = { ...good, name: "x; del server web/good" }
      await expect(world.traffic.route([{ instance: hostile, share: 1 }], signal)).rejects.toThrow()
      expect(await answers(5)).toEqual({ good: 5 })
    },
  )
})

describe("the embedded proxy itself", () => {
  let world: World
  const servers: Server[] = []
  beforeEach(async () => {
    world = await ownWorld()
  })
  afterEach(async () => {
    await world.end()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function behind(server: Server): Promise<void> {
    servers.push(server)
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    const { port } = server.address() as AddressInfo
    await world.traffic.route(
      [{ instance: { name: "it", version: "1", address: "127.0.0.1", port }, share: 1 }],
      signal,
    )
  }

  test("sends as before where it was killed and started again", async () => {
    await behind(createServer((_asked, response) => response.end("still here")))
    await world.restart()
    expect(await (await fetch(world.url)).text()).toBe("still here")
  })

  test("streams bodies both ways, and hands on headers that are about the message alone", async () => {
    let seen: NodeJS.Dict<string | string[]> = {}
    await behind(
      createServer((asked, response) => {
        seen = asked.headers
        response.writeHead(201, { "x-own": "1", "keep-alive": "timeout=9" })
        asked.pipe(response)
      }),
    )
    const size = 20_000_000
    const got = await new Promise<{ code: number; length: number; headers: NodeJS.Dict<string | string[]> }>(
      (resolve, reject) => {
        const headers = { connection: "x-secret", "x-secret": "no", "x-open": "yes", "x-forwarded-for": "192.0.2.7" }
        const asking = request(world.url, { method: "POST", headers }, (response) => {
          let length = 0
          response.on("data", (bytes: Buffer) => {
            length += bytes.length
          })
          response.on("end", () => resolve({ code: response.statusCode ?? 0, length, headers: response.headers }))
        })
        asking.on("error", reject)
        asking.end(Buffer.alloc(size, "x"))
      },
    )
    expect(got).toMatchObject({ code: 201, length: size, headers: { "x-own": "1" } })
    expect(seen).toMatchObject({ "x-open": "yes", "x-forwarded-for": "192.0.2.7, 127.0.0.1" })
    expect(seen).not.toHaveProperty("x-secret")
  })

  test("hands another protocol through", async () => {
    const server = createServer()
    server.on("upgrade", (_asked, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
      socket.pipe(socket)
    })
    await behind(server)
    const { port } = new URL(world.url)
    const socket = connect(Number(port), "127.0.0.1")
    socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
    let text = ""
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      if (text.endsWith("\r\n\r\n")) socket.write("ping")
    })
    await expect.poll(() => text).toMatch(/101[\s\S]*ping$/)
    socket.destroy()
  })

  test("refuses a request whose length can be read in two ways, and says so where nobody answers", async () => {
    await behind(createServer((_asked, response) => response.end("ok")))
    const { port } = new URL(world.url)
    const raw = await new Promise<string>((resolve) => {
      let text = ""
      const socket = connect(Number(port), "127.0.0.1")
      socket.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      socket.on("close", () => resolve(text))
      socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    })
    expect(raw).toMatch(/^HTTP\/1.1 400/)
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
    expect(await status(world.url)).toBe(503)
    await world.traffic.remove(["it"], signal)
    expect(await status(world.url)).toBe(503)
  })
})
