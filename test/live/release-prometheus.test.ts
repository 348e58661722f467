import { createServer, get } from "node:http"
import { fileURLToPath } from "node:url"
import { program, release } from "fettle"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { PrometheusCounts, type PrometheusSource } from "../../src/release/prometheus-counts.ts"
import type { Order } from "../fixtures/crash/child.ts"
import build, { type ReleaseCountedOptions } from "../fixtures/crash/release-counted.ts"
import { runChild } from "../support/crash.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { failed } from "./docker-told.ts"
import { canStartPrometheus, PrometheusWorld } from "./prometheus-world.ts"
import { listen } from "./verify-support.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/release-counted.ts", import.meta.url))
const WORD = "canary-of-a-release-8181"
describe.skipIf(!canStartPrometheus())("a release that only a Prometheus server counts", () => {
  let world: PrometheusWorld
  let folder: string
  let port: number
  let asking: NodeJS.Timeout

  beforeEach(async () => {
    folder = testFolder()
    port = await freePort(3)
    const targets = [0, 1, 2].map((slot) => `127.0.0.1:${port + slot}`)
    world = await PrometheusWorld.start({ jobs: { shop: targets } })
    let turn = 0 // whoever is there is asked in turn, 100 times a second in all: traffic that Fettle does not send
    asking = setInterval(() => {
      turn += 1
      get({ host: "127.0.0.1", port: port + (turn % 3), path: "/", agent: false }, (response) => response.resume()).on(
        "error",
        () => {},
      )
    }, 10)
  }, 90_000)
  afterEach(async () => {
    clearInterval(asking)
    await runsIn(folder, { env: { WORD } }).apply(shop("0"), { destroy: true })
    await world.stop()
  })

  const optionsOf = (version: string, bad = 0, more: ReleaseCountedOptions["more"] = {}): ReleaseCountedOptions => ({
    folder,
    port,
    url: world.url,
    version,
    bad,
    more,
  })
  const shop = (version: string, bad = 0, more: ReleaseCountedOptions["more"] = {}) =>
    build(optionsOf(version, bad, { secret: "WORD", ...more }))

  const standing = async (): Promise<readonly string[]> => {
    const all = await Promise.all(
      [0, 1, 2].map(async (slot) => {
        const answer = await fetch(`http://127.0.0.1:${port + slot}/health`).catch(() => undefined)
        return (await answer?.text()) ?? ""
      }),
    )
    return all.filter((each) => each !== "").sort()
  }

  test("a good version is promoted, a bad one is taken back, and one that is not counted waits", {
    timeout: 300_000,
  }, async () => {
    const runs = runsIn(folder, { env: { WORD } })
    expect(failed(await runs.apply(shop("1")))).toEqual([])
    const good = await runs.apply(shop("2"))
    expect(failed(good)).toEqual([])
    const measured = good.events.filter(({ type }) => type === "node.measured").at(-1)
    expect(measured).toMatchObject({
      measured: {
        decision: "promote",
        metrics: [{ candidate: { bad: 0 }, baseline: { bad: 0 }, judged: expect.any(Number) }],
      },
    })
    expect(await standing()).toEqual(["2"])
    expect(JSON.stringify(good.events)).not.toContain(WORD)

    const bad = await runs.apply(shop("3", 0.5))
    expect(bad.exitCode).toBe(3)
    expect(failed(bad)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK: .*errors in .* requests against/)])
    expect(await standing()).toEqual(["2"])

    const blind = await runs.apply(shop("4", 0, { requests: 'shop_x{v="{{version}}"}', deadline: "5s" }))
    expect(blind.exitCode).toBe(4)
    expect(failed(blind)).toEqual([expect.stringMatching(/^RELEASE_UNDECIDED: .*nothing is counted for 4/)])
    expect(await standing()).toEqual(["2", "4"])

    const wrong = await runs.apply(shop("5", 0, { requests: 'shop_x{v="{{version}}"', deadline: "5m" }))
    expect(wrong.exitCode).toBe(1)
    expect(failed(wrong)).toEqual([
      expect.stringMatching(/^PROPS_INVALID: metrics.errors: .*status 400: .*parse error/),
    ])
  })

  test("killed on its way, the next run goes on counting, and the same is decided", { timeout: 300_000 }, async () => {
    const orderOf = (version: string, bad: number, killAt = 0): Order => {
      return { command: "apply", module: MODULE, options: { ...optionsOf(version, bad) }, folder, killAt }
    }
    expect((await runChild(orderOf("1", 0))).report).toMatchObject({ exitCode: 0 })
    const boundaries = (await runChild(orderOf("2", 0))).report?.boundaries ?? 0
    expect(await standing()).toEqual(["2"])
    for (const [at, part] of [0.4, 0.7].entries()) {
      const [good, bad] = [String(2 * at + 3), String(2 * at + 4)]
      expect((await runChild(orderOf(good, 0, Math.round(boundaries * part)))).signal).toBe("SIGKILL")
      expect((await runChild(orderOf(good, 0))).report).toMatchObject({ exitCode: 0, errors: [] })
      expect(await standing()).toEqual([good])
      await runChild(orderOf(bad, 0.5, Math.round(boundaries * part)))
      const again = (await runChild(orderOf(bad, 0.5))).report
      expect(again?.errors[0]?.code).toMatch(/^RELEASE_(ROLLED_BACK|REFUSED)$/)
      expect(await standing()).toEqual([good])
    }
  })
})

