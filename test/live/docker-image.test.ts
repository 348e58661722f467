import { mkdirSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { engine } from "../../src/connect/docker/engine.ts"
import { type Program, program } from "../../src/program/program.ts"
import { resource } from "../../src/program/resource.ts"
import { container } from "../../src/providers/docker/container.ts"
import { image } from "../../src/providers/docker/image.ts"
import { volume } from "../../src/providers/docker/volume.ts"
import { secret } from "../../src/secrets/sources.ts"
import { runsIn, type TestRun, testFolder } from "../support/runs.ts"
import { canStartRegistries, DockerRegistry, stopRegistries } from "./docker-registry.ts"
import { changes, failed } from "./docker-told.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

/** Why things were left alone. */
function blocked(run: TestRun): readonly string[] {
  return (run.plan?.changes ?? []).flatMap(({ address, error }) =>
    error === undefined ? [] : [`${error.code} ${address}`],
  )
}

describe.skipIf(!canStartEngines())("docker.image and docker.volume", () => {
  let world: DockerWorld

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)
  afterAll(() => stopEngines(), 60_000)

  const connection = () => engine({ host: world.host, configFolder: "/nonexistent" })
  const imageIds = (): string[] => world.docker("images", "-aq", "--no-trunc").split("\n").filter(Boolean).sort()

  test("a build, and the container on it: built once, replaced when the context moves, kept and rolled back to", {
    timeout: 120_000,
  }, async () => {
    const runs = runsIn(testFolder())
    const context = world.at("context")
    mkdirSync(context, { recursive: true })
    writeFileSync(join(context, "Dockerfile"), "FROM base:1\nARG GREETING=none\nCOPY page /page\n")
    const write = (text: string): void => writeFileSync(join(context, "page"), text)
    const it = (greeting = "hello"): Program =>
      program("built", {}, () => {
        const on = connection()
        const web = resource(
          image,
          "web",
          { name: "built/web", build: { context, args: { GREETING: greeting } } },
          { on },
        )
        const props = { name: "built-web", image: web.name, command: ["sleep", "1000"], networks: [{ name: "none" }] }
        resource(container, "web", { ...props, stopTimeoutMs: 0, keep: 1 }, { on })
      })
    const before = imageIds()
    const running = (): string => world.docker("exec", "built-web", "cat", "/page")
    write("one")
    const first = await runs.apply(it())
    expect(failed(first)).toEqual([])
    expect(running()).toBe("one")
    const built = (run: TestRun): string[] =>
      run.events.flatMap((event) => (event.type === "node.log" && /COPY page/.test(event.text) ? [event.text] : []))
    expect(built(first).length).toBeGreaterThan(0)
    expect(changes(await runs.plan(it()))).toEqual([])
    utimesSync(join(context, "page"), 1, 1)
    expect(changes(await runs.plan(it()))).toEqual([])
    const one = world.docker("inspect", "-f", "{{.Image}}", "built-web")

    write("two")
    expect(changes(await runs.plan(it()))).toEqual([
      "update docker.image[web]: its context or arguments have changed",
      "decide docker.container[web]: it looks at what docker.image[web] makes",
    ])
    expect(failed(await runs.apply(it()))).toEqual([])
    expect(running()).toBe("two")
    expect(changes(await runs.plan(it()))).toEqual([])
    const kept = world.docker(
      "ps",
      "-a",
      "--no-trunc",
      "--filter",
      "status=exited",
      "--format",
      "{{.Names}} {{.Image}}",
    )
    expect(kept).toMatch(/^built-web\.fettle-[0-9a-f]{12} /)

    write("one")
    const back = await runs.apply(it())
    expect(failed(back)).toEqual([])
    expect(built(back)).toEqual([])
    expect(world.docker("inspect", "-f", "{{.Image}}", "built-web")).toBe(one)
    expect(running()).toBe("one")
    expect(changes(await runs.plan(it("good day")))[0]).toBe(
      "update docker.image[web]: its context or arguments have changed",
    )

    expect(failed(await runs.apply(it(), { destroy: true }))).toEqual([])
    expect(world.docker("ps", "-aq")).toBe("")
    expect(imageIds()).toEqual(before)
  })

  test("a build that fails says its step, and the tag stays as it was", { timeout: 180_000 }, async () => {
    const runs = runsIn(testFolder())
    const context = world.at("failing")
    mkdirSync(context, { recursive: true })
    const dockerfile = (line: string): void => writeFileSync(join(context, "Dockerfile"), `FROM base:1\n${line}\n`)
    const it = program("failing", {}, () => {
      resource(image, "web", { name: "failing/web:1", build: { context } }, { on: connection() })
    })
    dockerfile("RUN true")
    expect(failed(await runs.apply(it))).toEqual([])
    const before = world.docker("inspect", "-f", "{{.Id}}", "failing/web:1")
    dockerfile("RUN echo this cannot work; false")
    expect(failed(await runs.apply(it))).toEqual([expect.stringContaining("BUILD_STEP_FAILED")])
    expect(world.docker("inspect", "-f", "{{.Id}}", "failing/web:1")).toBe(before)
    dockerfile("RUN true")
    expect(failed(await runs.apply(it))).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
  })

  test("an image is built again when its base is another one, and the base's turn comes first", {
    timeout: 180_000,
  }, async () => {
    const runs = runsIn(testFolder())
    const [below, above] = [world.at("below"), world.at("above")]
    for (const folder of [below, above]) mkdirSync(folder, { recursive: true })
    const base = (line: string): void => writeFileSync(join(below, "Dockerfile"), `FROM base:1\n${line}\n`)
    const top =
      "ARG BASE\nFROM $BASE AS first\nFROM scratch\nCOPY --from=first /etc /etc\nCOPY --from=tools:1 /etc /tools\n"
    writeFileSync(join(above, "Dockerfile"), top)
    const it = program("bases", {}, () => {
      const on = connection()
      const one = resource(image, "below", { name: "bases/below:1", build: { context: below } }, { on })
      const build = { context: above, args: { BASE: one.name } }
      resource(image, "above", { name: "bases/above:1", build }, { on })
    })
    const idOf = (name: string): string => world.docker("inspect", "-f", "{{.Id}}", name)
    world.docker("tag", "base:1", "tools:1")
    base("ENV V=1")
    expect(failed(await runs.apply(it))).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
    const [first, tools] = [idOf("bases/above:1"), idOf("tools:1")]
    base("ENV V=2")
    expect(changes(await runs.plan(it))).toEqual([
      "update docker.image[below]: its context or arguments have changed",
      "decide docker.image[above]: it looks at what docker.image[below] makes",
    ])
    expect(failed(await runs.apply(it))).toEqual([])
    expect(idOf("bases/above:1")).not.toBe(first)
    expect(changes(await runs.plan(it))).toEqual([])
    world.dockerWith("FROM base:1\nENV T=2\n", "build", "-q", "-t", "tools:1", "-")
    expect(changes(await runs.plan(it))).toEqual(["update docker.image[above]: its base tools:1 changed"])
    world.docker("tag", tools, "tools:1")
    expect(changes(await runs.plan(it))).toEqual([])
    expect(failed(await runs.apply(it, { destroy: true }))).toEqual([])
    world.docker("rmi", "tools:1")
  })

  test("a tag of another image follows it", { timeout: 180_000 }, async () => {
    const runs = runsIn(testFolder())
    const it = program("tags", {}, () => {
      resource(image, "web", { name: "tags/web:1", from: "tags/base:1" }, { on: connection() })
    })
    world.docker("tag", "base:1", "tags/base:1")
    expect(failed(await runs.apply(it))).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
    world.dockerWith("FROM base:1\nENV A=b\n", "build", "-q", "-t", "tags/base:1", "-")
    expect(changes(await runs.plan(it))).toEqual([
      expect.stringMatching(/^update docker.image\[web\]: it is [0-9a-f]{12}, wanted [0-9a-f]{12} as tags\/base:1$/),
    ])
    expect(failed(await runs.apply(it))).toEqual([])
    expect(changes(await runs.plan(it))).toEqual([])
    expect(failed(await runs.apply(it, { destroy: true }))).toEqual([])
    expect(world.docker("images", "--format", "{{.Repository}}", "--filter", "reference=tags/*")).toBe("tags/base")
  })

  test.skipIf(!canStartRegistries())(
    "is pushed with a login, pulled where it is missing, and followed where its tag moves",
    { timeout: 180_000 },
    async () => {
      const login = { username: "shop", password: "a-password-of-the-registry" }
      const registry = await DockerRegistry.start({ login })
      onTestFinished(() => stopRegistries())
      const env = { REGISTRY: login.password }
      const registries = { [registry.host]: { username: "shop", password: secret.env("REGISTRY") } }
      const on = () => engine({ host: world.host, configFolder: "/nonexistent", registries })
      const context = world.at("pushed")
      mkdirSync(context, { recursive: true })
      const dockerfile = (line: string): void => writeFileSync(join(context, "Dockerfile"), `FROM base:1\n${line}\n`)
      const name = `${registry.host}/shop/web:1`
      const pushing = program("pushing", {}, () => {
        resource(image, "web", { name, build: { context }, push: true }, { on: on() })
      })
      const pulling = program("pulling", {}, () => {
        resource(image, "web", { name, pull: "always" }, { on: on() })
      })
      const [ours, theirs] = [runsIn(testFolder(), { env }), runsIn(testFolder(), { env })]
      dockerfile("ENV V=1")
      expect(failed(await ours.apply(pushing))).toEqual([])
      expect(changes(await ours.plan(pushing))).toEqual([])
      world.docker("rmi", name)
      expect(failed(await theirs.apply(pulling))).toEqual([])
      expect(changes(await theirs.plan(pulling))).toEqual([])
      expect(world.docker("inspect", "-f", "{{.Config.Env}}", name)).toContain("V=1")
      const old = world.docker("inspect", "-f", "{{.Id}}", name)
      world.docker("tag", old, "kept/old:1") // else it goes when it has lost its last name
      dockerfile("ENV V=2")
      expect(failed(await ours.apply(pushing))).toEqual([])
      world.docker("tag", old, name) // the Engine has the old one under the tag, the registry the new one
      expect(changes(await theirs.plan(pulling))).toEqual([
        "update docker.image[web]: its tag means another image in the registry now",
      ])
      expect(failed(await theirs.apply(pulling))).toEqual([])
      expect(world.docker("inspect", "-f", "{{.Config.Env}}", name)).toContain("V=2")
      expect(changes(await theirs.plan(pulling))).toEqual([])
    },
  )

  test("a volume is neither deleted nor replaced until that was allowed", { timeout: 180_000 }, async () => {
    const runs = runsIn(testFolder())
    const it = (props: object, isThere = true): Program =>
      program("data", {}, () => {
        const on = connection()
        resource(volume, "other", { name: "data-other", deleteData: true }, { on })
        if (isThere) resource(volume, "files", { name: "data-files", ...props }, { on })
      })
    expect(failed(await runs.apply(it({})))).toEqual([])
    const isKept = ["PROTECTED docker.volume[files]"]
    expect(blocked(await runs.apply(it({}, false)))).toEqual(isKept)
    expect(blocked(await runs.apply(it({}), { destroy: true }))).toEqual(isKept)
    expect(blocked(await runs.apply(it({ labels: { a: "b" } })))).toEqual(isKept)
    expect(blocked(await runs.apply(it({}), { replace: ["docker.volume[files]"] }))).toEqual(isKept)
    expect(failed(await runs.apply(it({ deleteData: true })))).toEqual([])
    expect(failed(await runs.apply(it({ deleteData: true, labels: { a: "b" } })))).toEqual([])
    expect(failed(await runs.apply(it({}, false)))).toEqual([])
    expect(world.docker("volume", "ls", "-q", "--filter", "name=data-files")).toBe("")
  })
})
