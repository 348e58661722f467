import { expect, test } from "vitest"
import { hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { directory } from "./directory.ts"
import { link } from "./link.ts"

const facts = { mode: "0755", sizeBytes: 1, uid: 0, gid: 0, owner: "root", group: "root" }
const address = "x[y]" as Address

test.each([
  ["link", link, { path: "/l", to: "a" }, { absent: true }, { action: "create" }],
  ["link", link, { path: "/l", to: "a" }, { outputs: { path: "/l", to: "a" } }, { action: "none" }],
  [
    "link",
    link,
    { path: "/l", to: "a" },
    { outputs: { path: "/l", to: "b" } },
    { action: "update", props: ["to"], because: "it points to b, wanted a" },
  ],
  ["directory", directory, { path: "/d" }, { absent: true }, { action: "create" }],
  [
    "directory",
    directory,
    { path: "/d" },
    { outputs: { path: "/d", mode: "0755", owner: "bob", group: "bob" } },
    { action: "none" },
  ],
  [
    "directory",
    directory,
    { path: "/d", mode: "700", owner: "app" },
    { outputs: { path: "/d", mode: "0755", owner: "bob", group: "bob" } },
    { action: "update", props: ["mode", "owner"], because: "mode is 0755, wanted 0700; owner is bob, wanted app" },
  ],
])("plan of a %s", (_kind, provider, props, seen, change) => {
  const want: unknown = provider.props.parse(props)
  expect(provider.plan(want as never, seen as Seen<never>, undefined)).toEqual(change)
})

test.each<[string, typeof link | typeof directory, PathSeen, object]>([
  ["a link", link, { ...facts, type: "link", to: "a\nb" }, { outputs: { path: "/p", to: "a\nb" } }],
  [
    "no link",
    link,
    { ...facts, type: "file" },
    { failed: { code: "FILE_REFUSED", fact: "/p is a file, not a symbolic link" } },
  ],
  ["nothing", link, "absent", { absent: true }],
  [
    "unknown",
    link,
    { failed: "Permission denied" },
    { failed: { code: "READ_FAILED", fact: "/p cannot be read: Permission denied" } },
  ],
  [
    "a directory",
    directory,
    { ...facts, type: "directory" },
    { outputs: { path: "/p", mode: "0755", owner: "root", group: "root" } },
  ],
  [
    "a link to one",
    directory,
    { ...facts, type: "link", to: "/x" },
    { failed: { code: "FILE_REFUSED", fact: "/p is a symbolic link to /x, not a directory" } },
  ],
])("answer: %s", (_what, provider, at, seen) => {
  const kind = hostKindOf(provider)
  const answer = kind?.answer(
    { address, id: "/p" },
    { path: () => at, local: () => ({ failed: "" }) },
    (sha256) => sha256,
  )
  expect(answer).toMatchObject(seen)
})
