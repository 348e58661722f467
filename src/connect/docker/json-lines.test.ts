import { expect, test } from "vitest"
import { eventOf } from "./events.ts"
import { jsonLines } from "./json-lines.ts"

async function read(chunks: readonly string[], options = {}): Promise<readonly unknown[]> {
  const list: unknown[] = []
  for await (const value of jsonLines(bytes(chunks), options)) list.push(value)
  return list
}

async function* bytes(chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk, "latin1")
}

test("values that are cut anywhere", async () => {
  const text = Buffer.from('{"a":"é"}\r\n\n{"b":2}\n{"c":[3]}').toString("latin1")
  for (let at = 0; at <= text.length; at += 1)
    expect(await read([text.slice(0, at), text.slice(at)])).toEqual([{ a: "é" }, { b: 2 }, { c: [3] }])
})

test("integers that a number would round", async () => {
  expect(await read(['{"timeNano":1795671216123456789,"time":1795671216}'], { exact: true })).toEqual([
    { timeNano: "1795671216123456789", time: 1795671216 },
  ])
})

test.each([
  ["is not JSON", ["{no}\n"]],
  ["never ends", Array.from({ length: 40 }, () => "x".repeat(65_536))],
])("a line that %s", async (_, chunks) => {
  await expect(read(chunks)).rejects.toMatchObject({ code: "DOCKER_PROTOCOL" })
})

test.each([
  ["health_status: healthy", { action: "health_status", health: "healthy" }],
  ["health_status: unhealthy", { action: "health_status", health: "unhealthy" }],
  ["exec_create: sh -c echo secret: 1", { action: "exec_create" }],
  ["die", { action: "die", exitCode: 137 }],
])("the event %s", (Action, wanted) => {
  const event = eventOf({
    Type: "container",
    Action,
    Actor: { ID: "c1", Attributes: { exitCode: "137", name: "web" } },
    timeNano: "12",
  })
  expect(event).toMatchObject({ type: "container", id: "c1", name: "web", timeNs: "12", ...wanted })
  expect(JSON.stringify(event)).not.toContain("secret")
})

test("what is no event is one of nothing", () => {
  for (const value of [null, 1, [], { Actor: 1 }, { Action: {} }])
    expect(eventOf(value)).toMatchObject({ action: "", id: "" })
})
