import { readFile } from "node:fs/promises"
import { createServer, type RequestListener } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { expect, test } from "vitest"
import { http } from "../../src/program/probes.ts"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"
import { ask, callIn, listen, newFolder, openedSecret } from "./verify-support.ts"

async function serve(answer: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(answer))}`
}

const shop = { status: "ok", count: 3, items: [{ name: "tea", "a.b": true }] }

async function shopUrl(): Promise<string> {
  return serve((_request, response) =>
    response.setHeader("X-Version", "v1.2").setHeader("content-type", "application/json").end(JSON.stringify(shop)),
  )
}

test("a 200 is yes, with the status and the latency measured", async () => {
  const answer = await ask(http.get(await shopUrl()))
  expect(answer).toMatchObject({ verdict: "yes", attempts: 1, measured: { status: 200 } })
  expect(answer.evidence).toMatch(/^status 200 in \d+ ms$/)
})

test.each([
  ["a status", { status: 204 }, "status is 200, expected 204"],
  ["a range", { status: { min: 400, max: 499 } }, "status is 200, expected 400 to 499"],
  ["a header", { headers: { "x-version": "v2" } }, 'header x-version is "v1.2", expected "v2"'],
  [
    "a header that is not there",
    { headers: { "X-Other": { exists: true } } },
    "header x-other is missing, expected to be there",
  ],
  ["a path", { json: { "items.0.name": "coffee" } }, 'items.0.name is "tea", expected "coffee"'],
  ["a number", { json: { count: { min: 4 } } }, "count is 3, expected at least 4"],
  ["text", { body: { contains: "milk" } }, 'expected to contain "milk"'],
  ["a pattern", { body: /"status":"down"/ }, 'expected to match /"status":"down"/'],
])("%s that is not as expected is no", async (_what, expected, evidence) => {
  const answer = await ask(http.get(await shopUrl(), expected))
  expect(answer.verdict).toBe("no")
  expect(answer.evidence).toContain(evidence)
})

test("a pattern that never ends is ended by the limit, and says nothing of the target; meanwhile this thread is free", async () => {
  const url = await serve((_request, response) => response.end(`${"a".repeat(40)}!`))
  let ticks = 0
  const ticking = setInterval(() => (ticks += 1), 50)
  const answer = await ask(http.get(url, { body: { matches: /^(a+)+$/ } }, { timeoutMs: 1_500 }))
  clearInterval(ticking)
  expect(answer).toMatchObject({
    verdict: "inconclusive",
    evidence: "no answer within 1500 ms (matching body against a pattern)",
  })
  expect(ticks).toBeGreaterThan(5)
})

test("JSON after a byte order mark is JSON", async () => {
  const url = await serve((_request, response) => response.end(`\uFEFF${JSON.stringify(shop)}`))
  expect(await ask(http.get(url, { json: { status: "ok" } }))).toMatchObject({ verdict: "yes" })
})

test("the latency is that of the server: not of our own work, of which there is much with many checks", async () => {
  const url = await shopUrl()
  const crowd = await Promise.all(Array.from({ length: 150 }, () => ask(http.get(url, { maxLatencyMs: 60 }))))
  expect(crowd.filter(({ verdict }) => verdict === "no")).toEqual([])
  const slow = await serve((_request, response) => setTimeout(() => response.end(), 400))
  expect(await ask(http.get(slow, { maxLatencyMs: 60 }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringMatching(/^it took \d+ ms, expected at most 60$/),
  })
})

test("everything as expected is yes", async () => {
  const json = {
    status: "ok",
    "items.0.name": /^t/,
    "items.0.a\\.b": true,
    "items.length": 1,
    items: { equals: shop.items },
    gone: { exists: false },
    count: { min: 1, max: 5 },
  }
  const answer = await ask(
    http.get(await shopUrl(), {
      status: 200,
      headers: { "X-Version": /^v1/ },
      json,
      body: { contains: "tea" },
      maxLatencyMs: 5_000,
    }),
  )
  expect(answer).toMatchObject({ verdict: "yes" })
})

test("a secret header arrives, and is kept out of the evidence when the server sends it back", async () => {
  const url = await serve((request, response) =>
    response.writeHead(500).end(`{"you sent":"${request.headers.authorization}"}`),
  )
  const token = openedSecret("TOKEN", "Bearer s3cret-token-value")
  const answer = await ask(http.get(url, { json: { "you sent": "nothing" } }, { headers: { authorization: token } }))
  expect(answer.evidence).toContain("[secret TOKEN]")
  expect(JSON.stringify(answer)).not.toContain("s3cret-token-value")
})

test("nobody listening is no, and says refused", async () => {
  const answer = await ask(http.get(`http://127.0.0.1:${await freePort()}/`))
  expect(answer).toMatchObject({ verdict: "no" })
  expect(answer.evidence).toContain("refused")
})

