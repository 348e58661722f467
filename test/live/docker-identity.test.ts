import { symlinkSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { program, resource } from "fettle"
import { type EngineClient, engine } from "fettle/docker"
import { provider } from "fettle/provider"
import { afterAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

/** A kind of the test's own: a network by its name. */
const network = provider({
  kind: "test.network",
  version: 1,
  about: "A network.",
  connects: "docker",
  props: z.strictObject({ name: z.string() }),
  outputs: z.object({ name: z.string() }),
  settles: "unique",
  adoptsFound: true,
  id: ({ name }) => name,
  read: async (keys, { connection, signal }: { connection: EngineClient; signal: AbortSignal }) => {
    const { json } = await connection.json("GET", "/networks", { signal })
    const names = new Set((json as { Name: string }[]).map(({ Name }) => Name))
    return new Map(
      keys.map((key) => [
        key.address,
        names.has(key.id ?? "") ? { outputs: { name: key.id ?? "" } } : { absent: true },
      ]),
    )
  },
  plan: (_want, seen) => ({ action: "outputs" in seen ? "none" : "create" }),
  ensure: async ({ name }, _seen, _change, { connection, signal }) => {
    await connection.json("POST", "/networks/create", { body: { Name: name, CheckDuplicate: true }, signal })
    return { name }
  },
  delete: async () => {},
})

describe.skipIf(!canStartEngines())("the Engine that state remembers", () => {
  afterAll(stopEngines, 60_000)

  test("another Engine at the same address is refused, and nothing is made there; named by the environment of the run", async () => {
    const [one, two] = await Promise.all([DockerWorld.start(), DockerWorld.start()])
    const folder = testFolder()
    const socket = join(one.folder, "now.sock")
    const { plan, apply } = runsIn(folder, { env: { DOCKER_HOST: `unix://${socket}` } })
    const shop = (...names: readonly string[]) =>
      program("shop", {}, () => {
        const docker = engine()
        for (const name of names) resource(network, { name }, { on: docker })
      })
    symlinkSync(one.socket, socket)
    expect((await apply(shop("front"))).outcome).toBe("done")
    expect(one.docker("network", "ls", "--format", "{{.Name}}")).toContain("front")
    unlinkSync(socket)
    symlinkSync(two.socket, socket)
    const planned = await plan(shop("front", "back"))
    for (const change of planned.plan?.changes ?? [])
      expect(change).toMatchObject({ action: "blocked", error: { code: "TARGET_CHANGED" } })
    expect((await apply(shop("front", "back"))).exitCode).toBe(1)
    expect(two.docker("network", "ls", "--format", "{{.Name}}")).not.toMatch(/front|back/)
    unlinkSync(socket)
    symlinkSync(one.socket, socket)
    expect((await plan(shop("front"))).plan?.changes).toEqual([])
  }, 120_000)
})
