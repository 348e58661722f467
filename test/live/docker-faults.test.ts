import { readFileSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { engine } from "../../src/connect/docker/engine.ts"
import { type Program, program } from "../../src/program/program.ts"
import { resource } from "../../src/program/resource.ts"
import { container } from "../../src/providers/docker/container.ts"
import { image } from "../../src/providers/docker/image.ts"
import { network } from "../../src/providers/docker/network.ts"
import { volume } from "../../src/providers/docker/volume.ts"
import { EngineProxy } from "../support/engine-proxy.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { changes, failed } from "./docker-told.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

/** How late the Engine hears of a delayed create. */
const LATE_MS = 1_500

interface Shape {
  readonly name: string
  readonly version?: number
  readonly containers?: number
  readonly keep?: number
}

describe.skipIf(!canStartEngines())("an Engine that fails", () => {
  let world: DockerWorld
  let proxy: EngineProxy

  beforeAll(async () => {
    world = await DockerWorld.start({ args: () => ["--default-address-pool", "base=10.186.0.0/16,size=28"] })
    world.image()
    proxy = await EngineProxy.start(world.at("proxy.sock"), world.socket)
  }, 120_000)
  afterEach(() => proxy.clear())
  afterAll(async () => {
    await proxy.close()
    await stopEngines()
  }, 120_000)

  function shop({ name, version = 1, containers = 1, keep = 0 }: Shape): Program {
    return program("shop", {}, () => {
      const on = engine({ host: `unix://${world.at("proxy.sock")}`, configFolder: "/nonexistent" })
      const net = resource(network, "net", { name: `${name}-net` }, { on })
      const files = resource(volume, "files", { name: `${name}-files`, deleteData: true }, { on })
      const base = resource(image, "base", { name: `${name}/base:1`, from: "base:1" }, { on })
      for (let at = 0; at < containers; at += 1) {
        const props = {
          name: `${name}-web${at}`,
          image: base.name,
          command: ["sleep", "1000"],
          env: { VERSION: String(version) },
          networks: [{ name: net.name }],
          mounts: [{ type: "volume" as const, source: files.name, target: "/srv" }],
          stopTimeoutMs: 0,
          withinMs: 200,
          keep,
        }
        resource(container, `web${at}`, props, { on })
      }
    })
  }

  const lines = (...args: readonly string[]): string[] =>
    world
      .docker(...args)
      .split("\n")
      .filter(Boolean)
      .sort()
  const containersOf = (name: string): string[] =>
    lines("ps", "-a", "--filter", `name=^${name}-`, "--format", "{{.Names}} {{.State}}").map((line) =>
      line.replace(/[0-9a-f]{12} /, "ID "),
    )
  const allOf = (name: string): string[] => [
    ...containersOf(name),
    ...lines("network", "ls", "--filter", `name=^${name}-`, "--format", "network {{.Name}}"),
    ...lines("volume", "ls", "--filter", `name=${name}-`, "--format", "volume {{.Name}}"),
    ...lines("images", "--filter", `reference=${name}/*`, "--format", "image {{.Repository}}"),
  ]
  const whole = (name: string, containers = 1): string[] => [
    ...Array.from({ length: containers }, (_, at) => `${name}-web${at} running`),
    `network ${name}-net`,
    `volume ${name}-files`,
    `image ${name}/base`,
  ]

  const CREATES = ["POST /containers/create", "POST /networks/create", "POST /volumes/create"]

  test.each(CREATES)(
    "%s that takes effect after its client died makes one thing",
    { timeout: 180_000 },
    async (create) => {
      for (const when of ["before", "after"] as const) {
        const name = `late-${create.split("/")[1]}-${when}`
        const folder = testFolder()
        const late = new AbortController()
        proxy.fault(create, { delayMs: LATE_MS }, 1)
        const dying = runsIn(folder, { signal: late.signal })
        const from = proxy.calls.length
        const first = dying.apply(shop({ name }))
        while (!proxy.calls.slice(from).includes(create)) await sleep(5)
        late.abort()
        expect((await first).exitCode).not.toBe(0)
        if (when === "before") await proxy.settled()
        const runs = runsIn(folder)
        const second = await runs.apply(shop({ name }))
        if (when === "before") expect(failed(second)).toEqual([])
        await proxy.settled()
        expect(failed(await runs.apply(shop({ name })))).toEqual([])
        expect(allOf(name)).toEqual(whole(name))
        expect(changes(await runs.plan(shop({ name })))).toEqual([])
        expect(failed(await runs.apply(shop({ name }), { destroy: true }))).toEqual([])
        expect(allOf(name)).toEqual([])
      }
    },
  )

  test("a create of a replacement that takes effect after its client died makes one thing", {
    timeout: 180_000,
  }, async () => {
    const name = "late-replace"
    const folder = testFolder()
    const runs = runsIn(folder)
    expect(failed(await runs.apply(shop({ name, keep: 1 })))).toEqual([])
    const late = new AbortController()
    proxy.fault("POST /containers/create", { delayMs: LATE_MS }, 1)
    const from = proxy.calls.length
    const first = runsIn(folder, { signal: late.signal }).apply(shop({ name, version: 2, keep: 1 }))
    while (!proxy.calls.slice(from).includes("POST /containers/create")) await sleep(5)
    late.abort()
    await first
    await runs.apply(shop({ name, version: 2, keep: 1 }))
    await proxy.settled()
    expect(failed(await runs.apply(shop({ name, version: 2, keep: 1 })))).toEqual([])
    expect(containersOf(name)).toEqual([`${name}-web0 running`, `${name}-web0.fettle-ID exited`])
    expect(changes(await runs.plan(shop({ name, version: 2, keep: 1 })))).toEqual([])
    expect(failed(await runs.apply(shop({ name, version: 2 }), { destroy: true }))).toEqual([])
    expect(allOf(name)).toEqual([])
  })

  test.each(CREATES)(
    "%s whose reply was lost after it was done goes on in the same run",
    { timeout: 180_000 },
    async (create) => {
      const name = `lost-${create.split("/")[1]}`
      const runs = runsIn(testFolder())
      proxy.fault(create, { loseReply: true }, 1)
      expect(failed(await runs.apply(shop({ name })))).toEqual([])
      expect(allOf(name)).toEqual(whole(name))
      expect(changes(await runs.plan(shop({ name })))).toEqual([])
      expect(failed(await runs.apply(shop({ name }), { destroy: true }))).toEqual([])
    },
  )

  test("any other reply that is lost after success: the next run converges", { timeout: 180_000 }, async () => {
    const name = "lost-any"
    const runs = runsIn(testFolder())
    const isSame = (path: string, end: string): boolean => path.startsWith("/containers/") && path.endsWith(end)
    for (const [at, end] of ["/rename", "/start", "/stop", "/update"].entries()) {
      const program_ = shop({ name, version: at, keep: 1 })
      proxy.fault(({ method, path }) => method === "POST" && isSame(path, end), { loseReply: true }, 1)
      await runs.apply(program_)
      proxy.clear()
      expect(failed(await runs.apply(program_)), end).toEqual([])
      expect(changes(await runs.plan(program_)), end).toEqual([])
      expect(
        containersOf(name).filter((line) => line.endsWith("running")),
        end,
      ).toEqual([`${name}-web0 running`])
    }
    proxy.fault(({ method }) => method === "DELETE", { loseReply: true }, 3)
    await runs.apply(shop({ name }), { destroy: true })
    proxy.clear()
    expect(failed(await runs.apply(shop({ name }), { destroy: true }))).toEqual([])
    expect(allOf(name)).toEqual([])
  })

  test("lists that lag make nothing twice and call nothing absent", { timeout: 180_000 }, async () => {
    const name = "stale"
    const runs = runsIn(testFolder())
    await proxy.stale()
    expect(failed(await runs.apply(shop({ name })))).toEqual([])
    expect(changes(await runs.plan(shop({ name })))).toEqual([])
    await proxy.stale()
    expect(failed(await runs.apply(shop({ name, version: 2 })))).toEqual([])
    expect(changes(await runs.plan(shop({ name, version: 2 })))).toEqual([])
    proxy.clear()
    expect(changes(await runs.plan(shop({ name, version: 2 })))).toEqual([])
    expect(allOf(name)).toEqual(whole(name))
    await proxy.stale()
    expect(failed(await runs.apply(shop({ name, version: 2 }), { destroy: true }))).toEqual([])
    expect(allOf(name)).toEqual([])
  })

  test("two programs on one Engine never touch each other's things", { timeout: 180_000 }, async () => {
    const [one, other] = [runsIn(testFolder()), runsIn(testFolder())]
    const results = await Promise.all([
      one.apply(shop({ name: "one", keep: 1 })),
      other.apply(shop({ name: "two", keep: 1 })),
    ])
    expect(results.flatMap(failed)).toEqual([])
    const next = [
      one.apply(shop({ name: "one", version: 2, keep: 1 })),
      other.apply(shop({ name: "two", version: 2, keep: 1 })),
    ]
    expect((await Promise.all(next)).flatMap(failed)).toEqual([])
    const before = allOf("two")
    expect(before).toContain("two-web0.fettle-ID exited")
    const refused = await one.apply(shop({ name: "two", version: 3 }))
    expect(failed(refused).filter((each) => !each.startsWith("CHANGE_FAILED: waits for"))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^FOREIGN: /)]),
    )
    expect(failed(await one.apply(shop({ name: "one" }), { destroy: true }))).toEqual([])
    expect(allOf("one")).toEqual([])
    expect(allOf("two")).toEqual(before)
    expect(changes(await other.plan(shop({ name: "two", version: 2, keep: 1 })))).toEqual([])
    expect(failed(await other.apply(shop({ name: "two" }), { destroy: true }))).toEqual([])
    expect(allOf("two")).toEqual([])
  })

  test("two programs that make the same names at once: each is there once, and who has it not is told", {
    timeout: 180_000,
  }, async () => {
    const runs = [runsIn(testFolder()), runsIn(testFolder())]
    const first = await Promise.all(runs.map((each) => each.apply(shop({ name: "race", containers: 3 }))))
    const again = []
    for (const each of runs) again.push(await each.apply(shop({ name: "race", containers: 3 })))
    // Who has the network and the volume has all; where one got the network and the other the volume, nobody has a container.
    const told = again.map((run) => failed(run).filter((each) => /^FOREIGN: docker\.(network|volume)/.test(each)))
    const isShared = told.every((each) => each.length > 0)
    expect(told.flat(), JSON.stringify([...first.map(failed), ...again.map(failed), allOf("race")])).toHaveLength(2)
    expect(allOf("race")).toEqual(isShared ? whole("race", 0) : whole("race", 3))
    if (isShared) expect(told.map((each) => each.length)).toEqual([1, 1])
    for (const run of again) for (const error of failed(run)) expect(error).toMatch(/^(?:FOREIGN|CHANGE_FAILED: waits)/)
    for (const each of runs) await each.apply(shop({ name: "race", containers: 3 }), { destroy: true })
    expect(allOf("race")).toEqual([])
  })

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "the Engine ends by %s in the middle and comes back: the next run converges",
    { timeout: 180_000 },
    async (signal) => {
      const name = `restart-${signal.toLowerCase()}`
      const runs = runsIn(testFolder())
      const from = proxy.calls.length
      const first = runs.apply(shop({ name, containers: 8 }))
      while (proxy.count(/create$/, from) < 6) await sleep(2)
      await world.down(signal)
      await world.up()
      expect(failed(await first)).not.toEqual([])
      let run = await runs.apply(shop({ name, containers: 8 }))
      for (let tries = 0; tries < 3 && failed(run).length > 0; tries += 1)
        run = await runs.apply(shop({ name, containers: 8 }))
      expect(failed(run)).toEqual([])
      expect(allOf(name)).toEqual(whole(name, 8))
      expect(changes(await runs.plan(shop({ name, containers: 8 })))).toEqual([])
      expect(failed(await runs.apply(shop({ name, containers: 8 }), { destroy: true }))).toEqual([])
      expect(allOf(name)).toEqual([])
    },
  )

  test("a container that was made, and that the Engine refuses to start, is known as ours by the next run", {
    timeout: 180_000,
  }, async () => {
    const name = "unstarted"
    const runs = runsIn(testFolder())
    const from = proxy.calls.length
    proxy.fault(({ path }) => path.endsWith("/start"), { delayMs: 1_000 }, 1)
    const first = runs.apply(shop({ name }))
    while (proxy.count(/start$/, from) < 1) await sleep(2)
    world.docker("network", "rm", `${name}-net`)
    expect(failed(await first)).toEqual([expect.stringMatching(/^DOCKER_FAILED: .*\/start: .*not found/)])
    expect(failed(await runs.apply(shop({ name })))).toEqual([])
    expect(allOf(name)).toEqual(whole(name))
    expect(changes(await runs.plan(shop({ name })))).toEqual([])
    expect(failed(await runs.apply(shop({ name }), { destroy: true }))).toEqual([])
    expect(allOf(name)).toEqual([])
  })

  test("a container that the Engine has given up on while it ended is removed and made anew", {
    timeout: 180_000,
  }, async () => {
    const name = "given-up"
    const runs = runsIn(testFolder())
    expect(failed(await runs.apply(shop({ name, containers: 2 })))).toEqual([])
    const id = world.docker("inspect", "-f", "{{.Id}}", `${name}-web0`).trim()
    await world.down("SIGTERM")
    const file = world.at("data", "containers", id, "config.v2.json")
    const config = JSON.parse(readFileSync(file, "utf8"))
    Object.assign(config.State, { Running: false, Dead: true, RemovalInProgress: false })
    Object.assign(config.NetworkSettings, { Networks: {} })
    writeFileSync(file, JSON.stringify(config))
    await world.up()
    expect(world.docker("inspect", "-f", "{{.State.Status}}", id).trim()).toBe("dead")
    const planned = await runs.plan(shop({ name, containers: 2 }))
    expect(planned.plan?.changes.find(({ address }) => address.endsWith("[web0]"))?.action).toBe("create")
    expect(failed(await runs.apply(shop({ name, containers: 2 })))).toEqual([])
    expect(allOf(name)).toEqual(whole(name, 2))
    expect(changes(await runs.plan(shop({ name, containers: 2 })))).toEqual([])
    expect(failed(await runs.apply(shop({ name }), { destroy: true }))).toEqual([])
    expect(allOf(name)).toEqual([])
  })
})
