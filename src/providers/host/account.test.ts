import { describe, expect, test } from "vitest"
import { hostKindOf, type ScriptRecord } from "../../connect/host/kind.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { group } from "./group.ts"
import { user } from "./user.ts"

const users = hostKindOf(user)
const groups = hostKindOf(group)
if (users === undefined || groups === undefined) throw new Error("they are no host kinds")

const address = "host.user[a]" as Address
const hash = new Secret<string>("HASH", { type: "value", value: "$6$x" })
Secret.remember(hash, { value: "$6$x", fingerprint: "fp:abc" })

const wantUser = (props: object = {}) => user.props.parse({ name: "shop", ...props })
const wantGroup = (props: object = {}) => group.props.parse({ name: "shop", ...props })
const PASSWD =
  "root:x:0:0:root:/root:/bin/bash\n\n+::::::\nshop:x:1001:1001:The shop,,:/srv/shop:/bin/sh\nshop2:x:1002:7:::\n"
const GROUP = "root:x:0:\nshop:x:1001:shop\nweb:x:33:www,shop\nadm:x:4:shop\nnobodys:x:9:shopper,shop2"
const told = (more = "", exitCode = 0): ScriptRecord => ({
  exitCode,
  out: `:passwd\n${PASSWD}\n:group\n${GROUP}\n${more}`,
  err: "",
})
const readUser = (record: ScriptRecord, props: object = {}): Seen<unknown> =>
  users.answer({ address, want: wantUser(props) }, { shared: record } as never, (sha) => `fp:${sha}`)

const shop = {
  name: "shop",
  uid: 1001,
  gid: 1001,
  group: "shop",
  groups: ["adm", "web"],
  shell: "/bin/sh",
  home: "/srv/shop",
  comment: "The shop,,",
}

describe("what a host tells of a user", () => {
  test.each([
    ["a user", told(), {}, { outputs: shop }],
    ["none", told(), { name: "nobody-at-all" }, { absent: true }],
    [
      "one whose primary group has no name",
      told(),
      { name: "shop2" },
      { outputs: expect.objectContaining({ group: "7" }) },
    ],
    [
      "one from elsewhere",
      told("\n:passwd elsewhere\nfar:*:5000:33::/home/far:/bin/sh\nshop:x:9:9:::\n"),
      { name: "far" },
      { outputs: expect.objectContaining({ uid: 5000, group: "web" }) },
    ],
    [
      "the host's own file comes first",
      told("\n:passwd elsewhere\nshop:x:9:9:::\n"),
      {},
      { outputs: expect.objectContaining({ uid: 1001 }) },
    ],
    ["locked", told("\n:shadow\nshop:L:abc\n"), { locked: true }, { outputs: { ...shop, locked: true } }],
    [
      "no password is as locked",
      told("\n:shadow\nshop:N:\n"),
      { locked: true },
      { outputs: { ...shop, locked: true } },
    ],
    [
      "a password",
      told("\n:shadow\nshop:P:abc\n"),
      { password: hash },
      { outputs: { ...shop, locked: false, password: "fp:abc" } },
    ],
    [
      "no password where one is wanted",
      told("\n:shadow\nshop:N:\n"),
      { password: hash },
      { outputs: { ...shop, locked: true, password: "none" } },
    ],
  ])("%s", (_what, record, props, seen) => {
    expect(readUser(record, props)).toEqual(seen)
  })

  test.each([
    ["a file that cannot be read", told("", 20), {}, /accounts of the host cannot be read/],
    ["half an answer", { exitCode: 0, out: ":passwd\n", err: "" }, {}, /cannot be read/],
    ["a shadow that cannot be read", told("\n:shadow unread\n"), { locked: true }, /only root can tell/],
  ])("%s is no absence", (_what, record, props, fact) => {
    const seen = readUser(record, props)
    expect("failed" in seen && seen.failed).toMatchObject({ code: "READ_FAILED", fact: expect.stringMatching(fact) })
  })
})

describe("what is planned", () => {
  const at = (over: object = {}): Seen<never> => ({ outputs: { ...shop, ...over } }) as never
  test.each([
    ["not there", {}, { absent: true }, { action: "create" }],
    ["there", {}, at(), { action: "none" }],
    [
      "as wanted",
      { uid: 1001, groups: ["web", "adm", "web"], exactGroups: true, shell: "/bin/sh" },
      at(),
      { action: "none" },
    ],
    [
      "several things",
      { shell: "/bin/bash", comment: "", groups: ["docker"] },
      at(),
      {
        action: "update",
        props: ["shell", "comment", "groups"],
        because: "shell is /bin/sh, wanted /bin/bash; comment is The shop,,, wanted ; it is not in docker",
      },
    ],
    ["its primary group among the others", { groups: ["shop", "web"] }, at(), { action: "none" }],
    [
      "exact groups",
      { groups: ["adm"], exactGroups: true },
      at(),
      { action: "update", props: ["exactGroups"], because: "it is also in web" },
    ],
    ["the password", { password: hash }, at({ locked: false, password: "fp:abc" }), { action: "none" }],
    [
      "another password",
      { password: hash },
      at({ locked: false, password: "fp:def" }),
      { action: "update", props: ["password"], because: "its password is another one" },
    ],
    [
      "a password that is locked",
      { password: hash },
      at({ locked: true, password: "fp:abc" }),
      { action: "update", props: ["locked"], because: "it is locked" },
    ],
    [
      "locked with a password",
      { password: hash, locked: true },
      at({ locked: true, password: "fp:abc" }),
      { action: "none" },
    ],
    [
      "to be locked",
      { locked: true },
      at({ locked: false }),
      { action: "update", props: ["locked"], because: "it is not locked" },
    ],
  ])("%s", (_what, props, seen, change) => {
    expect(user.plan(wantUser(props), seen as Seen<never>, undefined)).toEqual(change)
  })

  test.each([
    [{}, { absent: true }, { action: "create" }],
    [{}, { outputs: { name: "shop", gid: 5 } }, { action: "none" }],
    [
      { gid: 6 },
      { outputs: { name: "shop", gid: 5 } },
      { action: "update", props: ["gid"], because: "its number is 5, wanted 6" },
    ],
  ])("group %j", (props, seen, change) => {
    expect(group.plan(wantGroup(props), seen as Seen<never>, undefined)).toEqual(change)
  })

  test.each(["-r", "a b", "a:b", "1st", "", "a;id", "ünï", "a".repeat(33)])("nobody is named %j", (name) => {
    expect(() => user.props.parse({ name })).toThrow()
    expect(() => group.props.parse({ name })).toThrow()
  })

  test.each([{ comment: "a:b" }, { comment: "a\nb" }, { shell: "/a:b" }, { home: "srv" }, { groups: ["-a"] }])(
    "no user has %j",
    (props) => {
      expect(() => wantUser(props)).toThrow()
    },
  )

  test("the hash of a password is a slot and stands in no script", () => {
    const parts = { want: wantUser({ password: hash }), seen: { absent: true }, change: { action: "create" } } as never
    const change = users.change(parts)
    expect(change.slots).toEqual({ password: hash })
    expect(change.script).not.toContain("$6$x")
  })
})
