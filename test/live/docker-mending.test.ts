import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { engine } from "../../src/connect/docker/engine.ts"
import { type Program, program } from "../../src/program/program.ts"
import { resource } from "../../src/program/resource.ts"
import { container } from "../../src/providers/docker/container.ts"
import { image } from "../../src/providers/docker/image.ts"
import { network } from "../../src/providers/docker/network.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { changes, failed } from "./docker-told.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

describe.skipIf(!canStartEngines())("what others do on an Engine", () => {
  let world: DockerWorld

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)
  afterAll(() => stopEngines(), 60_000)

  const connection = () => engine({ host: world.host, configFolder: "/nonexistent" })
  const one = (name: string, props: object): Program =>
    program(name, {}, () => {
      const whole = {
        name,
        image: "base:1",
        command: ["sleep", "1000"],
        stopTimeoutMs: 0,
        networks: [{ name: "none" }],
      }
      resource(container, "it", { ...whole, ...props }, { on: connection() })
    })
  const state = (name: string): string => world.docker("inspect", "-f", "{{.State.Status}}", name)

  test("a new one that ends again and again is not ready, and one that does so is replaced", {
    timeout: 180_000,
  }, async () => {
    const runs = runsIn(testFolder())
    const crashing = { command: ["sh", "-c", "echo no config; sleep 0.3; exit 1"] }
    expect(failed(await runs.apply(one("loop", {})))).toEqual([])
    const before = world.docker("inspect", "-f", "{{.Id}}", "loop")
    expect(failed(await runs.apply(one("loop", crashing)))).toEqual([
      expect.stringMatching(/^CONTAINER_NOT_READY: .*the Engine restarts it.*no config.*\nloop serves as before$/s),
    ])
    expect(world.docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "loop")).toBe(`${before} true`)

    world.docker("stop", "-t", "0", "loop")
    expect(failed(await runs.apply(one("loop", crashing)))).toEqual([
      expect.stringMatching(/\nloop is back, and does not run, as before$/),
    ])
    world.docker("start", "loop")
    world.docker("pause", "loop")
    expect(changes(await runs.plan(one("loop", {})))).toEqual(["update docker.container[it]: it is paused"])
    expect(failed(await runs.apply(one("loop", {})))).toEqual([])
    expect(state("loop")).toBe("running")

    const late = "[ -e /tmp/fail ] && exit 1; sleep 1000"
    expect(failed(await runs.apply(one("loop", { command: ["sh", "-c", late] })))).toEqual([])
    world.docker("exec", "loop", "touch", "/tmp/fail")
    world.docker("restart", "-t", "0", "loop")
    await expect.poll(() => state("loop"), { timeout: 20_000 }).toBe("restarting")
    expect(failed(await runs.apply(one("loop", {})))).toEqual([])
    expect(state("loop")).toBe("running")
  })

  test("marks that come from an image are nobody's, and a tag that was moved by hand is moved back", {
    timeout: 180_000,
  }, async () => {
    const runs = runsIn(testFolder())
    const context = world.at("marks")
    mkdirSync(context, { recursive: true })
    writeFileSync(join(context, "Dockerfile"), 'FROM base:1\nENV A=b\nCMD ["sleep", "1000"]\n')
    const it = (hasNetwork: boolean): Program =>
      program("marks", {}, () => {
        const on = connection()
        const web = resource(image, "web", { name: "marks/web:1", build: { context } }, { on })
        resource(container, "web", { name: "marks-web", image: web.name, stopTimeoutMs: 0 }, { on })
        if (hasNetwork) resource(network, "net", { name: "marks-net" }, { on })
      })
    expect(failed(await runs.apply(it(true)))).toEqual([])
    const built = world.docker("inspect", "-f", "{{.Id}}", "marks/web:1")
    world.docker("commit", "marks-web", "theirs:1")
    for (const [name, of] of [
      ["theirs-a", "theirs:1"],
      ["theirs-b", "marks/web:1"],
    ] as const)
      world.docker("run", "-d", "--name", name, "--network", "marks-net", of)
    expect(failed(await runs.apply(it(false)))).toEqual([
      expect.stringMatching(/^DOCKER_FAILED: the network is in use by theirs-[ab], theirs-[ab]$/),
    ])
    world.docker("commit", "marks-web", "marks/web:1")
    expect(changes(await runs.plan(it(true)))[0]).toMatch(/^update docker.image\[web\]: its tag means /)
    expect(failed(await runs.apply(it(true)))).toEqual([])
    expect(world.docker("inspect", "-f", "{{.Id}}", "marks/web:1")).toBe(built)
  })
})