test("a host that does not exist is no", async () => {
  const answer = await ask(http.get("http://nothing.invalid/"))
  expect(answer.evidence).toMatch(/no such host|EAI_AGAIN/)
})

test.each(["ftp://127.0.0.1/", "not a url"])("%s is a wrong question: inconclusive, and asked once", async (url) => {
  const answer = await ask(http.get(url))
  expect(answer.verdict).toBe("inconclusive")
})

test("a wrong setting in raw data is inconclusive at once, also within a long time", async () => {
  const answer = await ask({ probe: "http", url: "http://127.0.0.1/", statsu: 200 }, { within: "30s" })
  expect(answer).toMatchObject({ verdict: "inconclusive", attempts: 1 })
  expect(answer.evidence).toMatch(/wrong settings of the http probe.*statsu/)
})

test("a redirect is an answer unless it may be followed, and other origins do not see our headers", async () => {
  const seen: (string | undefined)[] = []
  const other = await serve((request, response) => {
    seen.push(request.headers.authorization)
    response.end("here")
  })
  const first = await serve((_request, response) =>
    response.writeHead(302, { location: `${other}/next?token=x` }).end(),
  )
  const plain = await ask(http.get(first))
  expect(plain).toMatchObject({ verdict: "no" })
  expect(plain.evidence).toBe(`status is 302, expected 200 to 299; it redirects to ${other}/next`)
  const followed = await ask(http.get(first, { body: "here" }, { redirects: 3, headers: { authorization: "Basic x" } }))
  expect(followed.verdict).toBe("yes")
  expect(seen).toEqual([undefined])
})

test("a post sends JSON and reads the answer", async () => {
  const url = await serve(async (request, response) => {
    let body = ""
    for await (const chunk of request) body += chunk
    response
      .writeHead(201)
      .end(JSON.stringify({ method: request.method, type: request.headers["content-type"], got: JSON.parse(body) }))
  })
  const answer = await ask(
    http.post(
      url,
      { item: "tea" },
      { status: 201, json: { method: "POST", type: "application/json", "got.item": "tea" } },
    ),
  )
  expect(answer).toMatchObject({ verdict: "yes" })
})

test("a head needs no body", async () => {
  const answer = await ask(http.head(await shopUrl(), { headers: { "content-type": { contains: "json" } } }))
  expect(answer.verdict).toBe("yes")
})

test("a server that accepts and never answers is no when the time is over", async () => {
  const url = await serve(() => {})
  const answer = await ask(http.get(url, {}, { timeoutMs: 150 }))
  expect(answer).toMatchObject({ verdict: "no", evidence: "no answer within 150 ms (the request was sent)" })
})

test("a body that drips for ever ends with the time, and the evidence says where", async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write("x"), 10)
    response.on("close", () => clearInterval(timer))
  })
  const answer = await ask(http.get(url, { body: { contains: "end" } }, { timeoutMs: 200 }))
  expect(answer).toMatchObject({
    verdict: "no",
    evidence: "no answer within 200 ms (status 200, and a body that does not end)",
  })
})

