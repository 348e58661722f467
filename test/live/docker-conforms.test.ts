import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, test } from "vitest"
import * as docker from "../../src/docker.ts"
import type { Connection } from "../../src/provider.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { EngineProxy } from "../support/engine-proxy.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

const SECRET = "swordfish-in-a-container"

describe.skipIf(!canStartEngines())("kinds of a Docker Engine keep the contract", () => {
  let world: DockerWorld
  let proxy: EngineProxy
  /** The socket is known only once the Engine runs; tests are declared before. */
  const connection = { type: "docker", name: "docker", target: "the Engine of this test", secrets: [] } as const
  const engine: Connection<docker.EngineClient> = {
    ...connection,
    open: (context) =>
      docker.engine({ host: `unix://${world.at("proxy.sock")}`, configFolder: "/nonexistent" }).open(context),
  }

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
    proxy = await EngineProxy.start(world.at("proxy.sock"), world.socket)
  }, 120_000)
  afterAll(async () => {
    await proxy.close()
    await stopEngines()
  }, 60_000)

  const lines = (...args: readonly string[]): number =>
    world
      .docker(...args)
      .split("\n")
      .filter((line) => line !== "").length
  const faults = { stale: () => proxy.stale(), clear: () => proxy.clear() }

  describe("docker.container", () => {
    conformsTests(
      docker.container,
      {
        connection: engine,
        props: (variant) => ({
          name: `conform-${variant}`,
          image: "base:1",
          command: ["sleep", "1000"],
          env: { TOKEN: secret.env("TOKEN") },
          networks: [{ name: "none" }],
          stopTimeoutMs: 0,
        }),
        change: (props) => ({ ...props, memoryBytes: 32_000_000 }),
        count: () => lines("ps", "-aq"),
        foreign: ({ name }) =>
          world.docker("run", "-d", "--name", name, "--network", "none", "base:1", "sleep", "1000"),
        refused: (variant) => ({ name: `conform-${variant}`, image: "no-such-image:1" }),
        secrets: { TOKEN: SECRET },
        faults,
      },
      { test: (name, run) => test(name, { timeout: 180_000 }, run), seeds: 2 },
    )
  })

  describe("docker.network", () => {
    conformsTests(
      docker.network,
      {
        connection: engine,
        props: (variant) => ({ name: `conform-${variant}`, subnets: [{ subnet: `10.190.${variant % 250}.0/28` }] }),
        change: (props) => ({ ...props, internal: true }),
        count: () => lines("network", "ls", "-q"),
        foreign: ({ name }) => world.docker("network", "create", "--subnet", "10.189.1.0/28", name),
        refused: (variant) => ({ name: `conform-${variant}`, subnets: [{ subnet: "10.190.1.0/33" }] }),
        faults,
      },
      { test: (name, run) => test(name, { timeout: 180_000 }, run), seeds: 2 },
    )
  })

  describe("docker.volume", () => {
    conformsTests(
      docker.volume,
      {
        connection: engine,
        props: (variant) => ({ name: `conform-${variant}`, deleteData: true }),
        change: (props) => ({ ...props, labels: { changed: "yes" } }),
        count: () => lines("volume", "ls", "-q"),
        foreign: ({ name }) => world.docker("volume", "create", name),
        refused: (variant) => ({ name: `conform-${variant}`, options: { unheard: "of" } }),
        faults,
      },
      { test: (name, run) => test(name, { timeout: 180_000 }, run), seeds: 2 },
    )
  })

  describe("docker.image", () => {
    const context = (variant: number, text: string): string => {
      const folder = world.at("contexts", `${variant}-${text}`)
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, "Dockerfile"), "FROM base:1\nCOPY file /file\n")
      writeFileSync(join(folder, "file"), `${variant} ${text}\n`)
      return folder
    }
    conformsTests(
      docker.image,
      {
        connection: engine,
        props: (variant) => ({ name: `conform/${variant}:1`, build: { context: context(variant, "first") } }),
        change: (props) => {
          const variant = Number(/\d+/.exec(props.name as string)?.[0])
          return { ...props, build: { context: context(variant, "second") } }
        },
        count: () => lines("images", "-q", "--filter", "reference=conform/*"),
        foreign: ({ name }) => world.docker("tag", "base:1", name),
        refused: (variant) => ({ name: `conform/${variant}:1`, pull: "never" as const }),
        faults,
      },
      { test: (name, run) => test(name, { timeout: 180_000 }, run), seeds: 2 },
    )
  })
})
