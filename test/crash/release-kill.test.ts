import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Order } from "../fixtures/crash/child.ts"
import { canStartHaproxy, stopHaproxies } from "../live/haproxy-world.ts"
import { RELEASE_MODULE, ReleaseWorld } from "../live/release-world.ts"
import { planHere, runChild, runHere } from "../support/crash.ts"

const KILLS = 12
/** So few requests prove a healthy version that a test need not wait for minutes. */
const PROVEN = {
  errors: { source: { from: "traffic", counts: "errors" }, worstRate: 0.2, usualRate: 0.04 },
} as const

describe.skipIf(!canStartHaproxy())("a release that is killed", () => {
  let world: ReleaseWorld

  beforeEach(async () => {
    world = await ReleaseWorld.start()
  })
  afterEach(() => world.end())
  afterAll(() => stopHaproxies())

  test("killed at 12 points, the next run finishes it: all traffic is with one version, and a prober loses nothing", {
    timeout: 400_000,
  }, async () => {
    const more = { steps: [30, 100], worstRatio: 3, metrics: PROVEN, stepFor: "500ms" } as const
    const orderOf = (version: string, killAt = 0): Order => {
      return {
        command: "apply",
        module: RELEASE_MODULE,
        options: { ...world.optionsOf(version, { more }) },
        folder: world.folder,
        killAt,
      }
    }
    expect(await runHere(orderOf("0"))).toMatchObject({ exitCode: 0 })
    const prober = world.probe()
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
      expect(await world.answersNow(), when).toEqual([version])
      expect(await world.weights(), when).toEqual({ [`${Number(version) - 1}.web0`]: 0, [`${version}.web0`]: 1 })
      expect((await planHere(orderOf(version))).changes, when).toEqual([])
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
        module: RELEASE_MODULE,
        options: { ...world.optionsOf(version, { more, badShare }) },
        folder: world.folder,
        killAt,
      }
    }
    expect(await runHere(orderOf("1"))).toMatchObject({ exitCode: 0 })
    world.probe()
    const whole = (await runChild(orderOf("2", 0.6))).report
    expect(whole).toMatchObject({ exitCode: 3, errors: [{ code: "RELEASE_ROLLED_BACK" }] })
    for (const [at, part] of [0.3, 0.6, 0.85, 0.97].entries()) {
      const version = String(at + 3)
      const killAt = Math.round((whole?.boundaries ?? 0) * part)
      await runChild(orderOf(version, 0.6, killAt))
      const again = (await runChild(orderOf(version, 0.6))).report
      expect([1, 3], `${part}`).toContain(again?.exitCode) // 1: it had gone back before the kill, and is refused now
      expect(again?.errors[0]?.code).toMatch(/^RELEASE_(ROLLED_BACK|REFUSED)$/)
      expect(await world.answersNow()).toEqual(["1"])
      expect(await world.weights()).toEqual({ "1.web0": 1 })
    }
    expect(await runHere(orderOf("1"))).toMatchObject({ exitCode: 0, errors: [] })
    expect((await planHere(orderOf("1"))).changes).toEqual([])
  })
})
