import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { notify, type Program, program, resource, secret } from "fettle"
import { provider } from "fettle/provider"
import { expect, onTestFinished, test } from "vitest"
import { outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

// ── stages and parameters ───────────────────────────────────────────────────────────────────────────────────────────

function staged(folder: string): Program {
  return program(
    "staged",
    { port: 8080, name: "x", debug: false },
    ({ port, name, debug }) => void resource(thing, "a", { folder, name, value: `${typeof port} ${port} ${debug}` }),
    { stages: { prod: { port: 80, name: "p" }, test: {} } },
  )
}

test("each stage has its own parameters and its own state", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  for (const [stage, value] of [
    [undefined, "number 8080 false"],
    ["prod", "number 80 false"],
  ] as const) {
    expect((await runsIn(folder, { stage }).apply(staged(far.folder))).outcome).toBe("done")
    expect(far.get(stage === undefined ? "x" : "p")?.value).toBe(value)
  }
  expect(existsSync(join(folder, ".fettle", "staged.prod.db"))).toBe(true)
  expect((await runsIn(folder, { stage: "prod" }).apply(staged(far.folder), { destroy: true })).outcome).toBe("done")
  expect(far.names()).toEqual(["x"])
})

test("given parameters win and take the type of their default; what does not fit is refused", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const params = { port: "9090", debug: "true" }
  await runsIn(folder, { stage: "prod", params }).apply(staged(far.folder))
  expect(far.get("p")?.value).toBe("number 9090 true")
  for (const wrong of [{ port: "many" }, { port: "" }, { debug: "yes" }, { nothing: 1 }])
    expect((await runsIn(folder, { params: wrong as never }).plan(staged(far.folder))).error?.code).toBe(
      "PARAM_INVALID",
    )
  const unknown = await runsIn(folder, { stage: "moon" }).plan(staged(far.folder))
  expect(unknown.error).toMatchObject({ code: "STAGE_UNKNOWN", fact: expect.stringContaining("dev, prod, test") })
})

// ── who is told ─────────────────────────────────────────────────────────────────────────────────────────────────────

async function listening(): Promise<{ url: string; told: Record<string, unknown>[] }> {
  const told: Record<string, unknown>[] = []
  const server = createServer(async (request, response) => {
    let body = ""
    for await (const chunk of request) body += chunk
    told.push(JSON.parse(body))
    response.end()
  })
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, told }
}

test("a webhook, also a secret one, and a command are told of a failure, and of nothing else", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { url, told } = await listening()
  const { apply } = runsIn(folder, { env: { HOOK: url } })
  const tell = [
    notify({ webhook: secret.env("HOOK") }),
    notify({ webhook: url, on: "success" }),
    notify({ command: ["sh", "-c", `cat > '${folder}/told.json'`] }),
  ]
  const built = (fails?: string): Program =>
    program(
      "tells",
      {},
      () => void resource(thing, "a", { folder: far.folder, name: "a", ...(fails ? { fails } : {}) }),
      { notify: tell },
    )
  await apply(built("no room"))
  expect(told).toMatchObject([
    {
      outcome: "failure",
      program: "tells",
      stage: "dev",
      result: "failed",
      exitCode: 1,
      errors: [
        {
          code: "PROVIDER_THREW",
          fact: "no room",
          address: "test.thing[a]",
          place: expect.stringContaining("options.test.ts:"),
        },
      ],
    },
  ])
  expect(JSON.parse(readFileSync(join(folder, "told.json"), "utf8"))).toEqual(told[0])
  await apply(built())
  expect(told.slice(1)).toMatchObject([{ outcome: "success", errors: [] }])
})

test("that nobody could be told is a warning and changes nothing", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  const tell = [
    notify({ webhook: secret.env("NOT_THERE"), on: "always" }),
    notify({ webhook: "http://127.0.0.1:1/", on: "always", times: 0 }),
    notify({ command: ["false"], on: "always", times: 0 }),
  ]
  const applied = await apply(
    program("tells", {}, () => void resource(thing, "a", { folder: join(folder, "far"), name: "a" }), { notify: tell }),
  )
  expect(applied).toMatchObject({ outcome: "done", exitCode: 0, error: undefined })
  expect(applied.events.filter((event) => event.type === "note" && event.level === "warning")).toHaveLength(3)
})

// ── how many at once, and the end before the end ────────────────────────────────────────────────────────────────────

/** A kind that counts how many of its changes are under way. */
function counting(each: () => Promise<void>) {
  const count = { now: 0, most: 0, made: 0 }
  const kind = provider({
    ...thing,
    ensure: async (want, seen, change, call) => {
      count.now += 1
      count.most = Math.max(count.most, count.now)
      await each()
      count.now -= 1
      count.made += 1
      return thing.ensure(want, seen, change, call)
    },
  } as typeof thing)
  return { kind, count }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function many(kind: typeof thing, folder: string, count: number): Program {
  return program("many", {}, () => {
    for (let at = 0; at < count; at += 1) resource(kind, `n${at}`, { folder, name: `n${at}` })
  })
}

test.each([1, 3, undefined])("no more than --parallel changes are under way (%s)", async (parallel) => {
  const folder = testFolder()
  const { kind, count } = counting(() => pause(20))
  expect((await runsIn(folder, { parallel }).apply(many(kind, join(folder, "far"), 12))).outcome).toBe("done")
  expect(count).toEqual({ now: 0, most: parallel ?? 12, made: 12 })
})

test("after one Ctrl-C calls in flight finish and are recorded, and nothing new begins", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const stop = new AbortController()
  const { kind, count } = counting(async () => {
    setTimeout(() => stop.abort(), 50)
    await pause(200)
  })
  const stopped = await runsIn(folder, { parallel: 2, stopping: stop.signal }).apply(many(kind, far.folder, 10))
  expect(stopped).toMatchObject({ outcome: "cancelled", exitCode: 130, error: { code: "CANCELLED" } })
  expect(count.made).toBe(2)
  expect(outcomesOf(stopped)).toEqual(["done create test.thing[n0]", "done create test.thing[n1]"])
  const { apply } = runsIn(folder)
  const again = await apply(many(thing, far.folder, 10))
  expect(again.plan?.changes).toHaveLength(8)
  expect(again.outcome).toBe("done")
})

test("after a second Ctrl-C the run ends at once, and the journal still holds", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const abort = new AbortController()
  const { kind } = counting(async () => {
    setTimeout(() => abort.abort(), 50)
    await pause(600_000)
  })
  const begun = performance.now()
  const ended = await runsIn(folder, { signal: abort.signal }).apply(many(kind, far.folder, 3))
  expect(performance.now() - begun).toBeLessThan(5_000)
  expect(ended).toMatchObject({ outcome: "cancelled", exitCode: 130 })
  expect(outcomesOf(ended)).toEqual([0, 1, 2].map((at) => `maybe create test.thing[n${at}]`))
  const again = await runsIn(folder).apply(many(thing, far.folder, 3))
  expect(again.events.find((event) => event.type === "settle.started")).toMatchObject({ intents: 3 })
  expect(again.outcome).toBe("done")
  expect(far.names()).toEqual(["n0", "n1", "n2"])
})
