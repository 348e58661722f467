import { rmSync, writeFileSync } from "node:fs"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Program } from "../../src/program/program.ts"
import { place } from "../cli/fettle.ts"
import build from "../fixtures/crash/release-nodes.ts"
import { runsIn } from "../support/runs.ts"
import { failed } from "./docker-told.ts"
import { canStartHaproxy, stopHaproxies } from "./haproxy-world.ts"
import { RELEASE_MODULE, ReleaseWorld } from "./release-world.ts"

describe.skipIf(!canStartHaproxy())("a release behind HAProxy", () => {
  let world: ReleaseWorld

  beforeEach(async () => {
    world = await ReleaseWorld.start()
  })
  afterEach(() => world.end())
  afterAll(() => stopHaproxies())

  const told = (run: { events: readonly { type: string }[] }): readonly string[] =>
    run.events.flatMap((each) => (each.type === "node.log" ? [(each as unknown as { text: string }).text.trim()] : []))

  test("a first version gets all traffic; a good one after it by steps, without a failed request; a bad one goes back", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const first = await runs.apply(build(world.optionsOf("1")))
    expect(failed(first)).toEqual([])
    expect(await world.answersNow()).toEqual(["1"])
    expect((await runs.plan(build(world.optionsOf("1")))).plan?.changes).toEqual([])

    const prober = world.probe()
    const good = await runs.apply(
      build(world.optionsOf("2", { more: { steps: [50, 100], worstRatio: 3, metrics: {} } })),
    )
    expect(failed(good), told(good).join("\n")).toEqual([])
    const forth = await prober.take()
    expect(forth.failed).toEqual([])
    expect(Object.keys(forth.answers).sort()).toEqual(["1", "2"])
    expect(await world.answersNow()).toEqual(["2"])

    const bad = await runs.apply(build(world.optionsOf("3", { badShare: 0.5 })))
    expect(bad.exitCode).toBe(3)
    expect(failed(bad)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK: .*errors in .* requests against/)])
    await prober.end()
    expect(await world.answersNow()).toEqual(["2"])
    expect((await world.proxy.servers()).map((line) => line.split(" ")[0])).toEqual(["1.web0", "2.web0"])
    const again = await runs.apply(build(world.optionsOf("3", { badShare: 0.5 })))
    expect(failed(again)).toEqual([expect.stringMatching(/^RELEASE_REFUSED: 3 was rolled back; 2 has all traffic/)])
    const back = await runs.apply(build(world.optionsOf("2")))
    expect(failed(back)).toEqual([])
    expect(await world.answersNow()).toEqual(["2"])
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
    expect(await world.weights()).toEqual({ "1.web0": 1, "2.web0": 1 })
    const planned = await at.fettle(["plan"])
    expect(planned.stdout).toMatch(/goes on with 2, which had a part of the traffic/)
    const promoted = await at.fettle(["release", "promote", "shop", "--yes"])
    expect(promoted.code, promoted.stdout + promoted.stderr).toBe(0)
    expect(await world.answersNow()).toEqual(["2"])
    expect((await at.fettle(["plan", "--check"])).code).toBe(0)

    const back = await at.fettle(["rollback", "shop", "--yes"])
    expect(back.code, back.stdout + back.stderr).toBe(0)
    expect(await world.answersNow()).toEqual(["1"])
    expect(await world.weights()).toEqual({ "1.web0": 1 })
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
    expect(await world.weights()).toEqual({ "1.web0": 1 })
    expect((await at.fettle(["destroy", "--yes"])).code).toBe(0)
    expect(await world.weights()).toEqual({})
  })

  test("one that is stopped stays with the traffic it has, and the next run goes on", {
    timeout: 240_000,
  }, async () => {
    const at = place()
    at.write("fettle.ts", releaseFile("1", "1s"))
    expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
    at.write("fettle.ts", releaseFile("2", "10m"))
    const begun = await at.fettle(["apply", "--yes", "--detach"])
    expect(begun.code, begun.text).toBe(0)
    await expect.poll(() => world.weights(), { timeout: 60_000 }).toEqual({ "1.web0": 1, "2.web0": 1 })
    const following = at.start(["logs", "last", "--follow"])
    await following.saw("sends 50 %")
    expect((await at.fettle(["stop"])).code).toBe(0)
    const followed = await following.ended
    expect(followed.code).toBe(4)
    expect(followed.text).toContain("Stopped by hand: 2 stays with 50 % of the traffic")
    expect(await world.weights()).toEqual({ "1.web0": 1, "2.web0": 1 })
    expect((await at.fettle(["plan"])).stdout).toMatch(/goes on with 2, which had a part of the traffic/)
    const promoted = await at.fettle(["release", "promote", "shop", "--yes"])
    expect(promoted.code, promoted.text).toBe(0)
    expect(await world.answersNow()).toEqual(["2"])
    expect((await at.fettle(["destroy", "--yes"])).code).toBe(0)
  })

  test("one that starts cold is compared with fresh copies of the version before it, which go with its end", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const of = (version: string, baseline: "current" | "fresh"): Program =>
      build(world.optionsOf(version, { cold: 40, more: { steps: [30, 100], worstRatio: 3, baseline } }))
    expect(failed(await runs.apply(of("1", "fresh")))).toEqual([])
    for (let at = 0; at < 50; at += 1) await fetch(world.proxy.url) // it is warm
    world.probe()
    const alone = await runs.apply(of("1.1", "current"))
    expect(failed(alone)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK: .* 30 %: \d+ errors in/)])

    const beside = runs.apply(of("2", "fresh"))
    await expect
      .poll(() => world.weights(), { timeout: 60_000 })
      .toSatisfy((weights: object) => Object.keys(weights).some((name) => name.startsWith("1_fresh.web0.h-")))
    const run = await beside
    expect(failed(run), told(run).join("\n")).toEqual([])
    expect(await world.answersNow()).toEqual(["2"])
    expect(Object.keys(await world.weights()).sort()).toEqual(["1.web0", "2.web0"])
    expect(run.events.filter((each) => each.type === "node.finished" && each.address.includes("+fresh"))).not.toEqual(
      [],
    )
    expect((await runs.plan(of("2", "fresh"))).plan?.changes).toEqual([])

    const more = { steps: [30, 100], baseline: "fresh" } as const
    const bad = await runs.apply(build(world.optionsOf("3", { badShare: 0.6, more })))
    expect(failed(bad)).toEqual([
      expect.stringMatching(/^RELEASE_ROLLED_BACK: .* 30 %: \d+ errors in \d+ requests against 0 in/),
    ])
    expect(bad.events.filter((each) => each.type === "node.finished" && each.action === "delete")).toHaveLength(2)
    expect(await world.answersNow()).toEqual(["2"])
    expect(Object.keys(await world.weights()).sort()).toEqual(["1.web0", "2.web0"])
    expect((await runs.plan(of("2", "fresh"))).plan?.changes).toEqual([])
  })

  test("where nobody knows by the deadline it gets all traffic at once, if that is said, and never less again", {
    timeout: 120_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const more = { steps: [20, 50, 80, 100], stepFor: "10s", deadline: "1s", onInconclusive: "promote" } as const
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    const run = await runs.apply(build(world.optionsOf("2", { more })))
    expect(failed(run)).toEqual([])
    const sent = told(run).filter((text) => text.startsWith("sends"))
    expect(sent).toEqual(["sends 20 % of the traffic to 2", "sends 100 % of the traffic to 2"])
    expect(await world.answersNow()).toEqual(["2"])
  })

  test("one that waits for a person is judged for its whole time again where it is applied again", {
    timeout: 120_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const waiting = build(world.optionsOf("2", { more: { steps: [50, 100], stepFor: "200ms", deadline: "2s" } }))
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    for (const _time of [1, 2, 3]) {
      const run = await runs.apply(waiting)
      expect(failed(run)).toEqual([expect.stringMatching(/^RELEASE_UNDECIDED: Undecided after 2s: 0 errors in/)])
      const ended = run.events.find((each) => each.type === "node.finished" && each.address.endsWith("release[shop]"))
      expect(ended).toMatchObject({ durationMs: expect.any(Number) })
      expect((ended as { durationMs: number }).durationMs).toBeGreaterThanOrEqual(2_000)
    }
  })

  test("one whose steps become fewer while it waits gets no traffic that the counts have not allowed", {
    timeout: 120_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const of = (steps: readonly number[]): Program =>
      build(world.optionsOf("2", { more: { steps, stepFor: "50ms", deadline: "2s" } }))
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    for (const steps of [
      [5, 10, 20, 30, 100],
      [50, 100],
    ])
      expect(failed(await runs.apply(of(steps)))).toEqual([expect.stringMatching(/^RELEASE_UNDECIDED/)])
    expect((await world.weights())["1.web0"]).toBeGreaterThan(0)
  })

  test("one that burns its error budget with all traffic on it goes back, also where its watch was cut off", {
    timeout: 240_000,
  }, async () => {
    const badWhen = `${world.folder}/bad`
    const watch = { for: "10m", objective: 0.99 } as const
    const of = (version: string): Program =>
      build(world.optionsOf(version, { badWhen, more: { steps: [100], metrics: {}, watch } }))
    const runs = runsIn(world.folder)
    expect((await runs.apply(build(world.optionsOf("1")))).exitCode).toBe(0)
    const stopping = new AbortController()
    const cutOff = runsIn(world.folder, { stopping: stopping.signal }).apply(of("2"))
    await expect.poll(() => world.answersNow(), { timeout: 60_000 }).toEqual(["2"])
    stopping.abort()
    expect(told(await cutOff)).toContain("watches 2 with all traffic for 10m")
    expect(await world.answersNow()).toEqual(["2"])

    const prober = world.probe()
    const watched = runs.apply(of("2"))
    await expect.poll(() => prober.last).toBe("2")
    writeFileSync(badWhen, "")
    const run = await watched
    expect(failed(run)).toEqual([
      expect.stringMatching(/^RELEASE_ROLLED_BACK: Rolled back with all traffic on 2: \d+ of \d+ requests were bad/),
    ])
    expect(run.exitCode).toBe(3)
    rmSync(badWhen)
    expect(await world.answersNow()).toEqual(["1"])
  })

  /** A program file that releases one version; nothing has errors, so counts decide nothing. */
  const releaseFile = (version: string, deadline: string): string => {
    const more = { steps: [50, 100], stepFor: "200ms", deadline }
    const options = JSON.stringify({ ...world.optionsOf(version, { more }) })
    return `import build from ${JSON.stringify(RELEASE_MODULE)}\nexport default build(${options})\n`
  }
})
