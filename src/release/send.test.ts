import { describe, expect, test } from "vitest"
import type { Instance, Place, Traffic } from "../connect/traffic.ts"
import { backTo, mustSendAgain, send } from "./send.ts"
import type { InstanceShare } from "./shares.ts"

const instance = (name: string): Instance => ({ name, version: name[0] ?? "", address: "127.0.0.1", port: 1 })
const before = ["1a", "1b"].map(instance)
const shares = (...all: readonly (readonly [string, number])[]): readonly InstanceShare<Instance>[] =>
  all.map(([name, share]) => ({ instance: instance(name), share }))
/** Servers by their signs: "1a" is up, "!1a" down; with traffic, unless it ends with "0". */
const places = (...names: readonly string[]): readonly Place[] =>
  names.map((name) => ({
    ...{ name: name.replace(/^!|0$/g, ""), address: "", port: 1, state: "ready", falls: 0, openRequests: 0 },
    weight: name.endsWith("0") ? 0 : 1,
    up: !name.startsWith("!"),
  }))

/** Who sends traffic, with these servers; notes the parts that it is told. */
function sender(...names: readonly string[]): { traffic: Traffic; told: Record<string, number>; said: string[] } {
  const told: Record<string, number> = {}
  const traffic: Traffic = {
    look: async () => places(...names),
    route: async (all) => {
      for (const each of all) told[each.instance.name] = each.share
    },
    drained: async () => true,
    remove: async () => {},
    counters: async () => ({ epoch: "", byName: new Map() }),
  }
  return { traffic, told, said: [] }
}

const step = shares(["2a", 0.2], ["1a", 0.4], ["1b", 0.4])

describe("where the parts of copies go that take no connections", () => {
  test.each([
    ["all are up", ["1a", "1b", "2a"], { "2a": 0.2, "1a": 0.4, "1b": 0.4 }],
    ["one of the version before is down", ["!1a", "1b"], { "2a": 0.2, "1a": 0, "1b": 0.8 }],
    ["the version before is dead: the new one answers", ["!1a", "!1b"], { "2a": 1, "1a": 0, "1b": 0 }],
    ["both are dead", ["!1a", "!1b", "!2a"], { "2a": 0.2, "1a": 0.4, "1b": 0.4 }],
    ["nobody is known", [], { "2a": 0.2, "1a": 0.4, "1b": 0.4 }],
  ])("%s", async (_when, names, parts) => {
    const { traffic, told, said } = sender(...names)
    await send(step, before, { traffic, tell: (text) => said.push(text), signal: AbortSignal.timeout(1_000) })
    expect(told).toEqual(parts)
  })

  test("a version that is taken back never gets the part of a dead one", async () => {
    const { traffic, told, said } = sender("!1a", "!1b", "2a")
    const sending = { traffic, tell: (text: string) => said.push(text), signal: AbortSignal.timeout(1_000) }
    await backTo(before, [instance("2a")], sending)
    expect(told).toEqual({ "1a": 0.5, "1b": 0.5, "2a": 0 })
  })
})

test.each([
  ["as it was told", ["1a", "1b", "2a"], false],
  ["all are lost", [], true],
  ["one is lost", ["1a", "2a"], true],
  ["one before is down, and another up", ["!1a", "1b", "2a"], false],
  ["all before are down", ["!1a", "!1b", "2a"], true],
  ["all before are down, and have no traffic any more", ["!1a0", "!1b0", "2a"], false],
  ["all are down", ["!1a", "!1b", "!2a"], false],
])("traffic is sent once more: %s", (_when, names, isAgain) => {
  expect(mustSendAgain(step, before, places(...names))).toBe(isAgain)
})
