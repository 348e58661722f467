import { spawn } from "node:child_process"
import { once } from "node:events"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { happens } from "../fixtures/far-side/faults.ts"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"

// The far side is what other tests trust, so it is tested too.

let far: FarSide
beforeAll(async () => {
  far = await startFarSide()
})
afterAll(() => far.close())

const file = new URL("../fixtures/far-side/server.ts", import.meta.url).pathname

async function call(seed: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${far.url}/ns/${seed}/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) }
}

test("as a process it prints its port, and ends with its parent", async () => {
  const child = spawn(process.execPath, [file, "--until-stdin-ends"], { stdio: ["pipe", "pipe", "inherit"] })
  const [line] = await once(child.stdout, "data")
  const { url } = JSON.parse(String(line)) as { url: string }
  expect((await fetch(`${url}/ns/a/account`)).status).toBe(200)
  child.stdin.end()
  expect((await once(child, "exit"))[0]).toBe(0)
})

test("namespaces know nothing of each other, and are set through the control route", async () => {
  await call("a", "POST", "objects", { name: "x" })
  expect((await call("b", "GET", "objects")).body).toMatchObject({ items: [], total: 0 })
  await call("b", "PUT", "control", { auth: "Bearer x" })
  expect((await call("b", "GET", "objects")).status).toBe(401)
  expect((await call("b", "GET", "objects", undefined, { authorization: "Bearer x" })).status).toBe(200)
  expect((await call("a", "GET", "objects", undefined, { "x-faults": '{"error500":1}' })).status).toBe(500)
  expect((await call("a", "GET", "dump")).body).toMatchObject({ counters: { creates: 1, errors: 1 }, byName: { x: 1 } })
})

describe("faults", () => {
  test("a late create takes effect though its client is gone", async () => {
    far.namespace("late").faults = { createDelayMs: 120 }
    await expect(
      fetch(`${far.url}/ns/late/objects`, { method: "POST", body: '{"name":"x"}', signal: AbortSignal.timeout(30) }),
    ).rejects.toThrow()
    expect(far.namespace("late").dump()).toMatchObject({ byName: {} })
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(far.namespace("late").dump()).toMatchObject({ byName: { x: 1 } })
  })

  test("a stale list shows what was", async () => {
    const space = far.namespace("stale-list")
    space.faults = { staleListMs: 100 }
    await call("stale-list", "POST", "objects", { name: "x" })
    expect((await call("stale-list", "GET", "objects")).body.total).toBe(0)
    await new Promise((resolve) => setTimeout(resolve, 120))
    expect((await call("stale-list", "GET", "objects")).body.total).toBe(1)
    space.collection("objects").delete("o1")
    expect((await call("stale-list", "GET", "objects")).body.total).toBe(1)
    expect((await call("stale-list", "GET", "objects/o1")).status).toBe(404)
  })

  test("the same seed and call decide the same way; chances are kept", () => {
    const decided = Array.from({ length: 2_000 }, (_, seed) => happens(0.3, String(seed), "dropReply", "POST /x"))
    expect(decided).toEqual(
      Array.from({ length: 2_000 }, (_, seed) => happens(0.3, String(seed), "dropReply", "POST /x")),
    )
    expect(decided.filter(Boolean).length).toBeGreaterThan(500)
    expect(decided.filter(Boolean).length).toBeLessThan(700)
  })

  test("a name that is made twice is counted", async () => {
    await call("twice", "POST", "objects", { name: "x" })
    await call("twice", "POST", "objects", { name: "x" })
    expect((await call("twice", "GET", "dump")).body).toMatchObject({
      counters: { creates: 2, duplicates: 1 },
      byName: { x: 2 },
    })
  })

  test.each(["fixed", "sliding"] as const)("a %s window refuses what is above its rate", async (kind) => {
    far.namespace(`window-${kind}`).faults = { rate: { calls: 5, windowMs: 60_000, kind } }
    const statuses = await Promise.all(Array.from({ length: 8 }, () => call(`window-${kind}`, "GET", "objects")))
    expect(statuses.filter(({ status }) => status === 429).length).toBe(3)
  })
})
