import { execFile } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { freePort } from "../support/free-port.ts"
import { testFolder } from "../support/runs.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"
import { canStartHaproxy } from "./haproxy-world.ts"
import { Prober } from "./prober.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

describe.skipIf(!(canStartEngines() && canStartHaproxy()))("examples/containers", () => {
  let world: DockerWorld
  beforeAll(async () => {
    world = await DockerWorld.start()
  }, 120_000)
  afterAll(() => stopEngines(), 60_000)

  test("is delivered, proven, replaced without a failed request, and taken away", { timeout: 600_000 }, async () => {
    const folder = testFolder()
    const home = join(folder, "home")
    const port = await freePort()
    const fettle = (command: string, release: string, ...more: readonly string[]): Promise<string> => {
      const params = Object.entries({ home, engine: world.host, port, release }).flatMap(([name, value]) => [
        "--param",
        `${name}=${value}`,
      ])
      const words = [command, "--file", join(ROOT, "examples/containers/fettle.ts"), "--state", join(folder, "state")]
      const env = { PATH: process.env.PATH, HOME: folder }
      const cli = [join(ROOT, "dist/cli/main.js"), ...words, ...params, ...more]
      return new Promise((resolve, reject) =>
        execFile(process.execPath, cli, { env }, (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(new Error(`${command}: ${stdout}${stderr}`)),
        ),
      )
    }

    await fettle("apply", "1", "--yes")
    expect(await fettle("plan", "1", "--check")).toContain("Nothing to change")
    const { apiKey } = JSON.parse(readFileSync(join(home, "orders.json"), "utf8")) as { apiKey: string }
    const order = (): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/orders`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}` },
        body: JSON.stringify({ customer: "ann", sku: "DESK-0001", quantity: 2 }),
      })
    expect((await order()).status).toBe(201)
    const running = (): readonly string[] => world.docker("ps", "-q", "--no-trunc").split("\n").sort()
    const before = running()

    const prober = new Prober(`http://127.0.0.1:${port}/orders`)
    await fettle("apply", "2", "--yes")
    const probed = await prober.end()
    expect(probed.failed).toEqual([])
    expect(running().filter((id) => before.includes(id))).toEqual([])
    expect((await order()).status).toBe(201)
    expect(((await (await fetch(`http://127.0.0.1:${port}/orders`)).json()) as { total: number }).total).toBe(2)

    await fettle("destroy", "2", "--yes")
    expect(world.docker("ps", "-aq")).toBe("")
    expect(world.docker("volume", "ls", "-q")).toBe("")
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
    expect(world.docker("images", "-q")).toBe("")
    expect(existsSync(home)).toBe(false)
  })
})
