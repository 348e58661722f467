import { createServer, get } from "node:http"
import { http, program, release, resource, secret, text } from "fettle"
import * as host from "fettle/host"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { PrometheusCounts, type PrometheusSource } from "../../src/release/prometheus-counts.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { failed } from "./docker-told.ts"
import { canStartPrometheus, PrometheusWorld } from "./prometheus-world.ts"
import { listen } from "./verify-support.ts"

const WORD = "canary-of-a-release-8181"
const QUERIES = {
  requests: 'shop_requests_total{version="{{version}}"}',
  bad: 'shop_requests_total{version="{{version}}",code="500"} or vector(0)',
} as const

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

  const shop = (version: string, bad = 0, more: object = {}) =>
    program("counted", {}, () => {
      const here = host.local()
      release("shop", {
        version,
        stepFor: "1s",
        every: "500ms",
        warmup: 0,
        deadline: "90s",
        keep: 0,
        metrics: {
          errors: {
            source: { from: "prometheus", url: world.url, on: here, bearer: secret.env("WORD"), ...QUERIES },
            worstRate: 0.2,
            usualRate: 0.001,
          },
        },
        run: ({ slot }) => {
          const env = { PORT: String(port + slot), VERSION: version, BAD: String(bad) }
          const command = [process.execPath, "-e", SERVICE] as const
          const directory = `${folder}/web-${version}`
          const web = resource(host.process, "web", { command, directory, env, readyAfterMs: 300 }, { on: here })
          return [{ name: "web", address: "127.0.0.1", port: web.pid.map(() => port + slot) }]
        },
        checks: ([first]) => ({
          answers: { probe: http.get(text`http://127.0.0.1:${first?.port ?? 0}/health`), within: "20s" },
        }),
        ...more,
      })
    })

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

    const misspelt = {
      errors: { source: { from: "prometheus", url: world.url, ...QUERIES, requests: 'shop_x{v="{{version}}"}' } },
    }
    const blind = await runs.apply(shop("4", 0, { metrics: misspelt, deadline: "5s" }))
    expect(blind.exitCode).toBe(4)
    expect(failed(blind)).toEqual([expect.stringMatching(/^RELEASE_UNDECIDED: .*nothing is counted for 4/)])
    expect(await standing()).toEqual(["2", "4"])
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

const SERVICE = `
const bad = Number(process.env.BAD), version = process.env.VERSION
const counts = {}
let turn = 0
require("node:http").createServer((request, response) => {
  if (request.url === "/metrics")
    return response.end(Object.entries(counts).map(([code, n]) => \`shop_requests_total{version="\${version}",code="\${code}"} \${n}\\n\`).join(""))
  if (request.url === "/health") return response.end(version)
  const code = Math.floor((turn + 1) * bad) > Math.floor(turn * bad) ? 500 : 200
  turn += 1
  counts[code] = (counts[code] ?? 0) + 1
  response.writeHead(code).end(version)
}).listen(Number(process.env.PORT), "127.0.0.1")
`
