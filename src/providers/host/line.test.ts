import { describe, expect, test } from "vitest"
import { type HostAnswer, hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { line } from "./line.ts"

const kind = hostKindOf(line)
if (kind === undefined) throw new Error("host.line is no host kind")

const want = (props: object) => line.props.parse({ path: "/etc/conf", ...props })
const port = { line: "Port 2222", replaces: "^#?Port " }
const last = { props: want(port), outputs: { path: "/etc/conf", line: "Port 2222" } }
const at = (text: string, found = "") => ({ outputs: { path: "/etc/conf", line: text }, shown: { found } })

describe("what the answer means", () => {
  const file = { type: "file", mode: "0644", sizeBytes: 1, uid: 0, gid: 0, owner: "root", group: "root" } as const
  const answer = (parts: object, out: string, exitCode = 0, path: PathSeen = file): Seen<unknown> => {
    const found: HostAnswer = {
      path: () => path,
      local: () => ({ failed: "" }),
      script: { exitCode, out, err: "" },
    }
    return kind.answer({ address: "host.line[a]" as Address, want: want(port), ...parts }, found, (hash) => hash)
  }

  test.each([
    ["there", {}, "1\n\n", { outputs: { path: "/etc/conf", line: "Port 2222" } }],
    ["not there", {}, "0\n\n", { absent: true, shown: { found: "" } }],
    ["another in its place", {}, "0\n2:#Port 22\n", { absent: true, shown: { found: "2:#Port 22" } }],
    ["ours was moved", { last }, "0\n2:Port 22\n", at("Port 22", "2:Port 22")],
    ["ours is gone", { last }, "0\n\n", { absent: true, shown: { found: "" } }],
    ["it left the program and is there", { want: undefined, last }, "1\n\n", { outputs: last.outputs }],
    [
      "there, with more that match",
      { want: want({ ...port, multiple: true }) },
      "1\n3:Port 9\n",
      at("Port 2222", "3:Port 9"),
    ],
    ["none may match, none does", { want: want({ absent: "^Port" }) }, "0\n\n", at("")],
    [
      "none may match, two do",
      { want: want({ absent: "^Port" }) },
      "0\n1:Port 1\n4:Port:2\n",
      at("Port 1\nPort:2", "1:Port 1\n4:Port:2"),
    ],
  ])("%s", (_what, parts, out, seen) => {
    expect(answer(parts, out)).toEqual(seen)
  })

  test.each([
    [
      "a script that failed",
      "grep: Unmatched ( or \\(",
      24,
      file,
      "READ_FAILED",
      "/etc/conf: grep: Unmatched ( or \\(",
    ],
    [
      "what may not be looked at",
      "",
      0,
      { failed: "Permission denied" },
      "READ_FAILED",
      "/etc/conf cannot be read: Permission denied",
    ],
    ["a folder", "", 0, { ...file, type: "directory" }, "FILE_REFUSED", "/etc/conf is a directory, not a file"],
  ] as const)("%s is a failure, not absence", (_what, out, exitCode, path, code, fact) => {
    expect(answer({}, out, exitCode, path)).toMatchObject({ failed: { code, fact } })
  })
})

describe("what is wanted and what is there decide the change", () => {
  test.each([
    ["nothing", port, { absent: true }, { action: "create", text: "+Port 2222" }],
    [
      "another in its place",
      port,
      { absent: true, shown: { found: "2:#Port 22" } },
      { action: "create", text: "@@ line 2 @@\n-#Port 22\n+Port 2222" },
    ],
    ["as wanted", port, at("Port 2222"), { action: "none" }],
    [
      "moved",
      port,
      at("Port 22", "2:Port 22"),
      { action: "update", props: ["line"], because: 'it is "Port 22"', text: "@@ line 2 @@\n-Port 22\n+Port 2222" },
    ],
    [
      "more of them",
      { ...port, multiple: true },
      at("Port 2222", "3:Port 9"),
      { action: "update", props: ["line"], because: "1 more lines match", text: "@@ line 3 @@\n-Port 9\n+Port 2222" },
    ],
    ["none may match, none does", { absent: "^x" }, at(""), { action: "none" }],
    [
      "none may match, one does",
      { absent: "^x" },
      at("x:1", "7:x:1"),
      { action: "update", props: ["absent"], because: "1 lines match, wanted none", text: "@@ line 7 @@\n-x:1" },
    ],
  ])("%s", (_what, props, seen, change) => {
    expect(line.plan(want(props), seen as never, undefined)).toEqual(change)
  })
})

test("what was read in its place must still be there; where nothing was, whatever has come is replaced", () => {
  const script = (seen: object): string | undefined =>
    kind.change({ want: want(port), seen: seen as never, change: { action: "create" }, last: undefined, token: "t" })
      .script
  expect(script({ absent: true, shown: { found: "2:#Port 22" } })).toContain("= '#Port 22' ] || exit 10")
  expect(script({ absent: true, shown: { found: "" } })).not.toContain("exit 10")
})

test("none of it is removed where nothing was left there", () => {
  expect(kind.removal(at("") as never, undefined)).toEqual({})
  expect(kind.removal({ absent: true }, last)).toEqual({})
  expect(kind.removal(at("Port 2222") as never, last).script).toContain("'Port 2222'")
})

test("lines in one file are told apart by what they stand for", () => {
  expect([port, { line: "x" }, { absent: "^x" }].map((props) => line.id(want(props)))).toEqual([
    "/etc/conf: ^#?Port ",
    "/etc/conf: x",
    "/etc/conf: no ^x",
  ])
})

test.each([
  [{}, "give either line or absent"],
  [{ line: "x", absent: "y" }, "give either line or absent"],
  [{ absent: "y", replaces: "z" }, "leave replaces out"],
  [{ line: "a\nb" }, "a line holds no newline"],
  [{ line: "x", replaces: "a\nb" }, "an expression is one line"],
  [{ line: "x", place: "middle" }, "Invalid input"],
  [{ line: "x", create: "999" }, "octal digits"],
])("%o is refused: %s", (props, words) => {
  const result = line.props.safeParse({ path: "/etc/conf", ...props })
  expect(result.success ? "" : JSON.stringify(result.error.issues)).toContain(words)
})
