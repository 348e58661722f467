import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type HttpApiOptions, httpApi } from "../../src/connect/http.ts"
import type { HttpClient } from "../../src/connect/http-client.ts"
import type { FettleError } from "../../src/errors.ts"
import type { Connection, Read } from "../../src/provider.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import { openedSecret } from "./http-world.ts"

let far: FarSide
beforeAll(async () => {
  far = await startFarSide()
})
afterAll(() => far.close())

const idle = new AbortController().signal

/** The client as a provider gets it. */
async function clientOf(options: HttpApiOptions, hide?: (text: string) => string): Promise<HttpClient> {
  const driver = await httpApi(options).open({
    signal: idle,
    reveal: (secret) => Secret.opened(secret)?.value as never,
    log: () => {},
    ...(hide && { hide }),
  })
  let client: HttpClient | undefined
  const read = async (_keys: unknown, call: Read<unknown>) => {
    client = call.connection as HttpClient
    return new Map()
  }
  await driver.read([{ provider: { read } as never, key: { address: "a" as never } }], {
    signal: idle,
    seal: String,
    secret: openedSecret,
  })
  return client as HttpClient
}

function api(seed: string, options: Partial<HttpApiOptions> = {}): Promise<HttpClient> {
  return clientOf({ url: `${far.url}/ns/${seed}`, retry: { baseDelayMs: 5 }, ...options })
}

async function failure(promise: Promise<unknown>): Promise<FettleError> {
  return promise.then(
    (value) => {
      throw new Error(`it did not fail: ${JSON.stringify(value)}`)
    },
    (error) => error,
  )
}

test("a GET is made again after 500s and cut answers", async () => {
  const space = far.namespace("get-again")
  space.create("objects", { name: "a" })
  space.faults = { error500: 0.6, truncateList: "cut", truncateChance: 0.6 }
  const client = await api("get-again", { retry: { baseDelayMs: 5, maxDelayMs: 20, times: 20 } })
  for (let i = 0; i < 5; i++)
    expect((await client.request("GET", `/objects?limit=${10 + i}`)).json).toMatchObject({ total: 1 })
  expect(space.counters.errors + space.counters.truncated).toBeGreaterThan(2)
})

test("a POST whose reply is lost is not made again, and counts as perhaps made", async () => {
  const space = far.namespace("post-lost")
  space.faults = { dropReply: 1 }
  const error = await failure((await api("post-lost")).request("POST", "/objects", { body: { name: "a" } }))
  expect(error).toMatchObject({ code: "HTTP_FAILED", details: { notMade: false } })
  expect(space.counters).toMatchObject({ calls: 1, creates: 1 })
})

test("a POST with a key is made again after a lost reply, and makes one object", async () => {
  const space = far.namespace("post-key")
  space.faults = { dropReply: 0.7 }
  const client = await api("post-key", { retry: { baseDelayMs: 5, maxDelayMs: 20, times: 30 } })
  for (let i = 0; i < 10; i++)
    await client.request("POST", "/objects", { body: { name: `n${i}` }, idempotencyKey: `k${i}` })
  expect(space.counters).toMatchObject({ creates: 10, duplicates: 0 })
  expect(space.counters.dropped).toBeGreaterThan(3)
})

test("a key whose first call is under way is asked for again until it is made", async () => {
  const space = far.namespace("key-under-way")
  space.faults = { createDelayMs: 300 }
  const impatient = await api("key-under-way", { timeoutMs: 50, retry: { times: 0 } })
  const first = await failure(impatient.request("POST", "/objects", { body: { name: "a" }, idempotencyKey: "k" }))
  expect(first).toMatchObject({ code: "HTTP_FAILED", details: { notMade: false } })
  const again = await (
    await api("key-under-way", { retry: { baseDelayMs: 50, times: 20, jitter: "none", maxDelayMs: 50 } })
  ).request("POST", "/objects", { body: { name: "a" }, idempotencyKey: "k" })
  expect(again.status).toBe(201)
  expect(space.counters.creates).toBe(1)
})

test.each([
  [400, true],
  [401, true],
  [403, true],
  [404, true],
  [408, false],
  [409, true],
  [422, true],
  [429, true],
  [500, false],
  [502, false],
  [503, false],
])("a POST refused with %i says notMade: %s", async (status, notMade) => {
  const server = await serverOf((_, response) => response.writeHead(status).end('{"error":"no"}'))
  const client = await clientOf({ url: server.url, retry: { times: 0 } })
  const error = await failure(client.request("POST", "/objects", { body: {} }))
  expect(error.details).toMatchObject({ status, notMade, method: "POST", url: `${server.url}/objects` })
  expect(error.fact).toContain(`POST ${server.url}/objects: ${status}`)
  expect(error.fact).toContain('{"error":"no"}')
  await server.close()
})

