import { program, release } from "fettle"
import * as haproxy from "fettle/haproxy"
import * as proxy from "fettle/proxy"
import { expect, test } from "vitest"
import type { Address } from "../../src/program/address.ts"
import { declare } from "../../src/program/program.ts"
import type { ReleaseOptions } from "../../src/program/release.ts"
import type { ReleaseMemory } from "../../src/program/release-memory.ts"

const LIVE = { version: "1", slot: 0, instances: [{ name: "web", address: "127.0.0.1", port: 8081 }] }
const on = proxy.runtime({ control: "/nonexistent/control.sock", name: "lb" })

/** What the release of version 2 declares, by address, beside what state remembers. */
function declared(more: Partial<ReleaseOptions>, memory: Partial<ReleaseMemory> = {}): Record<string, unknown> {
  const known: ReleaseMemory = { live: LIVE, kept: [], slots: { "1": 0 }, ...memory }
  const run: ReleaseOptions["run"] = ({ slot }) => [{ name: "web", address: "127.0.0.1", port: 8081 + slot }]
  const shop = program("shop", {}, () => {
    release("web", { version: "2", traffic: { on, backend: "web" }, run, ...more })
  })
  const { declarations } = declare(shop, {}, new Map([["fettle.release[web]" as Address, known]]))
  return Object.fromEntries([...declarations].map(([address, { props }]) => [address, props]))
}

const counted = (query: string): Partial<ReleaseOptions> => ({
  baseline: "fresh",
  metrics: { errors: { source: { from: "prometheus", url: "http://127.0.0.1:9090", requests: query, bad: query } } },
})

test("fresh copies of the version before lie in a group and a slot of their own, while another is on its way", () => {
  const both = declared({ baseline: "fresh" })
  expect(both["web@2/fettle.version[web]"]).toMatchObject({ slot: 1 })
  expect(both["web@1+fresh/fettle.version[web]"]).toMatchObject({ slot: 2 })
  expect(both["fettle.release[web]"]).toMatchObject({ instances: [{ port: 8082 }], fresh: [{ port: 8083 }] })
})

test.each([
  ["the version runs already", { version: "1" }, {}],
  ["it was taken back", {}, { refused: new Map([["2", ""]]) }],
  ["another one comes back by hand", {}, { backTo: "1" }],
  ["it is the first", {}, { live: undefined }],
] as const)("there are none where %s", (_when, more, memory) => {
  const all = declared({ baseline: "fresh", ...more }, memory as Partial<ReleaseMemory>)
  expect(Object.keys(all).filter((address) => address.includes("+fresh"))).toEqual([])
})

test.each([
  ["without traffic", { baseline: "fresh", traffic: undefined }, /needs traffic, and steps in percent/],
  ["copy by copy", { baseline: "fresh", steps: "rolling" }, /needs traffic, and steps in percent/],
  ["counted by version", counted('r{version="{{version}}"}'), /metrics\.errors cannot tell fresh copies/],
] as const)("%s they are refused", (_how, more, words) => {
  expect(() => declared(more as Partial<ReleaseOptions>)).toThrow(words)
})

test("counted by address they are told apart", () => {
  expect(declared(counted('r{instance=~"{{instances}}"}'))).toHaveProperty(["web@1+fresh/fettle.version[web]"])
})

test.each([
  ["between two edges", on, 200, /lb counts latencies at 5, 10, 25, .* not at 200 ms.*/],
  ["who counts none", haproxy.runtime({ name: "edge" }), 250, /edge counts no latencies/],
])("slowness that nobody counts is refused where it is declared: %s", (_how, lb, slowerThanMs, words) => {
  const metrics = { slow: { source: { from: "traffic", counts: "slow", slowerThanMs } } } as const
  expect(() => declared({ metrics, traffic: { on: lb, backend: "web" } })).toThrow(words)
  expect(() => declared({ metrics: { slow: { source: { ...metrics.slow.source, slowerThanMs: 250 } } } })).not.toThrow()
})
