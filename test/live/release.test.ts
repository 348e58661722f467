import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { place } from "../cli/fettle.ts"
import type { Order } from "../fixtures/crash/child.ts"
import build, { type ReleaseNodesOptions } from "../fixtures/crash/release-nodes.ts"
import { runChild } from "../support/crash.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { failed } from "./docker-told.ts"
import { canStartHaproxy, HaproxyWorld, stopHaproxies } from "./haproxy-world.ts"
import { Prober } from "./prober.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/release-nodes.ts", import.meta.url))
const KILLS = 12
/** So few requests prove a healthy version that a test need not wait for minutes. */
const PROVEN = {
  errors: { source: { from: "traffic", counts: "errors" }, worstRate: 0.2, usualRate: 0.001 },
} as const

describe.skipIf(!canStartHaproxy())("a release behind HAProxy", () => {
  let proxy: HaproxyWorld
  let prober: Prober | undefined
  let folder: string
  let port: number

  beforeEach(async () => {
    proxy = await HaproxyWorld.start()
    folder = testFolder()
    port = await freePort(2) // one for each slot
  })
  afterEach(async () => {
    await prober?.end()
    prober = undefined
    await runsIn(folder).apply(build(optionsOf("0")), { destroy: true })
    await proxy.remove()
  })
  afterAll(() => stopHaproxies())

  const optionsOf = (version: string, more: Partial<ReleaseNodesOptions> = {}): ReleaseNodesOptions => ({
    proxy: proxy.address,
    folder,
    port,
    version,
    ...more,
  })
  const told = (run: { events: readonly { type: string }[] }): readonly string[] =>
    run.events.flatMap((each) => (each.type === "node.log" ? [(each as unknown as { text: string }).text.trim()] : []))
  const answersNow = async (): Promise<readonly string[]> => {
    const answers = new Set<string>()
    for (let at = 0; at < 12; at += 1) answers.add(await (await fetch(proxy.url)).text())
    return [...answers].sort()
  }

  const weights = async (): Promise<Record<string, number>> => {
    const lines = (await proxy.servers()).map((line) => line.split(" "))
    return Object.fromEntries(lines.map(([name, , weight]) => [name, Number(weight)]))
  }

  test("a first version gets all traffic; a good one after it by steps, without a failed request; a bad one goes back", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(folder)
    const first = await runs.apply(build(optionsOf("1")))
    expect(failed(first)).toEqual([])
    expect(await answersNow()).toEqual(["1"])
    expect((await runs.plan(build(optionsOf("1")))).plan?.changes).toEqual([])

    prober = new Prober(proxy.url)
    const good = await runs.apply(build(optionsOf("2", { more: { steps: [50, 100], worstRatio: 3, metrics: {} } })))
    expect(failed(good), told(good).join("\n")).toEqual([])
    const forth = await prober.take()
    expect(forth.failed).toEqual([])
    expect(Object.keys(forth.answers).sort()).toEqual(["1", "2"])
    expect(await answersNow()).toEqual(["2"])

    const bad = await runs.apply(build(optionsOf("3", { badShare: 0.5 })))
    expect(bad.exitCode).toBe(3)
    expect(failed(bad)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK: .*errors in .* requests against/)])
    await prober.end()
    expect(await answersNow()).toEqual(["2"])
    expect((await proxy.servers()).map((line) => line.split(" ")[0])).toEqual(["1.web0", "2.web0"])
    const again = await runs.apply(build(optionsOf("3", { badShare: 0.5 })))
    expect(failed(again)).toEqual([expect.stringMatching(/^RELEASE_REFUSED: 3 was rolled back; 2 has all traffic/)])
    const back = await runs.apply(build(optionsOf("2")))
    expect(failed(back)).toEqual([])
    expect(await answersNow()).toEqual(["2"])
  })

  test("killed at 12 points, the next run finishes it: all traffic is with one version, and a prober loses nothing", {
    timeout: 400_000,
  }, async () => {
    const more = { steps: [30, 100], worstRatio: 3, metrics: PROVEN, stepFor: "500ms" } as const
    const orderOf = (version: string, killAt = 0): Order => {
      return { command: "apply", module: MODULE, options: { ...optionsOf(version, { more }) }, folder, killAt }
    }
    expect((await runChild(orderOf("0"))).report).toMatchObject({ exitCode: 0 })
    prober = new Prober(proxy.url)
    const whole = (await runChild(orderOf("1"))).report
    expect(whole).toMatchObject({ exitCode: 0, errors: [] })
    const boundaries = whole?.boundaries ?? 0
    const lost: string[] = []
    let killed = 0
    await prober.take()
    for (let at = 1; at <= KILLS; at += 1) {
      const killAt = Math.round((at * (boundaries - 1)) / KILLS)
      const version = String(at + 1)
      const when = `a kill at boundary ${killAt} of ${boundaries}`
      if ((await runChild(orderOf(version, killAt))).signal === "SIGKILL") killed += 1
      const again = await runChild(orderOf(version))
      expect(again.report, `${again.stderr} after ${when}`).toMatchObject({ exitCode: 0, errors: [] })
      const probed = await prober.take()
      if (probed.failed.length > 0) lost.push(`${when}: ${probed.failed.join("; ")}`)
      expect(await answersNow(), when).toEqual([version])
      expect(await weights(), when).toEqual({ [`${Number(version) - 1}.web0`]: 0, [`${version}.web0`]: 1 })
      expect((await runChild({ ...orderOf(version), command: "plan" })).report, when).toMatchObject({ changes: [] })
    }
    expect(killed).toBeGreaterThan(KILLS - 3)
    expect(lost.length, lost.join("\n")).toBeLessThanOrEqual(2)
    console.log(
      `${killed} kills at ${boundaries} boundaries; ${KILLS - lost.length} of ${KILLS} without a lost request`,
    )
  })

  test("a bad version that is killed on its way goes back with the next run", { timeout: 240_000 }, async () => {
    const more = { steps: [50, 100], stepFor: "500ms" } as const
    const orderOf = (version: string, badShare = 0, killAt = 0): Order => {
      return {
        command: "apply",
        module: MODULE,
        options: { ...optionsOf(version, { more, badShare }) },
        folder,
        killAt,
      }
    }
    expect((await runChild(orderOf("1"))).report).toMatchObject({ exitCode: 0 })
    prober = new Prober(proxy.url)
    const whole = (await runChild(orderOf("2", 0.6))).report
    expect(whole).toMatchObject({ exitCode: 3, errors: [{ code: "RELEASE_ROLLED_BACK" }] })
    for (const [at, part] of [0.3, 0.6, 0.85, 0.97].entries()) {
      const version = String(at + 3)
      const killAt = Math.round((whole?.boundaries ?? 0) * part)
      await runChild(orderOf(version, 0.6, killAt))
      const again = (await runChild(orderOf(version, 0.6))).report
      expect([1, 3], `${part}`).toContain(again?.exitCode) // 1: it had gone back before the kill, and is refused now
      expect(again?.errors[0]?.code).toMatch(/^RELEASE_(ROLLED_BACK|REFUSED)$/)
      expect(await answersNow()).toEqual(["1"])
      expect(await weights()).toEqual({ "1.web0": 1 })
    }
    expect((await runChild(orderOf("1"))).report).toMatchObject({ exitCode: 0, errors: [] })
    expect((await runChild({ ...orderOf("1"), command: "plan" })).report).toMatchObject({ changes: [] })
  })

  test("what cannot be decided waits; a person promotes it, brings a version back, or lets one be tried again", {
    timeout: 240_000,
  }, async () => {
    const at = place()
    at.write("fettle.ts", releaseFile("1", "1s"))
    expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
    at.write("fettle.ts", releaseFile("2", "2s"))
    const undecided = await at.fettle(["apply", "--yes"])
    expect(undecided.code).toBe(4)
    expect(undecided.stdout + undecided.stderr).toMatch(/RELEASE_UNDECIDED/)
    expect(await weights()).toEqual({ "1.web0": 1, "2.web0": 1 })
    const planned = await at.fettle(["plan"])
    expect(planned.stdout).toMatch(/goes on with 2, which had a part of the traffic/)
    const promoted = await at.fettle(["release", "promote", "shop", "--yes"])
    expect(promoted.code, promoted.stdout + promoted.stderr).toBe(0)
    expect(await answersNow()).toEqual(["2"])
    expect((await at.fettle(["plan", "--check"])).code).toBe(0)

    const back = await at.fettle(["rollback", "shop", "--yes"])
    expect(back.code, back.stdout + back.stderr).toBe(0)
    expect(await answersNow()).toEqual(["1"])
    expect(await weights()).toEqual({ "1.web0": 1 })
    const refused = await at.fettle(["apply", "--yes"])
    expect(refused.code).toBe(1)
    expect(refused.stdout + refused.stderr).toMatch(/RELEASE_REFUSED[\s\S]*fettle release retry/)
    expect((await at.fettle(["rollback", "shop", "9", "--yes"])).stderr).toMatch(/keeps no version 9/)
    expect((await at.fettle(["release", "retry", "shop"])).code).toBe(0)
    expect((await at.fettle(["plan"])).stdout).toMatch(/1 → 2/)
    expect((await at.fettle(["rollback", "other", "--yes"])).stderr).toMatch(/no release other is recorded/)

    at.write("fettle.ts", releaseFile("2", "2s"))
    expect((await at.fettle(["apply", "--yes"])).code).toBe(4)
    expect((await at.fettle(["rollback", "shop", "--yes"])).code).toBe(0)
    expect(await weights()).toEqual({ "1.web0": 1 })
    expect((await at.fettle(["destroy", "--yes"])).code).toBe(0)
    expect(await weights()).toEqual({})
  })

  /** A program file that releases one version; nothing has errors, so counts decide nothing. */
  const releaseFile = (version: string, deadline: string): string => {
    const more = { steps: [50, 100], stepFor: "200ms", deadline }
    const options = JSON.stringify({ ...optionsOf(version, { more }) })
    return `import build from ${JSON.stringify(MODULE)}\nexport default build(${options})\n`
  }
})
