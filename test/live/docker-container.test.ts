import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { engine } from "../../src/connect/docker/engine.ts"
import { type Program, program } from "../../src/program/program.ts"
import { resource } from "../../src/program/resource.ts"
import { container } from "../../src/providers/docker/container.ts"
import type { containerProps } from "../../src/providers/docker/container-props.ts"
import { network } from "../../src/providers/docker/network.ts"
import { secret } from "../../src/secrets/sources.ts"
import { changesOf, runsIn, type TestRun, testFolder } from "../support/runs.ts"
import { changes, failed } from "./docker-told.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

type Props = Partial<import("zod").input<typeof containerProps>>

describe.skipIf(!canStartEngines())("docker.container", () => {
  let world: DockerWorld

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)
  afterAll(() => stopEngines(), 60_000)

  let names = 0

  /** A container in a program of its own. */
  function one(more: { readonly env?: Record<string, string> } = {}) {
    names += 1
    const name = `c${names}`
    const folder = testFolder()
    const runs = runsIn(folder, more)
    const build = (props: Props, options: { adopt?: boolean } = {}): Program =>
      program(name, {}, () => {
        const on = engine({ host: world.host, configFolder: "/nonexistent" })
        const whole = {
          name,
          image: "base:1",
          command: ["sleep", "1000"],
          stopTimeoutMs: 0,
          networks: [{ name: "none" }],
          ...props,
        }
        resource(container, "it", whole, { on, ...options })
      })
    const id = (): string => world.docker("inspect", "-f", "{{.Id}}", name)
    return { name, folder, runs, build, id }
  }

  test("is made, is as wanted, is mended where it drifted, and is removed", { timeout: 180_000 }, async () => {
    const { name, runs, build, id } = one()
    const it = build({ memoryBytes: 64_000_000, env: { A: "1" }, pids: 50 })
    const made = await runs.apply(it)
    expect(failed(made)).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
    const before = id()
    world.docker("stop", "-t", "0", name)
    world.docker("update", "--memory", "32m", "--memory-swap", "64m", "--restart", "no", name)
    const drifted = await runs.plan(it)
    expect(changes(drifted)).toEqual([
      "update docker.container[it]: restart is no, wanted unless-stopped; memoryBytes is 33554432, wanted 64000000; it is not running",
    ])
    expect(failed(await runs.apply(it))).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
    expect(id()).toBe(before)
    const gone = await runs.apply(it, { destroy: true })
    expect(failed(gone)).toEqual([])
    expect(world.docker("ps", "-aq", "--filter", `name=${name}`)).toBe("")
  })

  test("is replaced for what needs it, and what is kept can be rolled back to", { timeout: 180_000 }, async () => {
    const { name, runs, build, id } = one()
    expect(failed(await runs.apply(build({ env: { V: "1" }, keep: 1 })))).toEqual([])
    const ids = [id()]
    for (const version of ["2", "3"]) {
      const next = build({ env: { V: version }, keep: 1 })
      expect(changes(await runs.plan(next))).toEqual(["replace docker.container[it]: env.V is another"])
      expect(failed(await runs.apply(next))).toEqual([])
      expect(changes(await runs.plan(next))).toEqual([])
      ids.push(id())
    }
    const list = world.docker(
      "ps",
      "-a",
      "--no-trunc",
      "--format",
      "{{.ID}} {{.Names}} {{.State}}",
      "--filter",
      `name=${name}`,
    )
    expect(list.split("\n").sort()).toEqual(
      [`${ids[2]} ${name} running`, `${ids[1]} ${name}.fettle-${ids[1]?.slice(0, 12)} exited`].sort(),
    )
    const less = build({ env: { V: "3" } })
    expect(changes(await runs.plan(less))).toEqual(["update docker.container[it]: 1 are kept, wanted 0"])
    expect(failed(await runs.apply(less))).toEqual([])
    expect(world.docker("ps", "-aq", "--no-trunc", "--filter", `name=${name}`)).toBe(ids[2])
    expect(failed(await runs.apply(less, { destroy: true }))).toEqual([])
  })

  test("what is kept of a container that somebody removed is inherited, or goes with it", {
    timeout: 60_000,
  }, async () => {
    const { name, runs, build } = one()
    const version = (v: string): Program => build({ env: { V: v }, keep: 2 })
    const kept = (): number =>
      world.docker("ps", "-aq", "--filter", `name=${name}.fettle`).split("\n").filter(Boolean).length
    for (const v of ["1", "2"]) expect(failed(await runs.apply(version(v)))).toEqual([])
    world.docker("rm", "-f", name)
    expect(failed(await runs.apply(version("3")))).toEqual([])
    expect(failed(await runs.apply(version("4")))).toEqual([])
    expect(kept()).toBe(2)
    world.docker("rm", "-f", name)
    expect(failed(await runs.apply(version("4"), { destroy: true }))).toEqual([])
    expect(kept()).toBe(0)
  })

  test.each(["start-first", "stop-first"] as const)(
    "%s: where the new one does not get ready, the old one serves as before",
    { timeout: 180_000 },
    async (replace) => {
      const { name, runs, build, id } = one()
      expect(failed(await runs.apply(build({ replace })))).toEqual([])
      const before = id()
      const broken = build({ replace, command: ["sh", "-c", "echo cannot read the config >&2; exit 3"], restart: "no" })
      const run = await runs.apply(broken)
      expect(failed(run)).toEqual([
        `CONTAINER_NOT_READY: docker.container[it]: it ended with exit code 3; the end of its log:\ncannot read the config\n${name} serves as before`,
      ])
      expect(id()).toBe(before)
      expect(world.docker("ps", "-a", "--format", "{{.Names}} {{.State}}", "--filter", `name=${name}`)).toBe(
        `${name} running`,
      )
      expect(world.docker("inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", name)).toBe("unless-stopped")
      expect(changes(await runs.plan(build({ replace })))).toEqual([])
    },
  )

  test("a secret of its environment is in no plan, event or byte of state, and a new value replaces it", {
    timeout: 180_000,
  }, async () => {
    const secrets = ["first-very-secret-value", "second-very-secret-value"]
    const env = { TOKEN: secrets[0] as string }
    const { name, folder, runs, build } = one({ env })
    const it = build({ env: { TOKEN: secret.env("TOKEN"), PLAIN: "x" } })
    const told = [await runs.apply(it), await runs.plan(it)]
    expect(told.flatMap(failed)).toEqual([])
    expect(changes(told[1] as TestRun)).toEqual([])
    expect(world.docker("inspect", "-f", "{{.Config.Env}}", name)).toContain(`TOKEN=${secrets[0]}`)
    const later = runsIn(folder, { env: { TOKEN: secrets[1] as string } })
    const plan = await later.plan(it)
    expect(changes(plan)).toEqual(["replace docker.container[it]: env.TOKEN is another"])
    told.push(plan, await later.apply(it), await later.plan(it))
    expect(told.flatMap(failed)).toEqual([])
    expect(world.docker("inspect", "-f", "{{.Config.Env}}", name)).toContain(`TOKEN=${secrets[1]}`)
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
    const all =
      files.map((each) => readFileSync(join(each.parentPath, each.name), "latin1")).join("\n") + JSON.stringify(told)
    for (const value of secrets) expect(all.includes(value)).toBe(false)
  })

  test("networks are joined and left in place; a network that is made anew is joined again", {
    timeout: 60_000,
  }, async () => {
    const folder = testFolder()
    const runs = runsIn(folder)
    const build = (joined: readonly string[], internal = false): Program =>
      program("nets", {}, () => {
        const on = engine({ host: world.host, configFolder: "/nonexistent" })
        const nets = ["left", "right"].map((name) =>
          resource(network, name, { name: `nets-${name}`, internal }, { on }),
        )
        const networks = nets
          .filter((_, at) => joined.includes(["left", "right"][at] as string))
          .map((net) => ({ name: net.name, aliases: ["shop"] }))
        resource(
          container,
          "it",
          { name: "netted", image: "base:1", command: ["sleep", "1000"], stopTimeoutMs: 0, networks },
          { on },
        )
      })
    const networks = (): string =>
      world.docker("inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", "netted")
    expect(failed(await runs.apply(build(["left"])))).toEqual([])
    expect(changes(await runs.plan(build(["left"])))).toEqual([])
    const before = world.docker("inspect", "-f", "{{.Id}}", "netted")
    expect(failed(await runs.apply(build(["left", "right"])))).toEqual([])
    expect(networks()).toBe("nets-left nets-right")
    expect(failed(await runs.apply(build(["right"])))).toEqual([])
    expect(networks()).toBe("nets-right")
    expect(changesOf(await runs.plan(build(["right"], true)))).toEqual([
      "replace docker.network[left]",
      "replace docker.network[right]",
      "decide docker.container[it]",
    ])
    expect(failed(await runs.apply(build(["right"], true)))).toEqual([])
    expect(networks()).toBe("nets-right")
    expect(changes(await runs.plan(build(["right"], true)))).toEqual([])
    expect(world.docker("inspect", "-f", "{{.Id}}", "netted")).toBe(before)
    expect(failed(await runs.apply(build(["right"], true), { destroy: true }))).toEqual([])
  })

  test("what is there under its name is refused until it is adopted, and is then brought to what is declared", {
    timeout: 180_000,
  }, async () => {
    const { name, runs, build } = one()
    world.docker("run", "-d", "--name", name, "--network", "none", "base:1", "sleep", "1000")
    const it = build({})
    const refused = await runs.apply(it)
    expect(failed(refused)).toEqual([expect.stringMatching(/^FOREIGN: /)])
    const adopted = await runs.apply(it, { adopt: ["docker.container[it]"] })
    expect(failed(adopted)).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
  })

  test("one that somebody else made anew under its name is refused", { timeout: 180_000 }, async () => {
    const { name, runs, build } = one()
    const it = build({})
    expect(failed(await runs.apply(it))).toEqual([])
    world.docker("rm", "-f", name)
    expect(changes(await runs.plan(it))).toEqual(["create docker.container[it]: was there, is gone"])
    world.docker("run", "-d", "--name", name, "--network", "none", "base:1", "sleep", "1000")
    expect(changes(await runs.plan(it))).toEqual([expect.stringContaining("its name c")])
    world.docker("rm", "-f", name)
    expect(failed(await runs.apply(it))).toEqual([])
  })

  test("waits until it is healthy, restarts what is not, and what it was started with restarts it", {
    timeout: 60_000,
  }, async () => {
    const { name, runs, build, id } = one()
    const healthcheck = { test: "test ! -e /tmp/sick", intervalMs: 200, retries: 1, timeoutMs: 30_000 }
    const it = build({ healthcheck, restartOn: ["a"] })
    expect(failed(await runs.apply(it))).toEqual([])
    expect(world.docker("inspect", "-f", "{{.State.Health.Status}}", name)).toBe("healthy")
    expect(changes(await runs.plan(it))).toEqual([])
    const before = [id(), world.docker("inspect", "-f", "{{.State.StartedAt}}", name)]
    const other = build({ healthcheck, restartOn: ["b"] })
    expect(changes(await runs.plan(other))).toEqual([
      "update docker.container[it]: it was started with something else: restart",
    ])
    expect(failed(await runs.apply(other))).toEqual([])
    expect(changes(await runs.plan(other))).toEqual([])
    expect(id()).toBe(before[0])
    expect(world.docker("inspect", "-f", "{{.State.StartedAt}}", name)).not.toBe(before[1])
    world.docker("exec", name, "touch", "/tmp/sick")
    const sick = async (): Promise<string> => {
      for (let looks = 0; looks < 100; looks += 1) {
        const plan = changes(await runs.plan(other))
        if (plan.length > 0) return plan.join()
      }
      return "never"
    }
    expect(await sick()).toBe("update docker.container[it]: it is unhealthy, wanted healthy")
  })
})
