import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { type HostAnswer, hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { block } from "./block.ts"

const kind = hostKindOf(block)
if (kind === undefined) throw new Error("host.block is no host kind")

const sha = (text: string): string => createHash("sha256").update(text).digest("hex")
const seal = (sha256: string): string => `fp:${sha256.slice(0, 8)}`
const want = (props: object = {}) => block.props.parse({ path: "/etc/conf", name: "a", content: "one\n", ...props })

function sealed(value: string) {
  const props = want({ content: new Secret<string>("K", { type: "value", value }) })
  Secret.remember(props.content as Secret<string>, { value, fingerprint: seal(sha(value)) })
  return props
}

describe("what the answer means", () => {
  const file = { type: "file", mode: "0644", sizeBytes: 1, uid: 0, gid: 0, owner: "root", group: "root" } as const
  const answer = (parts: object, out: string, exitCode = 0, path: PathSeen = file): Seen<unknown> => {
    const script = { exitCode, out, err: "" }
    const found: HostAnswer = { path: () => path, local: () => ({ failed: "" }), script }
    return kind.answer({ address: "host.block[a]" as Address, want: want(), ...parts }, found, seal)
  }
  const there = (hash: string, shown?: object) => ({ outputs: { path: "/etc/conf", name: "a", hash }, ...shown })

  test.each([
    ["no file", {}, "", 0, "absent", { absent: true }],
    ["no block", {}, "", 0, file, { absent: true }],
    ["an empty block", {}, "there\n", 0, file, there(sha(""), { shown: { content: "" } })],
    ["a block", {}, "there\none\n", 0, file, there(sha("one\n"), { shown: { content: "one\n" } })],
    ["a secret one", { want: sealed("x\n") }, `there\n${sha("x\n")}  -\n`, 0, file, there(seal(sha("x\n")))],
    [
      "one that was secret",
      { last: { props: want(), outputs: { hash: "fp:1" } } },
      `there\n${sha("x\n")}  -\n`,
      0,
      file,
      there(seal(sha("x\n"))),
    ],
  ] as const)("%s", (_what, parts, out, exitCode, path, seen) => {
    expect(answer(parts, out, exitCode, path)).toEqual(seen)
  })

  test("marks that are no pair, and what may not be read, are failures", () => {
    expect(answer({}, "no pair: lines 1\n", 22)).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: "/etc/conf: no pair: lines 1" },
    })
    expect(answer({}, "", 20)).toMatchObject({ failed: { code: "READ_FAILED", fact: "/etc/conf: exit code 20" } })
  })
})

describe("what is wanted and what is there decide the change", () => {
  const at = (hash: string, content?: string): Seen<never> =>
    ({
      outputs: { path: "/etc/conf", name: "a", hash },
      ...(content === undefined ? {} : { shown: { content } }),
    }) as never
  test.each([
    ["nothing there", want(), { absent: true }, { action: "create", text: "@@ -0,0 +1 @@\n+one" }],
    ["as wanted", want({ content: "one" }), at(sha("one\n"), "one\n"), { action: "none" }],
    [
      "another text",
      want(),
      at(sha("two\n"), "two\n"),
      { action: "update", props: ["content"], because: "content differs", text: "@@ -1 +1 @@\n-two\n+one" },
    ],
    ["the same secret", sealed("x\n"), at(seal(sha("x\n"))), { action: "none" }],
    [
      "another secret, never with a diff",
      sealed("x\n"),
      at(seal(sha("y\n"))),
      { action: "update", props: ["content"], because: "content differs" },
    ],
  ] as const)("%s", (_what, props, seen, change) => {
    expect(block.plan(props, seen as never, undefined)).toEqual(change)
  })
})

test("the text of a block stands in a slot, never in the script", () => {
  const props = sealed("swordfish\n")
  const change = kind.change({
    want: props,
    seen: { absent: true },
    change: { action: "create" },
    last: undefined,
    token: "t",
  })
  expect(change.slots).toEqual({ block: props.content })
  expect(change.script).not.toContain("swordfish")
})

test.each([
  [{ name: "a\nb" }, "words of printable characters"],
  [{ name: " a" }, "words of printable characters"],
  [{ content: "x\n# END fettle: a\n" }, "it holds a line that marks the block itself"],
  [{ content: "x".repeat(60_001) }, "at most 60000 bytes"],
  [{ content: "a\0" }, "no NUL"],
  [{ comment: "a\nb" }, "a mark is one line"],
])("%o is refused: %s", (props, words) => {
  const result = block.props.safeParse({ path: "/etc/conf", name: "a", content: "x", ...props })
  expect(result.success ? "" : JSON.stringify(result.error.issues)).toContain(words)
})
