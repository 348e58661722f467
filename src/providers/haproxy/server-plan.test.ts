import { describe, expect, test } from "vitest"
import type { Json } from "../../provider.ts"
import { planServer } from "./server-plan.ts"
import { pathOf, type ServerOutputs, type ServerProps, serverProps } from "./server-props.ts"

const GIVEN = { backend: "web", address: "10.0.0.2", port: 8080 }
const OUTPUTS: ServerOutputs = { ...GIVEN, name: "10.0.0.2:8080", weight: 100, state: "ready", up: true, added: true }
const CHECK = { rise: 2, fall: 3 }

const want = (more: Record<string, unknown> = {}): ServerProps => serverProps.parse({ ...GIVEN, ...more })
const seen = (more: Partial<ServerOutputs> = {}, shown: Record<string, Json> = { check: CHECK }) => {
  return { outputs: { ...OUTPUTS, ...more }, shown }
}
const last = (more: Record<string, unknown> = {}) => ({ props: want(more), outputs: OUTPUTS })

describe("planServer", () => {
  test.each([
    ["not there", want(), { absent: true as const }, undefined, { action: "create" }],
    ["as wanted", want(), seen(), last(), { action: "none" }],
    ["another weight", want({ weight: 5 }), seen(), last(), { action: "update", because: "weight is 100, wanted 5" }],
    ["drained by somebody", want(), seen({ state: "drain" }), last(), { action: "update", props: ["state"] }],
    ["moved under its name", want({ name: "a" }), seen({ port: 80 }), last(), { action: "update", props: ["port"] }],
    ["a limit", want({ maxConnections: 9 }), seen(), last(), { action: "update", props: ["maxConnections"] }],
    ["a limit that it never said", want(), seen({}, { check: CHECK, maxConnections: 9 }), last(), { action: "none" }],
    [
      "a limit that left",
      want(),
      seen({}, { check: CHECK, maxConnections: 9 }),
      last({ maxConnections: 9 }),
      { action: "update", because: "maxConnections is 9, wanted none" },
    ],
    [
      "other counts",
      want(),
      seen({}, { check: { rise: 1, fall: 3 } }),
      last(),
      { action: "replace", props: ["check"] },
    ],
    ["no checks", want({ check: false }), seen(), last(), { action: "replace", order: "delete-first" }],
    ["another pace", want({ check: { intervalMs: 50 } }), seen(), last(), { action: "replace", props: ["check"] }],
    ["checks of the config file", want(), seen({ added: false }, { check: false }), last(), { action: "none" }],
  ])("%s", (_what, wanted, found, recorded, change) => {
    expect(planServer(wanted, found, recorded)).toMatchObject(change)
  })
})

test.each([
  [{}, "web/10.0.0.2:8080"],
  [{ prefix: "web1" }, "web/web1-10.0.0.2:8080"],
  [{ name: "a", prefix: "web1" }, "web/a"],
])("%j is called %s", (more, path) => {
  expect(pathOf(want(more))).toBe(path)
})

test.each([
  { address: "shop.test" },
  { backend: "a b" },
  { name: "a;b" },
  { name: "a/b" },
  { weight: 257 },
  { port: 0 },
])("%j is refused", (more) => {
  expect(serverProps.safeParse({ ...GIVEN, ...more }).success).toBe(false)
})
