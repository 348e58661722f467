import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { Order } from "../fixtures/crash/child.ts"
import build, { type ReplacingOptions } from "../fixtures/crash/replacing-nodes.ts"
import { planHere, runChild } from "../support/crash.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { failed } from "./docker-told.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"
import { canStartHaproxy, HaproxyWorld, stopHaproxies } from "./haproxy-world.ts"
import { Prober } from "./prober.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/replacing-nodes.ts", import.meta.url))
/** So many kills, spread over all boundaries of a run: each costs some ten seconds. */
const KILLS = 8

describe.skipIf(!(canStartEngines() && canStartHaproxy()))("containers behind a proxy are replaced", () => {
  let world: DockerWorld
  let proxy: HaproxyWorld
  let prober: Prober
  let seeds = 0

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)
  beforeEach(async () => {
    proxy = await HaproxyWorld.start()
    seeds += 1
  })
  afterEach(async () => {
    await prober.end()
    await proxy.remove()
  })
  afterAll(async () => {
    await stopHaproxies()
    await stopEngines()
  }, 60_000)

  const optionsOf = (version: string, more: Partial<ReplacingOptions> = {}): ReplacingOptions => {
    return { engine: world.host, proxy: proxy.address, seed: `rep${seeds}`, version, ...more }
  }
  const containers = (): readonly string[] =>
    world
      .docker("ps", "-a", "--filter", `name=^rep${seeds}-`, "--format", "{{.Names}} {{.State}}")
      .split("\n")
      .map((line) => line.replace(/[0-9a-f]{12} /, "ID "))
      .sort()

  /** Both replicas run, each with one kept, and the proxy has these two and no other. */
  async function expectInPlace(version: string, when: string): Promise<void> {
    const own = [1, 2].map((at) => `rep${seeds}-web${at}`)
    expect(containers(), when).toEqual(own.flatMap((name) => [`${name} running`, `${name}.fettle-ID exited`]))
    const states = (await proxy.servers()).map((line) => line.split(" ")[3])
    expect(states, when).toEqual(["0", "0"])
    await prober.take()
    for (let at = 0; at < 4; at += 1) expect(await (await fetch(proxy.url)).text(), when).toBe(`${version}\n`)
  }

  test("without a failed request, forth, back, and where the new ones never get healthy", {
    timeout: 300_000,
  }, async () => {
    const runs = runsIn(testFolder())
    expect(failed(await runs.apply(build(optionsOf("one"))))).toEqual([])
    prober = new Prober(proxy.url)
    expect(failed(await runs.apply(build(optionsOf("two"))))).toEqual([])
    const forth = await prober.take()
    expect(forth.failed).toEqual([])
    expect(Object.keys(forth.answers).sort()).toEqual(["one", "two"])
    await expectInPlace("two", "after version two")
    expect((await runs.plan(build(optionsOf("two")))).plan?.changes).toEqual([])

    expect(failed(await runs.apply(build(optionsOf("one"))))).toEqual([])
    expect((await prober.take()).failed).toEqual([])
    await expectInPlace("one", "after going back")

    const before = containers()
    const ill = await runs.apply(build(optionsOf("ill", { isIll: true })))
    expect(failed(ill)).toHaveLength(4)
    expect(
      failed(ill).filter((line) => /^CONTAINER_NOT_READY: .*(un)?healthy.*\n?.*serves as before/s.test(line)),
    ).toHaveLength(2)
    expect(containers()).toEqual(before)
    const still = await prober.take()
    expect(still.failed).toEqual([])
    expect(Object.keys(still.answers)).toEqual(["one"])
    expect((await runs.apply(build(optionsOf("one")))).plan?.changes).toEqual([])
    const all = await prober.end()
    console.log(`asked ${forth.asked + still.asked + all.asked} and more, failed 0`)
  })

  test("without a failed request where Fettle is killed in the middle, and run again", {
    timeout: 600_000,
  }, async () => {
    const folder = testFolder()
    const orderOf = (version: string, killAt = 0): Order => {
      return { command: "apply", module: MODULE, options: { ...optionsOf(version) }, folder, killAt }
    }
    expect((await runChild(orderOf("0"))).report).toMatchObject({ exitCode: 0 })
    prober = new Prober(proxy.url)
    const whole = (await runChild(orderOf("1"))).report
    expect(whole).toMatchObject({ exitCode: 0, errors: [] })
    await expectInPlace("1", "without a kill")
    const boundaries = whole?.boundaries ?? 0
    expect(boundaries).toBeGreaterThan(20)
    let killed = 0
    let asked = (await prober.take()).asked
    for (let at = 1; at <= KILLS; at += 1) {
      const killAt = Math.round((at * (boundaries - 1)) / KILLS)
      const version = String(at + 1)
      const when = `a kill at boundary ${killAt}`
      if ((await runChild(orderOf(version, killAt))).signal === "SIGKILL") killed += 1
      const again = await runChild(orderOf(version))
      expect(again.report, `${again.stderr} after ${when}`).toMatchObject({ exitCode: 0, errors: [] })
      const probed = await prober.take()
      expect(probed.failed, `${when}\n${proxy.log}`).toEqual([])
      asked += probed.asked
      await expectInPlace(version, when)
      expect((await planHere(orderOf(version))).changes, when).toEqual([])
    }
    expect(killed).toBeGreaterThan(KILLS - 3) // batches differ from run to run
    console.log(`${killed} kills at ${boundaries} boundaries, ${asked} asked, failed 0`)
  })
})
