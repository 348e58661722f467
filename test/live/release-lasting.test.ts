import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { program, resource } from "fettle"
import * as host from "fettle/host"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import build from "../fixtures/crash/release-nodes.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn } from "../support/runs.ts"
import { failed } from "./docker-told.ts"
import { canStartHaproxy, stopHaproxies } from "./haproxy-world.ts"
import { ReleaseWorld } from "./release-world.ts"

describe.skipIf(!canStartHaproxy())("what happens to a version after its first requests", () => {
  let world: ReleaseWorld

  beforeEach(async () => {
    world = await ReleaseWorld.start()
  })
  afterEach(() => world.end())
  afterAll(() => stopHaproxies())

  test("one that dies goes back as soon as that is sure, with half the traffic and with all of it", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const more = { steps: [50, 100], deadline: "5m", rollbackError: 1e-200 } // its counts decide nothing
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    world.probe()
    const half = await runs.apply(build(world.optionsOf("2", { endsAfter: 20, more })))
    expect(failed(half)).toEqual([
      expect.stringMatching(
        /^RELEASE_ROLLED_BACK: Rolled back at minute 1, with 50 %: 2\.web0 has taken no connection for 1\d s/,
      ),
    ])
    expect(half.exitCode).toBe(3)
    expect(await world.answersNow()).toEqual(["1"])

    const watched = { steps: [100], metrics: {}, watch: { for: "5m", objective: 0.5 } } as const
    const all = await runs.apply(build(world.optionsOf("3", { endsAfter: 20, more: watched })))
    expect(failed(all)).toEqual([
      expect.stringMatching(
        /^RELEASE_ROLLED_BACK: Rolled back with all traffic on 3: 3\.web0 has taken no connection for/,
      ),
    ])
    expect(await world.answersNow()).toEqual(["1"])
  })

  test("one that starts again and again goes back", { timeout: 240_000 }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    world.probe()
    const more = { steps: [50, 100], deadline: "5m", rollbackError: 1e-200 }
    const run = await runs.apply(build(world.optionsOf("2", { endsAfter: 20, endsAnew: true, more })))
    expect(failed(run)).toEqual([expect.stringMatching(/: 2\.web0 has gone down 3 times/)])
    expect(await world.answersNow()).toEqual(["1"])
  })

  test("its checks are asked again before each step, and before all traffic", { timeout: 240_000 }, async () => {
    const runs = runsIn(world.folder)
    const sickWhen = `${world.folder}/sick`
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    world.probe()
    const more = { steps: [50, 100], stepFor: "3s", worstRatio: 1e6, promoteError: 0.49, metrics: {} }
    const running = runs.apply(build(world.optionsOf("2", { sickWhen, more })))
    await expect.poll(async () => (await world.weights())["2.web0"] ?? 0, { timeout: 60_000 }).toBeGreaterThan(0)
    await new Promise((later) => setTimeout(later, 1_000))
    writeFileSync(sickWhen, "")
    const run = await running
    expect(failed(run)).toEqual([
      expect.stringMatching(/^RELEASE_ROLLED_BACK: Rolled back before 100 %: answers: .*500/),
    ])
    rmSync(sickWhen)
    expect(await world.answersNow()).toEqual(["1"])
  })

  test("traffic that is lost after one was taken back is sent again, and that one stays refused", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    world.probe()
    const bad = build(world.optionsOf("2", { badShare: 0.5 }))
    expect((await runs.apply(bad)).exitCode).toBe(3)
    await world.proxy.down()
    await world.proxy.up() // with no server
    const again = await runs.apply(build(world.optionsOf("1")))
    expect(failed(again)).toEqual([])
    expect(again.exitCode).toBe(0)
    expect(await world.answersNow()).toEqual(["1"])
    expect(failed(await runs.apply(bad))).toEqual([expect.stringMatching(/^RELEASE_REFUSED: 2 was rolled back/)])
  })

  test("versions whose names differ in signs only stand beside each other", { timeout: 240_000 }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1+a"))))).toEqual([])
    world.probe()
    const bad = await runs.apply(build(world.optionsOf("1_a", { badShare: 0.5 })))
    expect(failed(bad)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK: .*errors in .* requests against/)])
    expect(await world.answersNow()).toEqual(["1+a"])
  })

  test("another name for a release that has traffic is refused, and nobody loses a request", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    const prober = world.probe()
    const elsewhere = { folder: mkdtempSync(`${world.folder}/other-`), port: await freePort() }
    const renamed = await runs.apply(build(world.optionsOf("1", { name: "store", ...elsewhere })))
    const blocked = failed(renamed)
    expect(blocked.length).toBeGreaterThan(0)
    for (const each of blocked) expect(each).toMatch(/DUPLICATE_ID|waits for/)
    expect(blocked.join("\n")).toMatch(
      /are the same|left the program, and .*store.* is the same thing: the traffic of web/,
    )
    expect((await prober.end()).failed).toEqual([])
    expect(await world.answersNow()).toEqual(["1"])
  })

  test("a proxy that has lost its servers gets them again, and a healthy version is promoted", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    const more = { steps: [20, 100], stepFor: "20s", deadline: "60s", metrics: {}, checks: () => ({}) }
    const healthy = runs.apply(build(world.optionsOf("2", { more })))
    await expect.poll(() => world.answersNow(), { timeout: 30_000 }).toContain("2")
    await sleep(1_000) // the turn is over: it stands at its step
    await world.proxy.down()
    await world.proxy.up() // with no server
    await expect.poll(() => world.answersNow().catch(() => []), { timeout: 10_000 }).toContain("1")
    expect(failed(await healthy)).toEqual([])
    expect(await world.answersNow()).toEqual(["2"])
  })

  test("where the version before has died, the next one goes out, and answers at once", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1", { endsAfter: 3 }))))).toEqual([])
    const prober = world.probe()
    await expect.poll(() => world.answersNow(), { timeout: 20_000 }).not.toContain("1")
    await prober.end()
    const more = { steps: [20, 100], metrics: {}, checks: () => ({}) }
    expect(failed(await runs.apply(build(world.optionsOf("2", { more }))))).toEqual([])
    expect(await world.answersNow()).toEqual(["2"])
  })

  test("a release that leaves the program with its proxy keeps what it sends traffic to", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    const prober = world.probe()
    const bare = () => void resource(host.directory, { path: world.folder }, { on: host.local() })
    const without = await runs.apply(program("releasing", {}, bare))
    expect(without.plan?.changes.map(({ address, error }) => [address, error?.code])).toEqual(
      expect.arrayContaining([
        ["fettle.release[shop]", "STRANDED"],
        ["shop@1/host.process[web0]", "STILL_NEEDED"],
      ]),
    )
    expect((await prober.end()).failed).toEqual([])
    expect(await world.answersNow()).toEqual(["1"])
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
  })

  test("copies come one after the other, are counted from their first turn, and a bad version goes back", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const of = (version: string, badShare = 0) =>
      build(world.optionsOf(version, { copies: 2, badShare, more: { steps: "rolling", metrics: COUNTED } }))
    expect(failed(await runs.apply(of("1")))).toEqual([])
    const prober = world.probe()
    const good = await runs.apply(of("2"))
    expect(failed(good)).toEqual([])
    expect((await prober.take()).failed).toEqual([])
    expect(Object.keys(await world.weights()).sort()).toEqual(["1.web0", "1.web1", "2.web0", "2.web1"])
    const bad = await runs.apply(of("3", 0.2))
    expect(failed(bad)).toEqual([
      expect.stringMatching(/^RELEASE_ROLLED_BACK: Rolled back at minute 1, with 1 of 2: \d+ errors in/),
    ])
    expect(await world.answersNow()).toEqual(["2"])
  })

  test("an error on the way is remembered: the next run goes on, and another version takes the traffic back first", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const sickWhen = `${world.folder}/hook`
    const hooks = { promoted: [["test", "-e", sickWhen]] }
    const of = (version: string) =>
      build(
        world.optionsOf(version, {
          more: { steps: [50, 100], metrics: COUNTED, ...(version === "2" ? { hooks } : {}) },
        }),
      )
    expect(failed(await runs.apply(of("1")))).toEqual([])
    const prober = world.probe()
    const broken = await runs.apply(of("2"))
    expect(failed(broken)).toEqual([
      expect.stringMatching(/^CHANGE_FAILED: the hook test ended with 1.*fettle apply goes on$/),
    ])
    expect(broken.exitCode).toBe(1)
    expect(await world.answersNow()).toEqual(["2"])
    const again = await runs.apply(of("2"))
    expect(again.exitCode).toBe(1)
    expect(failed(await runs.apply(of("3")))).toEqual([])
    expect(await world.answersNow()).toEqual(["3"])
    expect((await prober.end()).failed).toEqual([])
    expect((await runs.plan(of("3"))).plan?.changes).toEqual([])
    expect(Object.keys(await world.weights()).sort()).toEqual(["1.web0", "3.web0"])
  })

  test("the version that has all traffic runs in fewer copies: the others are drained before they go", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const of = (copies: number) => build(world.optionsOf("1", { copies }))
    expect(failed(await runs.apply(of(3)))).toEqual([])
    const prober = world.probe()
    const fewer = await runs.apply(of(2))
    expect(failed(fewer)).toEqual([])
    expect(Object.keys(await world.weights()).sort()).toEqual(["1.web0", "1.web1"])
    const gone = fewer.events.filter((each) => each.type === "node.finished" && /web2/.test(each.address))
    expect(gone).toEqual([expect.objectContaining({ action: "delete", outcome: "done" })])
    expect((await prober.end()).failed).toEqual([])
    expect((await runs.plan(of(2))).plan?.changes).toEqual([])
  })

  test("all traffic at once: what is broken shows then, and goes back to the version that still stands", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const of = (version: string, badShare = 0) =>
      build(world.optionsOf(version, { badShare, more: { steps: [100], stepFor: "3s", metrics: COUNTED } }))
    expect(failed(await runs.apply(of("1")))).toEqual([])
    world.probe()
    const good = await runs.apply(of("2"))
    expect(failed(good)).toEqual([])
    expect(JSON.stringify(good.events)).toMatch(
      /2 has all traffic: not compared, for nothing had traffic beside it: 0 errors in \d+ requests/,
    )
    const bad = await runs.apply(of("3", 0.2))
    expect(failed(bad)).toEqual([
      expect.stringMatching(
        /Rolled back at minute 1, with 100 %: \d+ errors in \d+ requests; a version with at most 1 %/,
      ),
    ])
    expect(await world.answersNow()).toEqual(["2"])
  })

  test("a copy of the old version that has died does not hold up the way back", { timeout: 240_000 }, async () => {
    const runs = runsIn(world.folder)
    const of = (version: string, badShare = 0) =>
      build(world.optionsOf(version, { copies: 2, badShare, more: { steps: [20, 100], deadline: "3m" } }))
    const first = await runs.apply(of("1"))
    expect(failed(first)).toEqual([])
    for (const file of ["pid", "child"]) {
      const pid = Number(readFileSync(`${world.folder}/web-0-0/${file}`, "utf8").split(" ")[0])
      process.kill(pid, "SIGKILL")
    }
    await new Promise((later) => setTimeout(later, 5_000)) // until HAProxy has seen it
    world.probe()
    const run = await runs.apply(of("2", 0.3))
    expect(failed(run)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK/)])
    expect(Object.keys(await world.weights()).sort()).toEqual(["1.web0", "1.web1"])
    expect(failed(await runs.apply(of("1")))).toEqual([]) // and it is started again
    expect(await world.weights()).toEqual({
      "1.web0": expect.toSatisfy((weight: number) => weight > 0),
      "1.web1": expect.any(Number),
    })
  })

  test("a copy that HAProxy finds down takes its version back; latencies that nobody counts are refused before any traffic", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    expect(failed(await runs.apply(build(world.optionsOf("1"))))).toEqual([])
    const slow = { source: { from: "traffic", counts: "slow", slowerThanMs: 300 } } as const
    const uncounted = await runs.apply(build(world.optionsOf("2", { more: { metrics: { slow } } })))
    expect(uncounted.error).toMatchObject({
      code: "PROPS_INVALID",
      fact: expect.stringMatching(/: metrics.slow: .* counts no latencies$/),
    })
    expect(await world.answersNow()).toEqual(["1"])
    const prober = world.probe()
    const down = runs.apply(build(world.optionsOf("2", { sickWhen: "/", more: { checks: () => ({}) } })))
    expect(failed(await down)).toEqual([
      expect.stringMatching(/^RELEASE_ROLLED_BACK: Rolled back at minute 1, with 20 %: /),
    ])
    expect(await world.answersNow()).toEqual(["1"])
    expect((await prober.end()).failed).toEqual([])
  })

  test("all traffic at once, with requests of our own: it is proven, or taken back, before anybody else asks it", {
    timeout: 240_000,
  }, async () => {
    const runs = runsIn(world.folder)
    const probes = { path: "/", perMinute: 6_000 }
    const metrics = { errors: { ...COUNTED.errors, probes } }
    const of = (version: string, badShare = 0) =>
      build(world.optionsOf(version, { badShare, more: { steps: [100], stepFor: 0, metrics } }))
    expect(failed(await runs.apply(of("1")))).toEqual([])
    const prober = world.probe()
    const bad = await runs.apply(of("2", 0.3))
    expect(failed(bad)).toEqual([
      expect.stringMatching(
        /^RELEASE_ROLLED_BACK: Rolled back at minute 1, with no traffic: \d+ errors in \d+ requests against/,
      ),
    ])
    const { failed: lost, answers } = await prober.take()
    expect([lost, Object.keys(answers)]).toEqual([[], ["1"]])
    const good = await runs.apply(of("3"))
    expect(failed(good)).toEqual([])
    expect(JSON.stringify(good.events)).toMatch(/3 has all traffic: 0 errors in \d+ requests against 0 in/)
    expect(await world.answersNow()).toEqual(["3"])
  })

  test("after a version that was given up, an error of the next one is its own", { timeout: 240_000 }, async () => {
    const runs = runsIn(world.folder)
    const of = (version: string, hooks: object) =>
      build(world.optionsOf(version, { more: { steps: [50, 100], metrics: COUNTED, hooks } }))
    expect(failed(await runs.apply(of("1", {})))).toEqual([])
    world.probe()
    expect(failed(await runs.apply(of("2", { promoted: [["false"]] })))).toEqual([
      expect.stringMatching(/the hook false ended with 1: .*; the traffic of 2 stays as it is/),
    ])
    const next = await runs.apply(of("3", { before: [["false"]] }))
    expect(failed(next)).toEqual([expect.stringMatching(/^CHANGE_FAILED: the hook false ended with 1: $/)])
    expect(await world.answersNow()).toEqual(["1"])
    expect(Object.keys(await world.weights())).toEqual(["1.web0"])
  })
})

/** So few requests are enough for a test. */
const COUNTED = {
  errors: { source: { from: "traffic", counts: "errors" }, worstRate: 0.2, usualRate: 0.04 },
} as const