test("a huge body is not kept: its beginning decides, or nothing does", async () => {
  let sent = 0
  const url = await serve((_request, response) => {
    response.write("ready\n")
    const more = (): void => {
      while (!response.destroyed && sent < 500_000_000 && response.write(Buffer.alloc(65_536, "x"))) sent += 65_536
    }
    response.on("drain", more)
    more()
  })
  expect(await ask(http.get(url, { body: { contains: "ready" } }))).toMatchObject({ verdict: "yes" })
  const unclear = await ask(http.get(url, { body: { contains: "done" } }))
  expect(unclear.verdict).toBe("inconclusive")
  expect(sent).toBeLessThan(50_000_000)
})

test("an answer that is not HTTP is no", async () => {
  const { createServer: createTcpServer } = await import("node:net")
  const port = await listen(createTcpServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n")))
  expect(await ask(http.get(`http://127.0.0.1:${port}/`))).toMatchObject({ verdict: "no" })
})

test("cancelling ends a question at once", async () => {
  const url = await serve(() => {})
  const cancel = new AbortController()
  setTimeout(() => cancel.abort(), 50)
  const begun = performance.now()
  await expect(ask(http.get(url), { signal: cancel.signal, within: "1m" })).rejects.toMatchObject({ code: "CANCELLED" })
  expect(performance.now() - begun).toBeLessThan(1_000)
})

test("a check that is asked again until yes counts its questions", async () => {
  let calls = 0
  const url = await serve((_request, response) => response.writeHead(++calls < 4 ? 503 : 200).end())
  expect(await ask(http.get(url), { within: "10s", every: 10 })).toMatchObject({ verdict: "yes", attempts: 4 })
})

test("a check that must hold begins anew when it breaks", async () => {
  let calls = 0
  const url = await serve((_request, response) => response.writeHead(++calls === 3 ? 500 : 200).end())
  const answer = await ask(http.get(url), { within: "10s", for: 200, every: 50 })
  expect(answer.verdict).toBe("yes")
  expect(answer.attempts).toBeGreaterThan(5)
  expect(answer.evidence).toMatch(/so for \d+ ms, asked \d+ times/)
})

test("a thousand checks wait at once on one thread", async () => {
  const url = await serve((_request, response) => setTimeout(() => response.end(), 200))
  const begun = performance.now()
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(http.get(url))))
  expect(answers.filter(({ verdict }) => verdict === "yes")).toHaveLength(1_000)
  expect(performance.now() - begun).toBeLessThan(15_000) // one after another: 200 s
})

const openssl = need("openssl", { install: "apt-get install openssl" })

test.skipIf(!openssl)("certificates: days left, not trusted, trusted by ca", async () => {
  const folder = await newFolder()
  const { run, baseEnv } = callIn(folder).connection
  const words =
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 3 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
  await run(words.split(" "), { cwd: folder, env: baseEnv })
  const [key, cert] = await Promise.all([readFile(join(folder, "key.pem")), readFile(join(folder, "cert.pem"), "utf8")])
  const url = `https://127.0.0.1:${await listen(createTlsServer({ key, cert }, (_request, response) => response.end("ok")))}/`
  const untrusted = await ask(http.get(url))
  expect(untrusted).toMatchObject({ verdict: "no" })
  expect(untrusted.evidence).toContain("signed by itself")
  expect(await ask(http.get(url, { minCertificateDays: 2 }, { ca: cert }))).toMatchObject({
    verdict: "yes",
    measured: { certificateDays: 2 },
  })
  const soon = await ask(http.get(url, { minCertificateDays: 14 }, { ca: cert }))
  expect(soon).toMatchObject({
    verdict: "no",
    evidence: "its certificate is valid for 2 more days, expected at least 14",
  })
  expect((await ask(http.get(url.replace("https", "http")))).verdict).toBe("no")
})
