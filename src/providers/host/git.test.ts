import { describe, expect, test } from "vitest"
import { type HostAnswer, hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { git } from "./git.ts"

const kind = hostKindOf(git)
if (kind === undefined) throw new Error("host.git is no host kind")

const [one, two] = ["1".repeat(40), "2".repeat(40)]
const url = "https://example.com/shop.git"
const want = (props: object = {}) => git.props.parse({ path: "/srv/shop", repository: url, ...props })
const secret = new Secret<string>("K", { type: "value", value: "swordfish" })

describe("what the answer means", () => {
  const folder = {
    type: "directory",
    mode: "0755",
    sizeBytes: 1,
    uid: 0,
    gid: 0,
    owner: "root",
    group: "root",
  } as const
  const answer = (props: object, out: string, exitCode = 0, path: PathSeen = folder): Seen<unknown> => {
    const script = { exitCode, out, err: "" }
    const found: HostAnswer = { path: () => path, local: () => ({ failed: "" }), script }
    return kind.answer({ address: "host.git[a]" as Address, want: want(props) }, found, (hash) => hash)
  }
  const there = (over: object = {}) => ({
    outputs: { path: "/srv/shop", repository: url, commit: one },
    shown: { to: two, dirty: false, unfinished: false, ...over },
  })

  test.each([
    ["nothing there", {}, `to ${two}\n`, { absent: true, shown: { to: two } }],
    ["nothing there, and nobody to ask", {}, "", { absent: true, shown: { to: "" } }],
    ["a checkout", {}, `to ${two}\nhead ${one}\nurl ${url}\n`, there()],
    [
      "modified, with force",
      { force: true },
      `to ${two}\nhead ${one}\nurl ${url}\ndirty  M a\n`,
      there({ dirty: true }),
    ],
    [
      "cut off",
      {},
      `to ${two}\nhead ${one}\nurl ${url}\nunfinished yes\ndirty  M a\n`,
      there({ dirty: true, unfinished: true }),
    ],
  ])("%s", (_what, props, out, seen) => {
    expect(answer(props, out)).toEqual(seen)
  })

  test.each([
    [
      "modified",
      `head ${one}\nurl ${url}\ndirty  M a\ndirty  D b\n`,
      0,
      "FILE_REFUSED",
      "/srv/shop has local modifications:  M a,  D b",
    ],
    ["no git", "", 32, "HOST_TOOLS", "the host has no git"],
    ["no checkout", "x\n", 22, "FILE_REFUSED", "/srv/shop: x"],
    ["nobody answers", "fatal: unable to access\n", 20, "READ_FAILED", "/srv/shop: fatal: unable to access"],
  ])("%s is a failure, not absence", (_what, out, exitCode, code, fact) => {
    expect(answer({}, out, exitCode)).toMatchObject({ failed: { code, fact } })
  })
})

test.each([
  ["a commit", { commit: one }, undefined, one],
  ["a branch, before anybody was asked", { branch: "main" }, undefined, undefined],
  ["a branch that was asked for", { branch: "main" }, { absent: true, shown: { to: two } }, two],
  ["a branch, and nobody to ask", { branch: "main" }, { absent: true, shown: { to: "" } }, undefined],
  ["a tag, which is not held fast", { tag: "v1" }, { absent: true, shown: { to: two } }, undefined],
] as const)("the commit is predicted where the change is held to it: %s", (_what, props, seen, commit) => {
  const expected = { path: "/srv/shop", repository: url, ...(commit === undefined ? {} : { commit }) }
  expect(git.predict?.(want(props), seen)).toEqual(expected)
})

describe("what is wanted and what is there decide the change", () => {
  const at = (shown: object, over: object = {}) => ({
    outputs: { path: "/srv/shop", repository: url, commit: one, ...over },
    shown,
  })
  test.each([
    ["nothing there", {}, { absent: true, shown: { to: two } }, { action: "create", text: `+${two}` }],
    ["as wanted", { branch: "main" }, at({ to: one }), { action: "none" }],
    [
      "the branch moved",
      { branch: "main" },
      at({ to: two }),
      { action: "update", props: ["branch"], because: "111111111111..222222222222" },
    ],
    [
      "another commit",
      { commit: two },
      at({ to: two }),
      { action: "update", props: ["commit"], because: "111111111111..222222222222" },
    ],
    [
      "a tag that is not fetched yet",
      { tag: "v2" },
      at({ to: "" }),
      { action: "update", props: ["tag"], because: "111111111111..v2" },
    ],
    [
      "another repository",
      {},
      at({ to: one }, { repository: "x" }),
      { action: "update", props: ["repository"], because: "it comes from x" },
    ],
    [
      "cut off",
      {},
      at({ to: one, unfinished: true }),
      { action: "update", props: ["force"], because: "a checkout was cut off" },
    ],
  ] as const)("%s", (_what, props, seen, change) => {
    expect(git.plan(want(props), seen as never, undefined)).toEqual(change)
  })
})

test("sealed credentials stand in slots and are named by their path alone", () => {
  const props = want({ commit: one, key: secret, token: secret, username: "it's" })
  const change = kind.change({
    want: props,
    seen: { absent: true },
    change: { action: "create" },
    last: undefined,
    token: "t",
  })
  expect(change.slots).toEqual({ key: secret, token: secret })
  expect(change.script).toContain('-i "$S/key"')
  expect(change.script).toContain('cat "$S/token"')
  expect(change.script).not.toContain("swordfish")
})

test.each([
  [{ branch: "a", tag: "b" }, "give one of branch, tag and commit"],
  [{ branch: "--upload-pack=x" }, "no name of a branch"],
  [{ branch: "a..b" }, "no name of a branch"],
  [{ branch: "a b" }, "no name of a branch"],
  [{ commit: "abc" }, "a commit is its whole hash"],
  [{ repository: "--upload-pack=x" }, "a repository is a URL or a path"],
  [{ repository: "https://me:secret@example.com/x" }, "no password in the URL"],
  [{ branch: "main", token: secret }, "a branch is asked for in every plan"],
  [{ tag: "v1", key: secret, user: "app" }, "another user cannot read key and token"],
])("%o is refused: %s", (props, words) => {
  const result = git.props.safeParse({ path: "/srv/shop", repository: url, ...props })
  expect(result.success ? "" : JSON.stringify(result.error.issues)).toContain(words)
})
