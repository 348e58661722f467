import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import type { HostAnswer } from "../../connect/host/kind.ts"
import { hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import type { Key, Seen } from "../../provider.ts"
import { PENDING, Secret } from "../../secrets/secret.ts"
import { file } from "./file.ts"

const kind = hostKindOf(file)
if (kind === undefined) throw new Error("host.file is no host kind")

const sha = (text: string): string => createHash("sha256").update(text).digest("hex")
const seal = (sha256: string): string => `fp:${sha256.slice(0, 8)}`
const want = (props: object) => file.props.parse({ path: "/etc/app.conf", ...props })
const there = (over: object = {}) => ({
  outputs: {
    path: "/etc/app.conf",
    hash: sha("old\n"),
    sizeBytes: 4,
    mode: "0644",
    owner: "root",
    group: "root",
    ...over,
  },
})

function secret(name: string, value: string, fingerprint = seal(sha(value))): Secret<string> {
  const made = new Secret<string>(name, { type: "value", value })
  Secret.remember(made, { value, fingerprint })
  return made
}

describe("what is wanted and what is there decide the change", () => {
  const shown = { shown: { content: "old\n" } }
  test.each([
    ["nothing there", { content: "x" }, { absent: true }, { action: "create" }],
    ["as wanted", { content: "old\n" }, there(), { action: "none" }],
    [
      "other content, with a diff",
      { content: "new\n" },
      { ...there(), ...shown },
      { action: "update", props: ["content"], because: "content differs", text: "@@ -1 +1 @@\n-old\n+new" },
    ],
    [
      "other content, too long to show",
      { content: "new\n" },
      there(),
      { action: "update", props: ["content"], because: "content differs" },
    ],
    [
      "other mode",
      { content: "old\n", mode: "600" },
      there(),
      { action: "update", props: ["mode"], because: "mode is 0644, wanted 0600" },
    ],
    [
      "other owner and group",
      { content: "old\n", owner: "app", group: "app" },
      there(),
      { action: "update", props: ["owner", "group"], because: "owner is root, wanted app; group is root, wanted app" },
    ],
    ["an owner that nobody asked for", { content: "old\n" }, there({ owner: "bob" }), { action: "none" }],
    ["no content wanted", {}, there(), { action: "none" }],
    [
      "bytes",
      { content: new Uint8Array([1, 2]) },
      there(),
      { action: "update", props: ["content"], because: "content differs" },
    ],
    [
      "the same secret",
      { content: secret("K", "old\n") },
      there({ hash: seal(sha("old\n")), mode: "0600" }),
      { action: "none" },
    ],
    [
      "another secret, never with a diff",
      { content: secret("K", "new\n") },
      { ...there({ hash: seal(sha("old\n")), mode: "0600" }) },
      { action: "update", props: ["content"], because: "content differs" },
    ],
    [
      "a secret that is now plain",
      { content: "old\n" },
      there({ hash: seal(sha("old\n")) }),
      { action: "update", props: ["content"], because: "content differs" },
    ],
    [
      "a source",
      { source: "conf" },
      { ...there(), shown: { wanted: sha("new\n"), wantedText: "new\n", content: "old\n" } },
      { action: "update", props: ["source"], because: "content differs", text: "@@ -1 +1 @@\n-old\n+new" },
    ],
    ["a source as it is", { source: "conf" }, { ...there(), shown: { wanted: sha("old\n") } }, { action: "none" }],
  ])("%s", (_what, props, seen, change) => {
    expect(file.plan(want(props) as never, seen as Seen<never>, undefined)).toEqual(change)
  })
})

describe("what is asked and what the answer means", () => {
  const key = (over: object): Key<unknown, unknown> => ({ address: "host.file[a]" as Address, ...over })
  const found = (at: PathSeen, more: Partial<HostAnswer> = {}): HostAnswer => ({
    path: () => at,
    local: () => ({ failed: "ENOENT" }),
    ...more,
  })
  const plain = {
    type: "file",
    mode: "0644",
    sizeBytes: 4,
    uid: 0,
    gid: 0,
    owner: "root",
    group: "root",
    sha256: sha("old\n"),
  } as const

  test.each([
    [
      "text",
      { want: want({ content: "x" }) },
      { sha256: ["/etc/app.conf"], textUnless: { path: "/etc/app.conf", sha256: sha("x"), maxBytes: 65_536 } },
    ],
    ["long text", { want: want({ content: "x".repeat(65_537) }) }, { sha256: ["/etc/app.conf"] }],
    [
      "a secret: its text is never fetched",
      { want: want({ content: secret("K", "x") }) },
      { sha256: ["/etc/app.conf"] },
    ],
    [
      "what was a secret",
      { want: want({ content: "x" }), last: { props: {}, outputs: { hash: "fp:1" } } },
      { sha256: ["/etc/app.conf"] },
    ],
    [
      "a source",
      { want: want({ source: "conf" }) },
      {
        sha256: ["/etc/app.conf"],
        local: ["conf"],
        textUnless: { path: "/etc/app.conf", sha256: expect.any(Function), maxBytes: 65_536 },
      },
    ],
    [
      "what left the program",
      { id: "/etc/gone", last: { props: {}, outputs: { hash: sha("x") } } },
      { sha256: ["/etc/gone"] },
    ],
  ])("question: %s", (_what, parts, question) => {
    expect(kind.question(key(parts))).toEqual(question)
  })

  test.each([
    ["a source", want({ source: "conf" }), "new\n"],
    ["a template", want({ template: { path: "conf", values: { to: "x" } } }), "to x\n"],
  ])("%s that is there already is not fetched for a diff", (_what, wanted, text) => {
    const local = { sha256: sha("new\n"), sizeBytes: 4, text: wanted.source === undefined ? "to {{to}}\n" : "new\n" }
    const { textUnless } = kind.question(key({ want: wanted }))
    const hash = textUnless?.sha256 as (local: HostAnswer["local"]) => string
    expect(hash(() => local)).toBe(sha(text))
  })

  test.each([
    ["absent", { want: want({ content: "x" }) }, found("absent"), { absent: true }],
    [
      "a plain file",
      { want: want({ content: "x" }) },
      found(plain, { text: "old\n" }),
      { ...there(), shown: { content: "old\n" } },
    ],
    ["a secret file", { want: want({ content: secret("K", "x") }) }, found(plain), there({ hash: seal(sha("old\n")) })],
    [
      "one that was secret",
      { id: "/etc/app.conf", last: { props: {}, outputs: { hash: "fp:1" } } },
      found(plain),
      there({ hash: seal(sha("old\n")) }),
    ],
    [
      "a source that is there",
      { want: want({ source: "conf" }) },
      found(plain, { local: () => ({ sha256: sha("new"), sizeBytes: 3 }) }),
      { ...there(), shown: { wanted: sha("new") } },
    ],
  ])("answer: %s", (_what, parts, answer, seen) => {
    expect(kind.answer(key(parts), answer, seal)).toEqual(seen)
  })

  test.each([
    [
      "may not be looked at",
      want({ content: "x" }),
      found({ failed: "Permission denied" }),
      "READ_FAILED",
      "/etc/app.conf cannot be read: Permission denied",
    ],
    [
      "a link",
      want({ content: "x" }),
      found({ ...plain, type: "link", to: "/x" }),
      "FILE_REFUSED",
      "/etc/app.conf is a symbolic link to /x, not a file",
    ],
    [
      "a folder",
      want({ content: "x" }),
      found({ ...plain, type: "directory" }),
      "FILE_REFUSED",
      "/etc/app.conf is a directory, not a file",
    ],
    [
      "a source that is not there",
      want({ source: "conf" }),
      found("absent"),
      "FILE_REFUSED",
      "conf cannot be read: ENOENT",
    ],
    [
      "a template without a value",
      want({ template: { path: "t", values: {} } }),
      found("absent", { local: () => ({ sha256: "", sizeBytes: 1, text: "{{a}}" }) }),
      "FILE_REFUSED",
      "the template t: no value for {{a}}",
    ],
  ])("answer: %s is a failure, not absence", (_what, wanted, answer, code, fact) => {
    expect(kind.answer(key({ want: wanted }), answer, seal)).toMatchObject({ failed: { code, fact } })
  })
})

describe("the change as data", () => {
  const change = (props: object, seen: object): unknown =>
    kind.change({
      want: want(props),
      seen: seen as never,
      change: { action: "none" },
      last: undefined,
      token: "t",
    })

  test.each([
    [
      "create",
      { content: "x", owner: "app" },
      { absent: true },
      {
        puts: [{ path: "/etc/app.conf", content: "x", mode: "0644", owner: "app", group: undefined, expect: "absent" }],
      },
    ],
    [
      "create empty",
      {},
      { absent: true },
      {
        puts: [
          { path: "/etc/app.conf", content: "", mode: "0644", owner: undefined, group: undefined, expect: "absent" },
        ],
      },
    ],
    [
      "create from a source",
      { source: "conf" },
      { absent: true },
      {
        puts: [
          {
            path: "/etc/app.conf",
            content: { local: "conf" },
            mode: "0644",
            owner: undefined,
            group: undefined,
            expect: "absent",
          },
        ],
      },
    ],
    [
      "replace: the owner stays, what was read is expected",
      { content: "x" },
      there({ owner: "bob", group: "staff" }),
      {
        puts: [
          { path: "/etc/app.conf", content: "x", mode: "0644", owner: "bob", group: "staff", expect: sha("old\n") },
        ],
      },
    ],
    [
      "from a source: as it was planned",
      { source: "conf" },
      { ...there(), shown: { wanted: sha("new") } },
      {
        puts: [
          {
            path: "/etc/app.conf",
            content: { local: "conf", sha256: sha("new") },
            mode: "0644",
            owner: "root",
            group: "root",
            expect: sha("old\n"),
          },
        ],
      },
    ],
  ])("%s", (_what, props, seen, expected) => {
    expect(change(props, seen)).toEqual(expected)
  })

  test("mode and owner alone touch no content", () => {
    expect(change({ mode: "0600" }, there())).toMatchObject({
      brief: true,
      script: expect.stringContaining("chmod -- 0600 '/etc/app.conf'"),
    })
  })

  test("removal expects what was read; gone is nothing to do", () => {
    expect(kind.removal(there() as never, undefined)).toEqual({
      removes: [{ path: "/etc/app.conf", expect: sha("old\n") }],
    })
    expect(kind.removal({ absent: true }, { props: {}, outputs: there().outputs })).toEqual({})
  })
})

describe("props", () => {
  test.each([
    [{ path: "relative" }, "is not an absolute path"],
    [{ path: "/a/../b" }, 'write it as "/b"'],
    [{ path: "/a/" }, 'write it as "/a"'],
    [{ path: "//a" }, 'write it as "/a"'],
    [{ path: "/" }, "the root folder cannot be managed"],
    [{ path: `/${"x".repeat(256)}` }, "at most 255 bytes"],
    [{ path: "/a\0b" }, "cannot hold a NUL"],
    [{ path: "/a", mode: "999" }, "octal digits"],
    [{ path: "/a", owner: "-R x" }, "a user or group is a name or a number"],
    [{ path: "/a", content: "x", source: "y" }, "give one of content, template and source"],
    [{ path: "/a", template: { values: {} } }, "a template has either text or path"],
    [{ path: "/a", template: { path: "t", values: { k: secret("K", "12345678") } } }, "must be given as text"],
    [{ path: "/a", template: { text: "{{a}}", values: {} } }, "no value for {{a}}"],
    [{ path: "/a", template: { text: "x", values: { a: 1 } } }, "no place for a"],
    [{ path: "/a", contents: "x" }, "contents"],
  ])("%o is refused: %s", (props, words) => {
    const result = file.props.safeParse(props)
    const messages = result.success ? [] : result.error.issues.map((issue) => issue.message)
    expect(messages.join("; ")).toContain(words)
  })

  test("a mode has four digits, and a secret is private", () => {
    expect([
      want({ mode: "640" }).mode,
      want({}).mode,
      want({ content: secret("K", "x") }).mode,
      want({ content: secret("K", "x"), mode: "0640" }).mode,
    ]).toEqual(["0640", "0644", "0600", "0640"])
  })

  test("a template with secrets is a secret made of them", () => {
    const { content } = want({
      template: { text: "key={{k}} port={{p}}", values: { k: secret("K", "12345678"), p: 1 } },
    })
    expect(content).toBeInstanceOf(Secret)
    expect(want({ template: { text: "port={{ p }}", values: { p: 1 } } }).content).toBe("port=1")
  })

  test("what can be known before is predicted, and no more", () => {
    expect(file.predict?.(want({ content: "x" }) as never)).toEqual({
      path: "/etc/app.conf",
      mode: "0644",
      hash: sha("x"),
    })
    const sourced = want({ source: "x" }) as never
    expect(file.predict?.(sourced)).toEqual({ path: "/etc/app.conf", mode: "0644" })
    for (const seen of [{ absent: true }, there()] as const)
      expect(file.predict?.(sourced, { ...seen, shown: { wanted: sha("y") } } as never)).toMatchObject({
        hash: sha("y"),
      })
    expect(file.predict?.(want({ content: secret("K", "x", `${PENDING}K`) }) as never)).toEqual({
      path: "/etc/app.conf",
      mode: "0600",
    })
  })
})
