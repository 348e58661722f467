import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Order } from "../fixtures/crash/child.ts"
import { canStartEngines, DockerWorld, stopEngines } from "../live/docker-world.ts"
import { NOTHING_LEFT, planHere, runChild, runHere } from "../support/crash.ts"
import { EngineProxy } from "../support/engine-proxy.ts"
import { testFolder } from "../support/runs.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/docker-nodes.ts", import.meta.url))
/** More boundaries than this would mean that a run never ends. */
const BOUNDARIES_MAX = 120
/** Runs at once: one for each core of a small machine. */
const LANES = 2

interface Place {
  readonly folder: string
  readonly seed: string
  readonly socket: string
}

describe.skipIf(!canStartEngines())("a Docker Engine, after SIGKILL", () => {
  let world: DockerWorld
  beforeAll(async () => {
    world = await DockerWorld.start({ args: () => ["--default-address-pool", "base=10.187.0.0/16,size=28"] })
    world.image()
  }, 120_000)
  afterAll(() => stopEngines(), 120_000)

  const orderOf = ({ folder, seed, socket }: Place, version: 1 | 2, killAt = 0): Order => {
    const options = { socket, seed, version }
    return { command: "apply", module: MODULE, options, folder, killAt }
  }

  /** What is there under the names of one program, whoever made it. */
  function thereIs(seed: string): Record<string, readonly string[]> {
    const lines = (...args: readonly string[]): string[] =>
      world
        .docker(...args)
        .split("\n")
        .filter(Boolean)
        .sort()
    return {
      containers: lines("ps", "-a", "--filter", `name=^${seed}-`, "--format", "{{.Names}} {{.State}}").map((line) =>
        line.replace(/[0-9a-f]{12} /, "ID "),
      ),
      networks: lines("network", "ls", "--filter", `name=^${seed}-`, "--format", "{{.Name}}"),
      volumes: lines("volume", "ls", "--filter", `name=${seed}-`, "--format", "{{.Name}}"),
      images: lines("images", "--filter", `reference=${seed}/*`, "--format", "{{.Repository}}:{{.Tag}}"),
    }
  }

  const nothing = { containers: [], networks: [], volumes: [], images: [] }

  async function expectConverged(place: Place, version: 1 | 2, when: string): Promise<void> {
    const { seed } = place
    const second = await runChild(orderOf(place, version))
    expect(second.report, `${second.stderr} after ${when}`).toMatchObject({ exitCode: 0, errors: [] })
    const kept = version === 2 ? [`${seed}-web.fettle-ID exited`] : []
    expect(thereIs(seed), when).toEqual({
      containers: [`${seed}-web running`, ...kept],
      networks: [`${seed}-net`],
      volumes: [`${seed}-files`],
      images: [`${seed}/base:1`],
    })
    expect(await planHere(orderOf(place, version)), when).toEqual(NOTHING_LEFT)
    const ended = await runHere({ ...orderOf(place, version), command: "destroy" })
    expect(ended, when).toMatchObject({ exitCode: 0, errors: [] })
    expect(thereIs(seed), when).toEqual(nothing)
  }

  async function lanes(one: (at: number) => Promise<boolean>): Promise<number> {
    let next = 1
    let untouched = 0
    const lane = async (): Promise<void> => {
      while (untouched === 0) {
        const at = next++
        expect(at).toBeLessThan(BOUNDARIES_MAX)
        if (!(await one(at))) untouched = at
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    return untouched
  }

  test("at every boundary of the journal of a replacement, and the next run converges", {
    timeout: 900_000,
  }, async () => {
    const root = testFolder()
    const untouched = await lanes(async (killAt) => {
      const place = { folder: join(root, String(killAt)), seed: `j${killAt}`, socket: world.socket }
      mkdirSync(place.folder)
      expect(await runHere(orderOf(place, 1))).toMatchObject({ exitCode: 0 })
      const first = await runChild(orderOf(place, 2, killAt))
      if (first.signal === null) expect(first.report, first.stderr).toMatchObject({ exitCode: 0, errors: [] })
      await expectConverged(place, 2, `a kill at boundary ${killAt}`)
      return first.signal !== null
    })
    expect(untouched).toBeGreaterThan(8)
  })

  test.each([1, 2] as const)(
    "version %i: before and after every write of the Engine, and the next run converges",
    { timeout: 900_000 },
    async (version) => {
      const root = testFolder()
      const untouched = await lanes(async (killAt) => {
        const folder = join(root, String(killAt))
        mkdirSync(folder)
        const place = { folder, seed: `w${version}x${killAt}`, socket: join(folder, "proxy.sock") }
        const proxy = await EngineProxy.start(place.socket, world.socket)
        if (version === 2) expect(await runHere(orderOf(place, 1))).toMatchObject({ exitCode: 0 })
        let pid = 0
        let passed = 0
        let when = ""
        proxy.watch = ({ method, path }, phase) => {
          passed += 1
          if (passed !== killAt) return
          when = `a kill ${phase} ${method} ${path}`
          process.kill(pid, "SIGKILL")
        }
        const first = await runChild(orderOf(place, version), {}, (started) => {
          pid = started
        })
        proxy.watch = undefined
        await proxy.settled()
        await expectConverged(place, version, when)
        await proxy.close()
        return first.signal !== null
      })
      expect(untouched).toBeGreaterThan(10)
    },
  )
})
