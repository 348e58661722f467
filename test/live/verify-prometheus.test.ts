import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { dirname } from "node:path"
import { check, program, prometheus, secret } from "fettle"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Probe } from "../../src/program/check.ts"
import { resolve } from "../../src/program/output.ts"
import type { Before } from "../../src/verify/answer.ts"
import { askCheck, checkProvider } from "../../src/verify/check.ts"
import { type Certificates, makeCertificates } from "../support/certificates.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost } from "../support/ssh-host.ts"
import { canStartPrometheus, PrometheusWorld } from "./prometheus-world.ts"
import { ask, callIn, listen } from "./verify-support.ts"

const WORD = "canary-of-prometheus-7171"

describe.skipIf(!canStartPrometheus())("what a Prometheus server has measured", () => {
  let world: PrometheusWorld
  let url: string
  beforeAll(async () => {
    world = await PrometheusWorld.start()
    url = world.url
    world.metrics = `memory{app="a"} 100\nmemory{app="b"} 300\nnone NaN`
    await world.until("memory", ["100", "300"])
  }, 90_000)
  afterAll(() => world?.stop())

  test.each([
    ["each series under a limit", { max: 300 }, "yes", /2 series are as expected, from 100 to 300/],
    ["one over it", { max: 299 }, "no", /^memory\{app="b",.*\} is 300, expected at most 299$/],
    ["one under the least", { min: 101 }, "no", /app="a".* is 100, expected at least 101/],
    ["another value", { equals: 100 }, "no", /app="b".* is 300, expected 100/],
    ["the sum", { of: "sum", max: 400 }, "yes", /the sum of all series is 400/],
    ["the average", { of: "average", equals: 200 }, "yes", /is 200/],
    ["the largest", { of: "largest", max: 299 }, "no", /the largest of all series is 300, expected at most 299/],
    ["the smallest", { of: "smallest", min: 100 }, "yes", /is 100/],
  ] as const)("%s", async (_what, more, verdict, evidence) => {
    const answer = await ask(prometheus.query({ url, query: "memory", ...more }))
    expect(answer).toMatchObject({ verdict })
    expect(answer.evidence).toMatch(evidence)
  })

  test.each([
    ["no series", "memory{app='c'}", /^no series answers to the query now, and none is known from the last hour$/],
    ["NaN", "none", /none\{.*\} is NaN: it was made of nothing/],
    ["NaN among numbers", "memory or none", /is NaN/],
    ["an infinite value that would be enough", "memory / 0", /is Infinity, which nothing can be told from/],
    ["a range of time", "memory[1m]", /the query gives a matrix, not numbers of one moment/],
    ["a text", '"x"', /the query gives a string/],
    ["a query that is none", "memory{", /answered with status 400: .*parse error/],
    ["what the server cannot work out", "memory + on() memory", /answered with status 422: .*duplicate series/],
  ])("%s is inconclusive", async (_what, query, evidence) => {
    const answer = await ask(prometheus.query({ url, query, min: 0 }))
    expect(answer).toMatchObject({ verdict: "inconclusive" })
    expect(answer.evidence).toMatch(evidence)
  })

  test("an infinite value that is too much is no; a scalar is a number", async () => {
    expect(await ask(prometheus.query({ url, query: "memory / 0", max: 5 }))).toMatchObject({ verdict: "no" })
    expect(await ask(prometheus.query({ url, query: "scalar(sum(memory))", max: 400 }))).toMatchObject({
      verdict: "yes",
      measured: { value: 400 },
    })
  })

  test("against the time before: a ratio to what the same query gave then", async () => {
    const changed = Math.round(Date.now() / 1_000) - 1_800 // half an hour ago, as a function of the time alone
    const since = `(vector(time()) > bool ${changed})`
    const size = `label_replace(100 + 60 * ${since}, "of", "x", "", "")`
    const another = `label_replace(${since} == 1, "of", "y", "", "")`
    const asked = (query: string, more: object) => ask(prometheus.query({ url, query, against: "1h before", ...more }))
    expect(await asked("vector(5)", { atMostTimes: 1, atLeastTimes: 1 })).toMatchObject({ verdict: "yes" })
    expect(await asked("vector(0)", { atMostTimes: 1 })).toMatchObject({ verdict: "yes" })
    expect(await asked(size, { atMostTimes: 1.6 })).toMatchObject({ verdict: "yes" })
    const grown = await asked(`${size} or ${another}`, { atMostTimes: 1.6, of: "sum" })
    expect(grown).toMatchObject({ verdict: "no" })
    expect(grown.evidence).toMatch(/is 161, 1.61 times the 100 1h before, expected at most 1.6 times/)
    const shrunk = await asked(`1 - 0.5 * ${since}`, { atLeastTimes: 0.6 })
    expect(shrunk.evidence).toMatch(/is 0.5, 0.5 times the 1 1h before, expected at least 0.6 times/)
    const come = await asked(`${size} or ${another}`, { atMostTimes: 2 })
    expect(come).toMatchObject({ verdict: "inconclusive", evidence: '{of="y"} was not there 1h before' })
    const fromNothing = await asked(since, { atMostTimes: 2 })
    expect(fromNothing.evidence).toMatch(/was 0 1h before and is 1: give max, too/)
    expect(await asked(since, { atMostTimes: 2, max: 0 })).toMatchObject({ verdict: "no" })
    const none = await asked("memory", { atMostTimes: 2 })
    expect(none.evidence).toBe("no series answered to the query 1h before that")
  })

  test("inside of a release the time before is that of its start", async () => {
    const startedMs = Date.now() - 600_000
    const since = `(vector(time()) > bool ${Math.round(startedMs / 1_000) + 60})`
    const asked = (probe: Probe, before?: Before) => {
      const want = checkProvider.props.parse({ probe: resolve(probe, () => undefined) })
      return askCheck(want, callIn(tmpdir()), before)
    }
    const at = { startedMs, isNow: false }
    const probe = prometheus.query({ url, query: `1 + ${since}`, against: "before the release", atMostTimes: 1.5 })
    expect(await asked(probe, at)).toMatchObject({
      verdict: "no",
      evidence: "it is 2, 2 times the 1 before the release, expected at most 1.5 times",
    })
    expect(await asked(probe, { ...at, startedMs: startedMs + 300_000 })).toMatchObject({ verdict: "yes" })
    const earlier = prometheus.query({ url, query: `1 + ${since}`, against: "5m before", atMostTimes: 1.5 })
    expect(await asked(earlier, { ...at, startedMs: startedMs + 300_000 })).toMatchObject({ verdict: "no" })
    expect(await asked(earlier)).toMatchObject({ verdict: "yes" }) // five minutes ago it was as it is
    expect(await asked(probe)).toMatchObject({ verdict: "inconclusive" })
  })

  test("what is scraped no more is stale, and that is said", async () => {
    await world.until("count(last_over_time((memory)[10m:5s]))", ["2"]) // the past is looked at every 5 s
    world.answers = false
    await world.until("up", ["0"])
    const answer = await ask(prometheus.query({ url, query: "memory", max: 1e9 }))
    world.answers = true
    expect(answer).toMatchObject({ verdict: "inconclusive" })
    expect(answer.evidence).toMatch(/no series answers to the query now: the last ones are stale/)
  })

  test("a path before the API, a closed port, a page that is no Prometheus, a flood and a warning", async () => {
    expect(await ask(prometheus.query({ url: `${url}/`, query: "1", max: 1 }))).toMatchObject({ verdict: "yes" })
    const closed = await ask(prometheus.query({ url: "http://127.0.0.1:1", query: "1", max: 1 }))
    expect(closed).toMatchObject({ verdict: "inconclusive" })
    expect(closed.evidence).toMatch(/^Prometheus at 127.0.0.1:1 could not be asked: .*ECONNREFUSED/)
    const answers = {
      "/page": "<html>hello</html>",
      "/warns":
        '{"status":"success","warnings":["half of it is missing"],"data":{"resultType":"scalar","result":[1,"1"]}}',
      "/long": `{"status":"success","x":"${"y".repeat(5_000_000)}"}`,
      "/silent": undefined,
    }
    const port = await listen(
      createServer((request, response) => {
        const path = (request.url ?? "").replace("/api/v1/query", "") as keyof typeof answers
        if (answers[path] !== undefined) response.end(answers[path])
      }),
    )
    const at = (path: string) =>
      ask(prometheus.query({ url: `http://127.0.0.1:${port}${path}`, query: "1", max: 1, timeoutMs: 2_000 }))
    expect(await at("/page")).toMatchObject({ verdict: "inconclusive", evidence: expect.stringMatching(/status 200/) })
    expect(await at("/warns")).toMatchObject({ evidence: expect.stringMatching(/warns: half of it is missing/) })
    expect(await at("/long")).toMatchObject({ evidence: expect.stringMatching(/longer than 4 MiB/) })
    expect(await at("/silent")).toMatchObject({
      verdict: "inconclusive",
      evidence: expect.stringMatching(/no answer within 2000 ms/),
    })
  })

  test("credentials are secrets, and stand in nothing that is told", async () => {
    const folder = testFolder()
    const seen: string[] = []
    const port = await listen(
      createServer((request, response) => {
        seen.push(request.headers.authorization ?? "")
        response.writeHead(401).end(JSON.stringify({ status: "error", error: `no ${request.headers.authorization}` }))
      }),
    )
    const server = { url: `http://127.0.0.1:${port}`, query: "1", max: 1 }
    const result = await runsIn(folder, { env: { WORD } }).apply(
      program("asked", {}, () => {
        check("bearer", prometheus.query({ ...server, bearer: secret.env("WORD") }))
        check("basic", prometheus.query({ ...server, user: "me", password: secret.env("WORD") }))
      }),
    )
    const basic = Buffer.from(`me:${WORD}`).toString("base64")
    expect(seen.sort()).toEqual([`Basic ${basic}`, `Bearer ${WORD}`])
    expect(result.exitCode).toBe(4)
    const told = JSON.stringify(result.events)
    expect(told).toContain("answered with status 401")
    expect(told).not.toContain(WORD)
    expect(told).not.toContain(basic)
    const bare = () => prometheus.query({ ...server, bearer: "x" as never })
    expect(bare).toThrow(/credentials of a Prometheus server stand in the program/)
  })

  test.skipIf(!canStartHosts())("from a host, over TLS, with a user and a password", { timeout: 90_000 }, async () => {
    const web = await SshHost.start("web1")
    let certificates: Certificates | undefined
    const closed = await PrometheusWorld.start({
      scheme: "https",
      args: (at) => [`--web.config.file=${at("web.yml")}`],
      prepare: (at) => {
        certificates = makeCertificates(dirname(at("web.yml")))
        const { certFile, keyFile } = certificates
        // The hash is of the word in the test below, from the documentation of Prometheus.
        const users = "basic_auth_users: {admin: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay}"
        writeFileSync(at("web.yml"), `tls_server_config: {cert_file: ${certFile}, key_file: ${keyFile}}\n${users}\n`)
      },
    })
    try {
      const on = host.ssh("web1", { config: web.config })
      const server = { url: closed.url.replace("http:", "https:"), query: "1", max: 1 }
      const asked = async (more: object) => {
        const probe = prometheus.query({ ...server, ...more })
        const run = await runsIn(testFolder(), { env: { WORD: "test" } }).apply(
          program("asked", {}, () => check("it", probe, { on, within: "20s" })),
        )
        return { verdict: run.applied?.outcomes[0]?.verdict, told: JSON.stringify(run.events) }
      }
      const password = secret.env("WORD", { weak: true })
      const { ca = "" } = certificates ?? {}
      expect(await asked({ user: "admin", password, ca })).toMatchObject({ verdict: "yes" })
      const nobody = await asked({ ca })
      expect(nobody.told).toMatch(/status 401/)
      const untrusted = await asked({ user: "admin", password, timeoutMs: 5_000 })
      expect(untrusted.told).toMatch(/could not be asked/)
      const gone = await asked({ url: "http://127.0.0.1:1" })
      expect(gone.told).toMatch(/web1 cannot connect to 127.0.0.1:1/)
    } finally {
      await closed.stop()
      await web.stop()
    }
  })

  test("what makes no sense is refused where it stands", () => {
    const server = { url, query: "1" }
    expect(() => prometheus.query(server)).toThrow(/nothing is expected of it/)
    expect(() => prometheus.query({ ...server, max: 1, against: "1h before" })).toThrow(/stands together/)
    expect(() => prometheus.query({ ...server, atMostTimes: 1, against: "yesterday" as never })).toThrow(/1h before/)
  })

  test("a release is what the time before it is of", async () => {
    const probe = prometheus.query({ url, query: "1", against: "before the release", atMostTimes: 1 })
    const result = await runsIn(testFolder()).apply(program("asked", {}, () => check("it", probe)))
    expect(result.error?.fact).toMatch(/only a check of a release can be asked against the time before it/)
  })
})
