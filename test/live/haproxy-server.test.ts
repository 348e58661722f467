import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { z } from "zod"
import { runtime } from "../../src/connect/haproxy/runtime.ts"
import { SocketClient } from "../../src/connect/haproxy/runtime-client.ts"
import { ssh } from "../../src/connect/host/ssh.ts"
import * as haproxy from "../../src/haproxy.ts"
import { type Program, program } from "../../src/program/program.ts"
import { resource } from "../../src/program/resource.ts"
import type { Connection } from "../../src/provider.ts"
import type { serverProps } from "../../src/providers/haproxy/server-props.ts"
import { conformsTests } from "../../src/testing.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { changes, failed } from "./docker-told.ts"
import { canStartHaproxy, HaproxyWorld, stopHaproxies } from "./haproxy-world.ts"

type Props = z.input<typeof serverProps>

const QUICK = { intervalMs: 100, rise: 1, fall: 2 }

describe.skipIf(!canStartHaproxy())("haproxy.server", () => {
  let world: HaproxyWorld
  beforeAll(async () => {
    world = await HaproxyWorld.start()
  })
  afterAll(() => stopHaproxies())

  const client = (): SocketClient =>
    new SocketClient({ to: { path: world.at("admin.sock") }, target: "test", timeoutMs: 5_000 })
  const signal = new AbortController().signal

  /** Servers in a program of their own. */
  function one(to: Parameters<typeof runtime>[0] = world.address) {
    const runs = runsIn(testFolder())
    const build = (servers: Readonly<Record<string, Props>>, options: { adopt?: boolean } = {}): Program =>
      program("servers", {}, () => {
        const on = runtime(to)
        for (const [name, props] of Object.entries(servers)) resource(haproxy.server, name, props, { on, ...options })
      })
    return { runs, build }
  }

  test("is added once its check has passed, mended where it drifted, moved create-first, and deleted", async () => {
    const { runs, build } = one()
    const [a, b] = [await world.service("a"), await world.service("b")]
    const props = (port: number): Props => ({ backend: "web", address: "127.0.0.1", port, weight: 50, check: QUICK })
    expect(failed(await runs.apply(build({ it: props(a) })))).toEqual([])
    expect(await world.servers()).toEqual([`127.0.0.1:${a} 127.0.0.1:${a} 50 0`])
    expect(await (await fetch(world.url)).text()).toBe("a")
    expect(changes(await runs.plan(build({ it: props(a) })))).toEqual([])
    await world.ask(`set server web/127.0.0.1:${a} weight 7;set server web/127.0.0.1:${a} state drain`)
    expect(changes(await runs.plan(build({ it: props(a) })))).toEqual([
      "update haproxy.server[it]: weight is 7, wanted 50; state is drain, wanted ready",
    ])
    expect(failed(await runs.apply(build({ it: props(a) })))).toEqual([])
    expect(await world.servers()).toEqual([`127.0.0.1:${a} 127.0.0.1:${a} 50 0`])
    const moved = await runs.apply(build({ it: props(b) }))
    expect(failed(moved)).toEqual([])
    expect(moved.plan?.changes[0]).toMatchObject({ action: "replace", order: "create-first" })
    expect(await world.servers()).toEqual([`127.0.0.1:${b} 127.0.0.1:${b} 50 0`])
    expect(await (await fetch(world.url)).text()).toBe("b")
    expect(failed(await runs.apply(build({ it: props(b) }), { destroy: true }))).toEqual([])
    expect(await world.servers()).toEqual([])
  })

  test("with a name its address changes in place, and other checks need it added anew", async () => {
    const { runs, build } = one()
    const [a, b] = [await world.service("a"), await world.service("b")]
    const props = (port: number, more: Partial<Props> = {}): Props => {
      return { backend: "web", name: "named", address: "127.0.0.1", port, check: QUICK, ...more }
    }
    expect(failed(await runs.apply(build({ it: props(a) })))).toEqual([])
    const moved = build({ it: props(b, { maxConnections: 20 }) })
    expect(changes(await runs.plan(moved))).toEqual([
      `update haproxy.server[it]: port is ${a}, wanted ${b}; maxConnections is without limit, wanted 20`,
    ])
    expect(failed(await runs.apply(moved))).toEqual([])
    expect(await world.servers()).toEqual([`named 127.0.0.1:${b} 100 0`])
    expect(changes(await runs.plan(moved))).toEqual([])
    const slower = build({ it: props(b, { check: { ...QUICK, intervalMs: 150 } }) })
    expect(changes(await runs.plan(slower))).toEqual(
      [
        "replace haproxy.server[it]: checks are given once, when a server is added; maxConnections is 20, wanted none",
      ].map((line) => line.split("; ")[0]),
    )
    expect(failed(await runs.apply(slower))).toEqual([])
    expect(changes(await runs.plan(slower))).toEqual([])
    const unchecked = build({ it: props(b, { check: false, state: "drain" }) })
    expect(failed(await runs.apply(unchecked))).toEqual([])
    expect(await world.servers()).toEqual([`named 127.0.0.1:${b} 100 8`])
    expect(failed(await runs.apply(unchecked, { destroy: true }))).toEqual([])
  })

  test("one whose check never passes is taken away again, and the error says what the check said", async () => {
    const { runs, build } = one()
    const port = await world.service("ill", (path) => ({ status: path === "/health" ? 503 : 200 }))
    const props = { backend: "web", address: "127.0.0.1", port, check: QUICK, withinMs: 600 }
    expect(failed(await runs.apply(build({ it: props })))).toEqual([
      expect.stringMatching(/^HAPROXY_SERVER_DOWN: .*not up after 600 ms; its last check: L7STS, 503/),
    ])
    expect(await world.servers()).toEqual([])
  })

  test("is drained: what it has ends well, and what does not end in time is cut", async () => {
    const { runs, build } = one()
    const slow = await world.service("slow", (path) => ({
      waitMs: path === "/slow" ? 1_200 : path === "/hang" ? 60_000 : 0,
    }))
    const props = { backend: "web", address: "127.0.0.1", port: slow, check: QUICK, drainWithinMs: 5_000 }
    expect(failed(await runs.apply(build({ it: props })))).toEqual([])
    const answer = fetch(`${world.url}slow`).then((response) => response.text())
    await sleep(200)
    expect(failed(await runs.apply(build({ it: props }), { destroy: true }))).toEqual([])
    expect(await answer).toBe("slow")
    const impatient = { ...props, drainWithinMs: 300 }
    expect(failed(await runs.apply(build({ it: impatient })))).toEqual([])
    const cut = fetch(`${world.url}hang`).then(
      () => "answered",
      () => "cut",
    )
    await sleep(200)
    const run = await runs.apply(build({ it: impatient }), { destroy: true })
    expect(failed(run)).toEqual([])
    expect(JSON.stringify(run.events)).toContain("still has 1 after 300 ms: they are cut")
    expect(await cut).toBe("cut")
    expect(await world.servers()).toEqual([])
  })

  test("what HAProxy lost by a restart is added again", async () => {
    const { runs, build } = one()
    const a = await world.service("a")
    const it = build({ it: { backend: "web", address: "127.0.0.1", port: a, check: QUICK } })
    expect(failed(await runs.apply(it))).toEqual([])
    await world.down()
    expect(changes(await runs.plan(it))).toEqual(["create haproxy.server[it]: was there, is gone"])
    expect(failed(await runs.apply(it))).toEqual([
      expect.stringMatching(/^CONNECTION_FAILED: unix:.*admin.sock: there is no such socket/),
    ])
    await world.up()
    expect(failed(await runs.apply(it))).toEqual([])
    expect(await world.servers()).toHaveLength(1)
    expect(failed(await runs.apply(it, { destroy: true }))).toEqual([])
  })

  test("a server of the config file is foreign until adopted, is set, and stays where it leaves the program", async () => {
    const { runs, build } = one()
    const written = {
      backend: "fixed",
      name: "written",
      address: "127.0.0.1",
      port: 9,
      weight: 30,
      check: false,
    } as const
    expect(failed(await runs.apply(build({ it: written })))[0]).toMatch(/^FOREIGN: /)
    expect(failed(await runs.apply(build({ it: written }, { adopt: true })))).toEqual([])
    expect(await world.servers("fixed")).toEqual(["written 127.0.0.1:9 30 0"])
    const a = await world.service("a")
    const other = { ...written, name: "mine", port: a, check: QUICK }
    expect(failed(await runs.apply(build({ it: other })))).toEqual([])
    expect(await world.servers("fixed")).toEqual(["written 127.0.0.1:9 30 0", `mine 127.0.0.1:${a} 30 0`])
    expect(failed(await runs.apply(build({ it: other }), { destroy: true }))).toEqual([])
    const resting = build({ it: { ...written, state: "maint" } }, { adopt: true })
    expect(failed(await runs.apply(resting))).toEqual([])
    expect(await world.servers("fixed")).toEqual(["written 127.0.0.1:9 30 1"])
    expect(failed(await runs.apply(resting, { destroy: true }))).toEqual([])
    expect(await world.servers("fixed")).toEqual(["written 127.0.0.1:9 30 1"])
    await world.ask("set server fixed/written state ready")
  })

  test.each([
    ["no such backend", { backend: "nope" }, "admin.sock", /^READ_FAILED: .*there is no backend nope/],
    ["a static algorithm", { backend: "static" }, "admin.sock", /^HAPROXY_STATIC: /],
    ["a socket that is not admin's", {}, "user.sock", /^HAPROXY_LEVEL: .*Permission denied/],
    ["a socket that is not there", {}, "none.sock", /^CONNECTION_FAILED: .*there is no such socket/],
  ])("%s is said clearly", async (_what, more, socket, words) => {
    const { runs, build } = one(`unix://${world.at(socket)}`)
    const run = await runs.apply(build({ it: { backend: "web", address: "127.0.0.1", port: 9, ...more } }))
    expect(failed(run)[0]).toMatch(words)
  })

  test("an answer that never ends, one that is no table, and silence are errors", async () => {
    const answers: Record<string, string | undefined> = { junk: "hello\n", silent: undefined }
    for (const [name, text] of Object.entries(answers)) {
      const path = world.at(`${name}.sock`)
      const server = createServer((socket) => (text === undefined ? socket.resume() : socket.end(text))).listen(path)
      const asked = new SocketClient({ to: { path }, target: name, timeoutMs: 300 }).view(signal)
      await expect(asked).rejects.toMatchObject({ code: text === undefined ? "TIMEOUT" : "HAPROXY_PROTOCOL" })
      server.close()
    }
    await expect(client().tell("show info;show stat", signal)).rejects.toMatchObject({ code: "HAPROXY_PROTOCOL" })
  })

  test("weights of several servers are set by one line, and the counters of each are read", async () => {
    const { runs, build } = one()
    const [a, b] = [
      await world.service("a"),
      await world.service("b", (path) => ({ status: path === "/" ? 500 : 200 })),
    ]
    const of = (name: string, port: number): Props => {
      return { backend: "web", name, address: "127.0.0.1", port, check: QUICK }
    }
    const both = build({ a: of("a", a), b: of("b", b) })
    expect(failed(await runs.apply(both))).toEqual([])
    await client().setWeights("web", { a: 90, b: 10 }, signal)
    for (let at = 0; at < 40; at += 1) await (await fetch(world.url)).text()
    const counters = await client().counters("web", signal)
    expect(counters.get("a")).toMatchObject({ requests: 36, responses: { "2xx": 36 } })
    expect(counters.get("b")).toMatchObject({ requests: 4, responses: { "5xx": 4 } })
    await expect(client().setWeights("web", { a: 1, zz: 1 }, signal)).rejects.toMatchObject({ code: "HAPROXY_REFUSED" })
    await expect(client().counters("nope", signal)).rejects.toMatchObject({ code: "HAPROXY_NO_BACKEND" })
    expect(failed(await runs.apply(both, { destroy: true }))).toEqual([])
  })

  test("by tcp", async () => {
    const port = await freePort()
    const other = await HaproxyWorld.start("", `stats socket ipv4@127.0.0.1:${port} level admin`)
    const { runs, build } = one(`tcp://127.0.0.1:${port}`)
    const a = await other.service("a")
    const it = build({ it: { backend: "web", address: "127.0.0.1", port: a, check: QUICK } })
    expect(failed(await runs.apply(it))).toEqual([])
    expect(await other.servers()).toHaveLength(1)
    await other.remove()
  })

  test.each([
    ["http://127.0.0.1:9999", {}],
    ["tcp://127.0.0.1", {}],
    ["unix://admin.sock", {}],
    ["unix:///a.sock", { timeoutMs: 0 }],
    ["unix:///a.sock", { over: ssh("web1") }],
    [{ over: ssh("web1", { become: "sudo" }) }, {}],
  ])("%j with %j is no way to a runtime API", (to, more) => {
    expect(() => runtime(to, more)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
  })

  describe.skipIf(!canStartHosts())("over ssh", () => {
    afterAll(() => stopHosts())

    test("its socket is that of the host", { timeout: 60_000 }, async () => {
      const host = await SshHost.start("haproxy-1")
      const over = ssh("haproxy-1", { config: host.config })
      const { runs, build } = one({ over, socket: world.at("admin.sock") })
      const a = await world.service("a")
      const it = build({ it: { backend: "web", address: "127.0.0.1", port: a, check: QUICK } })
      expect(failed(await runs.apply(it))).toEqual([])
      expect(await world.servers()).toHaveLength(1)
      expect(failed(await runs.apply(it, { destroy: true }))).toEqual([])
      const wrong = one({ over, socket: world.at("none.sock") })
      const silent = wrong.build({ it: { backend: "web", address: "127.0.0.1", port: a } })
      expect(failed(await wrong.runs.apply(silent))[0]).toMatch(/none.sock of haproxy-1: the connection ended/)
    })
  })

  test("weights and states outlast a reload where a state file says so", async () => {
    const state = `${world.folder}/state`
    const other = await HaproxyWorld.start(
      "backend kept\n  load-server-state-from-file global\n  server a 127.0.0.1:9 weight 10\n",
      `server-state-file ${state}`,
    )
    await other.ask("set server kept/a weight 77;set server kept/a state drain")
    writeFileSync(state, `${await other.ask("show servers state")}\n`)
    await other.down()
    await other.up()
    expect(await other.servers("kept")).toEqual(["a 127.0.0.1:9 77 8"])
    await other.remove()
  })

  describe("keeps the contract", () => {
    let port = 0
    beforeAll(async () => {
      port = await world.service("any")
    })
    const connection: Connection<haproxy.RuntimeClient> = {
      type: "haproxy",
      name: "haproxy",
      target: "the HAProxy of this test",
      secrets: [],
      open: (context) => runtime(world.address).open(context),
    }
    conformsTests(
      haproxy.server,
      {
        connection,
        props: (variant) => ({ backend: "web", name: `v${variant}`, address: "127.0.0.1", port, check: QUICK }),
        change: (props) => ({ ...props, weight: 7 }),
        count: async () => (await world.servers()).length,
        foreign: ({ backend, name }) => world.ask(`add server ${backend}/${name} 127.0.0.1:${port}`),
        refused: (variant) => ({ backend: "static", name: `v${variant}`, address: "127.0.0.1", port }),
      },
      { test: (name, run) => test(name, { timeout: 60_000 }, run), seeds: 2 },
    )
  })
})