test("where nobody listens, a write is tried again and then said not to be made", async () => {
  const server = await serverOf((_, response) => response.end("{}"))
  await server.close()
  const client = await clientOf({ url: server.url, retry: { times: 3, baseDelayMs: 5 } })
  const error = await failure(client.request("POST", "/objects", { body: {} }))
  expect(error.fact).toContain("ECONNREFUSED")
  expect(error.fact).toContain("tried 4 times")
  expect(error.details).toMatchObject({ notMade: true })
})

test("a slow answer ends at the limit of one try", async () => {
  far.namespace("slow").faults = { slowMs: 5_000 }
  const client = await api("slow", { timeoutMs: 80, retry: { times: 1, baseDelayMs: 1 } })
  const startedMs = performance.now()
  const error = await failure(client.request("POST", "/objects", { body: {} }))
  expect(error).toMatchObject({ code: "HTTP_FAILED", details: { notMade: false } })
  expect(error.fact).toContain("within 80 ms")
  expect(performance.now() - startedMs).toBeLessThan(1_000)
})

test.concurrent.each(["fixed", "sliding"] as const)(
  "an API of 120 calls a window (%s) refuses none, and at least 95 percent of the rate is used",
  async (kind) => {
    const windowMs = 2_000
    const space = far.namespace(`rate-${kind}`)
    space.faults = { rate: { calls: 120, windowMs, kind } }
    const client = await api(`rate-${kind}`, { rate: { calls: 120, per: windowMs }, concurrent: 20 })
    const startedMs = performance.now()
    await Promise.all(
      Array.from({ length: 360 }, (_, i) => client.request("POST", "/objects", { body: { name: `n${i}` } })),
    )
    const used = 360 / ((performance.now() - startedMs) / windowMs) / 120
    expect(space.counters).toMatchObject({ refused: 0, creates: 360 })
    expect(used).toBeGreaterThan(0.95)
  },
)

test("without a rate of ours, 429 is obeyed and nothing fails", async () => {
  const space = far.namespace("unrated")
  space.faults = { rate: { calls: 40, windowMs: 400, kind: "fixed" } }
  const client = await api("unrated")
  await Promise.all(
    Array.from({ length: 150 }, (_, i) => client.request("POST", "/objects", { body: { name: `n${i}` } })),
  )
  expect(space.counters).toMatchObject({ creates: 150, duplicates: 0 })
  expect(space.counters.refused).toBeGreaterThan(0)
})

test("a call that is cancelled while it waits for its turn was not made", async () => {
  const client = await api("waiting", { rate: { calls: 1, per: "1h" } })
  await client.request("GET", "/objects")
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error("stop")), 30)
  const error = await failure(client.request("POST", "/objects", { body: {}, signal: controller.signal }))
  expect(error.details).toMatchObject({ notMade: true })
  expect(far.namespace("waiting").counters.creates).toBe(0)
})

test("secrets of headers reach the far side and no error", async () => {
  const token = openedSecret("API_TOKEN", "s3cr3t-token-value")
  const server = await serverOf((request, response) =>
    response.writeHead(403).end(`you sent ${request.headers.authorization}`),
  )
  const plain = await clientOf({ url: server.url, headers: { authorization: token }, retry: { times: 0 } })
  const error = await failure(plain.request("GET", "/x?token=in-a-query"))
  const all = JSON.stringify([error.toJSON(), String(error.stack), error.details])
  expect(all).toContain("you sent [secret API_TOKEN]")
  expect(all).not.toContain("s3cr3t")
  expect(all).not.toContain("in-a-query")
  await server.close()
})

describe("an answer that echoes a secret is cut after it is hidden", () => {
  const secrets = { API_TOKEN: "kJ8vQ2xW9rT4yU7pL3mN6bV1", OTHER: "wQ5zX8cR2tY6uI9oP3aS7dF4" }
  const bearer = `Bearer ${secrets.API_TOKEN}`
  const echoes: readonly [string, (head: string) => string][] = [
    ["the token", (head) => head + secrets.API_TOKEN],
    ["the whole header", (head) => head + bearer],
    ["the token in base64", (head) => head + Buffer.from(secrets.API_TOKEN).toString("base64")],
    ["another secret of the run", (head) => head + secrets.OTHER],
  ]

  /** Pieces of 8 characters of every form that was sent: one of them is a leak. */
  function leaks(text: string): readonly string[] {
    const forms = [...Object.values(secrets), Buffer.from(secrets.API_TOKEN).toString("base64")]
    const pieces = forms.flatMap((form) => Array.from({ length: form.length - 7 }, (_, at) => form.slice(at, at + 8)))
    return pieces.filter((piece) => text.includes(piece))
  }

  async function told(handler: Handler, ask: (client: HttpClient) => Promise<unknown>): Promise<string> {
    const server = await serverOf(handler)
    const redactor = createRedactor(Object.entries(secrets).map(([name, value]) => ({ name, value })))
    const headers = { authorization: openedSecret("API_TOKEN", bearer) }
    const client = await clientOf({ url: server.url, headers, retry: { times: 0 } }, (text) =>
      redactor.redactText(text),
    )
    const error = await failure(ask(client))
    await server.close()
    return JSON.stringify([error.toJSON(), error.stack, error.details])
  }

  test.each(echoes)("%s, in a refusal", async (_, body) => {
    for (const length of [570, 583, 590]) {
      const text = await told(
        (__, response) => response.writeHead(400).end(body("x".repeat(length))),
        (client) => client.request("GET", "/"),
      )
      expect(text).toContain("xxxx")
      expect(leaks(text)).toEqual([])
    }
  })

  test.each(echoes)("%s, where a redirect leads", async (_, location) => {
    const text = await told(
      (__, response) => response.writeHead(302, { location: `https://x.test/${location("y".repeat(50))}` }).end(),
      (client) => client.request("GET", "/"),
    )
    expect(text).toContain("which is not followed")
    expect(leaks(text)).toEqual([])
  })

  test.each(echoes)("%s, where JSON was to be", async (_, body) => {
    for (const head of ["x".repeat(105), "", '{"a": '])
      expect(
        leaks(
          await told(
            (__, response) => response.end(body(head)),
            async (client) => (await client.request("GET", "/")).json,
          ),
        ),
      ).toEqual([])
  })
})

