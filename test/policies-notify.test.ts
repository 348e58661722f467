import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, describe, expect, it, vi } from "vitest"
import {
  type NotifyOptions,
  type NotifyResult,
  type NotifyRun,
  notified,
  notify,
  sendNotification,
} from "../src/policies/notify.ts"
import { callWith } from "../src/policies/policy.ts"
import { retry } from "../src/policies/retry.ts"

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
  vi.useRealTimers()
})

/** A webhook that answers with these statuses in turn, the last one for ever; 0 never answers. */
async function webhook(...statuses: number[]) {
  const heard: { method: string | undefined; type: string | undefined; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    const status = statuses[Math.min(heard.length, statuses.length - 1)] ?? 200
    heard.push({ method: request.method, type: request.headers["content-type"], body: await bodyOf(request) })
    if (status > 0) response.writeHead(status).end("noted")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  ends.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/T0PS3CRET`, heard }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ""
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

const failure = { outcome: "failure", run: "r42", nodes: ["web/host.file[config]"] } as const
const success = { outcome: "success" } as const

describe("notify", () => {
  it("is plain data with defaults", () => {
    const rule = notify({ webhook: "https://example.com/hook" })
    const plain = { name: "notify", on: "failure", timeoutMs: 10_000, times: 3, webhook: "https://example.com/hook" }
    expect(JSON.parse(JSON.stringify(rule))).toEqual(plain)
    expect(notify({ command: ["pager", "-u"], on: "always" })).toMatchObject({ command: ["pager", "-u"], on: "always" })
  })

  it.each([
    {},
    { webhook: "https://example.com", command: ["pager"] },
    { command: [] },
    { webhook: "ftp://example.com" },
    { webhook: "example.com" },
  ])("refuses %j", (options) => {
    expect(() => notify(options as NotifyOptions)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
  })
})

describe("sendNotification", () => {
  it("posts the payload as JSON and tells the sink", async () => {
    const { url, heard } = await webhook(200)
    const results: NotifyResult[] = []
    const deps = { fetch, sink: (result: NotifyResult) => results.push(result) }
    const result = await sendNotification(notify({ webhook: url }), failure, deps)
    expect(result).toEqual({ name: "notify", outcome: "sent" })
    expect(results).toEqual([result])
    expect(heard).toEqual([{ method: "POST", type: "application/json", body: failure }])
  })

  it.each([
    ["failure", failure, "sent"],
    ["failure", success, "not due"],
    ["success", failure, "not due"],
    ["success", success, "sent"],
    ["always", failure, "sent"],
    ["always", success, "sent"],
  ] as const)("on %s of %j: %s", async (on, payload, outcome) => {
    const { url, heard } = await webhook(204)
    expect(await sendNotification(notify({ webhook: url, on }), payload, { fetch })).toMatchObject({ outcome })
    expect(heard).toHaveLength(outcome === "sent" ? 1 : 0)
  })

  it("tries again, and gives up without rejecting or naming the secret address", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true, advanceTimeDelta: 100 })
    const flaky = await webhook(503, 500, 200)
    const failing = await webhook(503)
    const refusing = await webhook(404)
    const send = (url: string) => sendNotification(notify({ webhook: url, times: 2 }), failure, { fetch })
    const sent = Promise.all([
      send(flaky.url),
      send(failing.url),
      send(refusing.url),
      send("http://127.0.0.1:1/T0PS3CRET"),
    ])
    const pushed = setInterval(() => vi.advanceTimersByTime(200), 20)
    const results = await sent
    clearInterval(pushed)
    expect(results).toEqual([
      { name: "notify", outcome: "sent" },
      { name: "notify", outcome: "failed", errorCode: "POLICY_RETRIES_SPENT", because: "status 503" },
      { name: "notify", outcome: "failed", errorCode: "Error", because: "status 404" },
      { name: "notify", outcome: "failed", errorCode: "POLICY_RETRIES_SPENT", because: expect.any(String) },
    ])
    expect([flaky, failing, refusing].map(({ heard }) => heard.length)).toEqual([3, 3, 1])
    expect(JSON.stringify(results)).not.toContain("T0PS3CRET")
  })

  it("gives up on a webhook that never answers", async () => {
    const { url } = await webhook(0)
    const result = await sendNotification(notify({ webhook: url, timeoutMs: 50, times: 0 }), failure, { fetch })
    expect(result).toMatchObject({ outcome: "failed", because: "POLICY_TIMEOUT" })
  })

  it("gives a command the payload on its input", async () => {
    const calls: unknown[] = []
    const run: NotifyRun = async (command, { input, timeoutMs, signal }) => {
      calls.push([command, JSON.parse(input), timeoutMs, signal.aborted])
      return { exitCode: 0 }
    }
    const rule = notify({ command: ["pager", "--urgent"], timeoutMs: 5_000 })
    expect(await sendNotification(rule, failure, { run })).toMatchObject({ outcome: "sent" })
    expect(calls).toEqual([[["pager", "--urgent"], failure, 5_000, false]])
    const failed = await sendNotification(notify({ command: ["pager"], times: 0 }), failure, {
      run: async () => ({ exitCode: 3 }),
    })
    expect(failed).toMatchObject({ outcome: "failed", because: "exit code 3" })
  })

  it("opens a sealed webhook only to send", async () => {
    const { url, heard } = await webhook(200)
    const sealed = { toJSON: () => "[secret HOOK]" }
    const rule = notify({ webhook: sealed })
    expect(JSON.stringify(rule)).toContain("[secret HOOK]")
    expect(await sendNotification(rule, failure, { fetch, reveal: () => url })).toMatchObject({ outcome: "sent" })
    expect(heard).toHaveLength(1)
  })

  it("says at once what it was not given", async () => {
    const [hook, pager] = [notify({ webhook: "https://example.com" }), notify({ command: ["pager"] })]
    expect(await sendNotification(hook, failure, {})).toMatchObject({
      because: "a webhook needs fetch, and none was given",
    })
    expect(await sendNotification(pager, failure, {})).toMatchObject({
      because: "a command needs run, and none was given",
    })
  })

  it("tells of a cancelled run, although its signal is aborted", async () => {
    const { url, heard } = await webhook(200)
    const stop = new AbortController()
    const cancelled = callWith(
      [],
      () => {
        stop.abort()
        return sendNotification(notify({ webhook: url }), failure, { fetch })
      },
      { signal: stop.signal },
    )
    expect(await cancelled).toMatchObject({ outcome: "sent" })
    expect(heard).toHaveLength(1)
  })
})

describe("notified", () => {
  it("keeps result and error, tells once of all tries, and no message", async () => {
    const { url, heard } = await webhook(200)
    const policies = [notified(notify({ webhook: url, on: "always" }), { fetch }), retry({ times: 1, baseDelayMs: 1 })]
    const error = new Error("password=hunter2")
    expect(await callWith(policies, async () => 7, { name: "import" })).toBe(7)
    await expect(callWith(policies, () => Promise.reject(error), { name: "import" })).rejects.toMatchObject({
      cause: error,
    })
    expect(heard.map(({ body }) => body)).toEqual([
      { outcome: "success", name: "import" },
      { outcome: "failure", name: "import", errorCode: "POLICY_RETRIES_SPENT" },
    ])
  })

  it("changes nothing when telling fails", async () => {
    const results: NotifyResult[] = []
    const sink = (result: NotifyResult): never => {
      results.push(result)
      throw new Error("sink")
    }
    const broken = () => Promise.reject(new Error("no network"))
    const policy = notified(notify({ webhook: "https://example.com", on: "always", times: 0 }), { fetch: broken, sink })
    expect(await callWith([policy], async () => 7)).toBe(7)
    await expect(callWith([policy], () => Promise.reject(new Error("own")))).rejects.toThrow("own")
    expect(results.map(({ outcome }) => outcome)).toEqual(["failed", "failed"])
  })
})
