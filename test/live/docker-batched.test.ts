import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { engine } from "../../src/connect/docker/engine.ts"
import { type Program, program } from "../../src/program/program.ts"
import { resource } from "../../src/program/resource.ts"
import { container } from "../../src/providers/docker/container.ts"
import { image } from "../../src/providers/docker/image.ts"
import { network } from "../../src/providers/docker/network.ts"
import { EngineProxy } from "../support/engine-proxy.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

const CONTAINERS = 500
const NETWORKS = 50
const IMAGES = 200
const LISTS_MAX = 5
const INSPECTS_AT_ONCE = 16

describe.skipIf(!canStartEngines())("many things of one Engine", () => {
  let world: DockerWorld
  let proxy: EngineProxy

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
    proxy = await EngineProxy.start(world.at("proxy.sock"), world.socket)
  }, 120_000)
  afterAll(async () => {
    await proxy.close()
    await stopEngines()
  }, 120_000)

  const many = (): Program =>
    program("many", {}, () => {
      const on = engine({ host: `unix://${world.at("proxy.sock")}`, configFolder: "/nonexistent" })
      for (let at = 0; at < NETWORKS; at += 1)
        resource(network, `n${at}`, { name: `many-${at}`, subnets: [{ subnet: `10.188.${at}.0/28` }] }, { on })
      for (let at = 0; at < IMAGES; at += 1) resource(image, `i${at}`, { name: `many/${at}:1`, from: "base:1" }, { on })
      for (let at = 0; at < CONTAINERS; at += 1) {
        const props = { image: "base:1", networks: [{ name: "none" }], env: { AT: String(at) }, running: false }
        resource(container, `c${at}`, { name: `many-${at}`, ...props }, { on })
      }
    })

  test(`a plan of ${CONTAINERS} containers, ${NETWORKS} networks and ${IMAGES} images makes at most ${LISTS_MAX} lists, and ${INSPECTS_AT_ONCE} looks at once`, {
    timeout: 600_000,
  }, async () => {
    const runs = runsIn(testFolder())
    const made = await runs.apply(many())
    expect(made.applied?.outcomes.flatMap(({ error }) => error ?? [])).toEqual([])
    for (const say of ["the same program again", "one of the limits moved"] as const) {
      if (say === "one of the limits moved") world.docker("update", "--restart", "no", "many-7")
      const from = proxy.calls.length
      proxy.inspectsAtOnce = 0
      const startedMs = performance.now()
      const plan = await runs.plan(many())
      const tookMs = performance.now() - startedMs
      const changes = plan.plan?.changes.filter(({ action }) => action !== "none").map(({ address }) => address)
      expect(changes, say).toEqual(say === "the same program again" ? [] : ["docker.container[c7]"])
      const lists = proxy.count(/^GET \/(?:containers\/json|images\/json|networks|volumes)$/, from)
      const inspects =
        proxy.count(/^GET \/(?:containers|images|networks|volumes)\/.*$/, from) -
        proxy.count(/\/(?:containers|images)\/json$/, from)
      console.log(
        `${say}: ${lists} lists, ${inspects} looks, ${proxy.inspectsAtOnce} at once, ${Math.round(tookMs)} ms`,
      )
      expect(lists).toBeLessThanOrEqual(LISTS_MAX)
      expect(inspects).toBeLessThanOrEqual(CONTAINERS)
      expect(proxy.inspectsAtOnce).toBeLessThanOrEqual(INSPECTS_AT_ONCE)
      expect(proxy.count(/^(?:POST|PUT|DELETE) /, from)).toBe(0)
    }
    const from = proxy.calls.length
    const again = await runs.apply(many(), {})
    expect(again.applied?.outcomes.flatMap(({ error }) => error ?? [])).toEqual([])
    expect(proxy.calls.slice(from).filter((call) => !call.startsWith("GET "))).toEqual([
      expect.stringMatching(/^POST \/containers\/[0-9a-f]{64}\/update$/),
    ])
  })
})