test("a POST that is answered with See Other may have been made", async () => {
  const server = await serverOf((_, response) => response.writeHead(303, { location: "/objects/7" }).end())
  const client = await clientOf({ url: server.url, retry: { times: 0 } })
  const error = await failure(client.request("POST", "/objects", { body: {} }))
  expect(error.details).toMatchObject({ status: 303, notMade: false })
  await server.close()
})

test("a header that cannot be sent is refused without its value", async () => {
  const bad = openedSecret("BAD", "line\nbreak-of-a-secret")
  const error = await failure(clientOf({ url: far.url, headers: { authorization: bad } }))
  expect(error.code).toBe("CONNECTION_FAILED")
  expect(JSON.stringify(error.toJSON())).not.toContain("break-of")
})

test("no call goes to another origin: neither by a redirect nor by a URL in an answer", async () => {
  let reached = 0
  const other = await serverOf((_, response) => {
    reached += 1
    response.end("{}")
  })
  const server = await serverOf((_, response) => response.writeHead(302, { location: `${other.url}/steal` }).end())
  const client = await clientOf({ url: server.url, headers: { authorization: openedSecret("T", "abcdefgh") } })
  expect(await failure(client.request("GET", "/a"))).toMatchObject({ details: { status: 302, notMade: true } })
  expect(await failure(client.request("GET", `${other.url}/b`))).toMatchObject({ details: { notMade: true } })
  expect(reached).toBe(0)
  await Promise.all([server.close(), other.close()])
})

test("a redirect in the same origin is followed for reads alone", async () => {
  const server = await serverOf((request, response) => {
    if (request.url === "/new") response.end('{"moved":true}')
    else response.writeHead(301, { location: "/new" }).end()
  })
  const client = await clientOf({ url: server.url })
  expect((await client.request("GET", "/old")).json).toEqual({ moved: true })
  expect(await failure(client.request("POST", "/old", { body: {} }))).toMatchObject({ details: { status: 301 } })
  await server.close()
})

test("ids too long for a number stay exact, other numbers stay numbers", async () => {
  const server = await serverOf((_, response) => response.end('{"id":12345678901234567890,"size":3,"ratio":0.5}'))
  const { json } = await (await clientOf({ url: server.url })).request("GET", "/")
  expect(json).toEqual({ id: "12345678901234567890", size: 3, ratio: 0.5 })
  await server.close()
})

test("an answer that is not JSON says what it is", async () => {
  const server = await serverOf((_, response) => response.end("<html>sign in</html>"))
  const answer = await (await clientOf({ url: server.url })).request("GET", "/")
  expect(() => answer.json).toThrow(/not JSON.*<html>sign in/s)
  await server.close()
})

test.each(["ftp://x", "https://user:pass@x", "https://x/?key=1", "not a url", "https://x/#a"])(
  "the URL %s is refused",
  (url) => {
    expect(() => httpApi({ url })).toThrow(/url is not/)
  },
)

test("the identity is the URL, or what the far side says it is", async () => {
  const plain = await httpApi({ url: `${far.url}/ns/me` }).open({
    signal: idle,
    reveal: () => "" as never,
    log: () => {},
  })
  expect(plain.identity).toBe(`${far.url}/ns/me`)
  const account: Connection = httpApi({ url: `${far.url}/ns/me`, identity: { path: "/account", field: "id" } })
  const asked = await account.open({ signal: idle, reveal: () => "" as never, log: () => {} })
  expect(asked.identity).toBe("account-me")
  expect(account).toMatchObject({ type: "http", name: `${new URL(far.url).host}/ns/me` })
  const wrong = httpApi({ url: `${far.url}/ns/me`, identity: { path: "/account", field: "nothing" } })
  expect(await failure(wrong.open({ signal: idle, reveal: () => "" as never, log: () => {} }))).toMatchObject({
    code: "CONNECTION_FAILED",
  })
})

type Handler = Parameters<typeof createServer>[1]

async function serverOf(handler: Handler): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  }
  return { url, close }
}