test("queries for counts that cannot tell versions apart, and counts of nobody, are refused", async () => {
  const asked = async (source: object) => {
    const options = { version: "1", run: () => [], metrics: { errors: { source: source as never } } }
    return (await runsIn(testFolder()).apply(program("counted", {}, () => release("shop", options)))).error?.fact
  }
  const from = { from: "prometheus", url: "http://127.0.0.1:1" }
  expect(await asked({ ...from, requests: "a", bad: 'b{v="{{version}}"}' })).toMatch(/must hold \{\{version\}\}/)
  expect(await asked({ from: "nowhere" })).toMatch(/metrics.errors.source/)
  expect(await asked({ from: "traffic", counts: "slow" })).toMatch(/slowerThanMs/)
  const engine = { type: "docker", name: "engine" }
  const on = { ...from, on: engine, requests: 'a{v="{{version}}"}', bad: 'b{v="{{version}}"}' }
  expect(await asked(on)).toMatch(/metrics.errors: a prometheus probe cannot be asked on engine/)
})

describe.skipIf(!canStartPrometheus())("counts of a Prometheus server", () => {
  let world: PrometheusWorld
  beforeAll(async () => {
    world = await PrometheusWorld.start()
  }, 90_000)
  afterAll(() => world?.stop())

  const now = new AbortController().signal
  const counts = (more: Partial<PrometheusSource> = {}, at: { ms: number } = { ms: 0 }, timeoutMs = 10_000) => {
    const side = (version: string) => ({ version, instances: [] })
    const source = { url: world.url, headers: {}, requests: 'n{v="{{version}}"}', bad: 'b{v="{{version}}"}', ...more }
    const given = { hide: (text: string) => text, now: () => at.ms, timeoutMs }
    return new PrometheusCounts(source as PrometheusSource, { candidate: side("2"), baseline: side("1") }, given)
  }
  /** Waits until this is what the server has. */
  const scraped = async (metrics: string): Promise<void> => {
    world.metrics = metrics
    const [, name, value] = /^(.*) (\d+)$/.exec(metrics.split("\n").at(-1) ?? "") ?? []
    await world.until(name ?? "", [value ?? ""])
  }

  test("differences of each series: nothing is lost, nothing twice, and a series that is born counts from its first", {
    timeout: 120_000,
  }, async () => {
    const at = { ms: 0 }
    const source = counts({}, at)
    await scraped('n{v="1",i="a"} 100\nn{v="2",i="a"} 10\nb{v="1"} 5\nb{v="2"} 1\nround 1')
    expect(await source.read(now)).toMatchObject({
      candidate: { requests: 0, bad: 0 },
      baseline: { requests: 0, bad: 0 },
    })
    await scraped('n{v="1",i="a"} 130\nn{v="2",i="a"} 10\nb{v="1"} 6\nb{v="2"} 1\nround 2')
    expect(await source.read(now)).toMatchObject({ held: true }) // the candidate has nothing new: the interval goes on
    await scraped('n{v="1",i="a"} 130\nn{v="2",i="a"} 15\nn{v="2",i="b"} 7\nb{v="1"} 6\nb{v="2"} 3\nround 3')
    const third = await source.read(now)
    expect(third).toEqual({
      candidate: { requests: 12, bad: 2, epoch: "0" },
      baseline: { requests: 30, bad: 1, epoch: "0" },
    })
    at.ms = 119_000
    expect(await source.read(now)).toMatchObject({ held: true })
    at.ms = 121_000
    expect(await source.read(now)).not.toHaveProperty("held") // there is no traffic, and that is to be said
    await scraped('n{v="1",i="a"} 140\nn{v="2",i="a"} 2\nn{v="2",i="b"} 9\nb{v="1"} 6\nb{v="2"} 3\nround 4')
    expect(await source.read(now)).toMatchObject({ candidate: { epoch: "1" }, baseline: { requests: 40, epoch: "0" } })
  })

  test("what is not there is missing, with its reason", { timeout: 120_000 }, async () => {
    const source = counts()
    await scraped('n{v="1"} 100\nn{v="2",i="a"} 10\nn{v="2",i="b"} 10\nb{v="1"} 5\nb{v="2"} 1\nround 11')
    await source.read(now)
    await scraped('n{v="1"} 101\nn{v="2",i="a"} 11\nb{v="1"} 5\nb{v="2"} 1\nround 12')
    const gone = await source.read(now)
    expect(gone.candidate).toEqual({
      missing: expect.stringMatching(/^n\{.*i="b".*\} of 2 requests is no longer measured$/),
    })
    await scraped('n{v="1"} 102\nn{v="2",i="a"} 12\nn{v="2",i="b"} 500\nb{v="1"} 5\nb{v="2"} 1\nround 13')
    const again = await source.read(now)
    expect(again.candidate).toEqual({ missing: expect.stringMatching(/i="b".* is measured again$/) })
    await scraped('n{v="1"} 102\nb{v="1"} 5\nround 14')
    expect((await source.read(now)).candidate).toEqual({ missing: "nothing is counted for 2" })
    await scraped('n{v="1"} 102\nn{v="2"} 1\nb{v="1"} 5\nround 15')
    expect((await source.read(now)).candidate).toEqual({
      missing: expect.stringMatching(/end the query with: or vector/),
    })
    const zero = await counts({ bad: 'b{v="{{version}}"} or vector(0)' }).read(now)
    expect(zero).toMatchObject({ candidate: { bad: 0 }, baseline: { bad: 0 } })
    const wrong = await counts({ bad: 'b{v="{{version}}"' }).read(now)
    expect(wrong.candidate).toEqual({ missing: expect.stringMatching(/status 400: .*parse error/) })
  })

  test("a server that is not there, or does not answer in time, is missing", async () => {
    const { baseline } = await counts({ url: "http://127.0.0.1:1" }).read(now)
    expect(baseline).toEqual({ missing: expect.stringMatching(/could not be asked/) })
    const port = await listen(createServer(() => {}))
    const silent = await counts({ url: `http://127.0.0.1:${port}` }, { ms: 0 }, 1_000).read(now)
    expect(silent.candidate).toEqual({ missing: "Prometheus did not answer within 1 s" })
    const cancelled = new AbortController()
    const reading = counts({ url: `http://127.0.0.1:${port}` }).read(cancelled.signal)
    cancelled.abort(new Error("ended by hand"))
    await expect(reading).rejects.toThrow()
  })
})
