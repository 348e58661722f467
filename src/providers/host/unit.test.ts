import { expect, test } from "vitest"
import { hostKindOf } from "../../connect/host/kind.ts"
import { unit } from "./unit.ts"

const kind = hostKindOf(unit)
const want = (props: object = {}) => unit.props.parse({ name: "a.service", content: "[Service]\nNice=1", ...props })
const hash = (props: object = {}): string => kind?.predict?.(want(props)).hash as string

test.each([
  ["not there", { absent: true }, { action: "create", text: "@@ -0,0 +1,2 @@\n+[Service]\n+Nice=1" }],
  ["as wanted", { outputs: { path: "x", hash: hash() } }, { action: "none" }],
  [
    "not read by systemd",
    { outputs: { path: "x", hash: hash() }, shown: { due: true } },
    { action: "update", props: ["content"], because: "systemd has not read it since it changed" },
  ],
  [
    "another content",
    { outputs: { path: "x", hash: "other" }, shown: { text: "[Service]\n" } },
    { action: "update", props: ["content"], because: "content differs", text: "@@ -1 +1,2 @@\n [Service]\n+Nice=1" },
  ],
] as const)("%s", (_what, seen, change) => {
  expect(unit.plan(want(), seen as never, undefined)).toEqual(change)
})

test("a drop-in has a path of its own, with or without its ending", () => {
  for (const dropIn of ["10-limits", "10-limits.conf"])
    expect(unit.id(want({ dropIn }))).toBe("/etc/systemd/system/a.service.d/10-limits.conf")
})

test("what is gone needs no removal", () => {
  expect(kind?.removal({ absent: true }, { props: want(), outputs: { path: "x", hash: "y" } })).toEqual({})
})

test.each([
  ["a path as a name", { name: "../a.service" }],
  ["a name without ending", { name: "a" }],
  ["a path as a drop-in", { dropIn: "../x" }],
  ["no section", { content: "Nice=1\n" }],
  ["a NUL", { content: "[Service]\n\0" }],
])("%s is refused", (_what, props) => {
  expect(unit.props.safeParse({ name: "a.service", content: "[Service]\n", ...props }).success).toBe(false)
})
