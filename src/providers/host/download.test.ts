import { expect, test } from "vitest"
import { hostKindOf } from "../../connect/host/kind.ts"
import { download } from "./download.ts"

const kind = hostKindOf(download)
const SHA = "a".repeat(64)
const want = (props: object = {}) =>
  download.props.parse({ path: "/opt/a", url: "https://example.com/a", sha256: SHA.toUpperCase(), ...props })
const at = (props: object = {}) => ({
  outputs: { path: "/opt/a", hash: SHA, sizeBytes: 1, mode: "0644", owner: "root", group: "root", ...props },
})

test.each([
  ["not there", {}, { absent: true }, { action: "create" }],
  ["as wanted, from another address", { url: "https://other.example/a" }, at(), { action: "none" }],
  [
    "another content",
    {},
    at({ hash: "b" }),
    { action: "update", props: ["sha256"], because: "its hash is another one" },
  ],
  ["another mode", { mode: "755" }, at(), { action: "update", props: ["mode"], because: "mode is 0644, wanted 0755" }],
  [
    "another owner",
    { owner: "shop" },
    at(),
    { action: "update", props: ["owner"], because: "owner is root, wanted shop" },
  ],
])("%s", (_what, props, seen, change) => {
  expect(download.plan(want(props), seen as never, undefined)).toEqual(change)
})

test.each([
  [22, "/x belongs to ann", "FILE_REFUSED", "/x belongs to ann"],
  [26, "curl: (22) 404", "CHANGE_FAILED", "https://example.com/a cannot be fetched: curl: (22) 404"],
  [
    25,
    "5 bbb",
    "CHANGE_FAILED",
    "what came from https://example.com/a is not what is wanted: 5 bytes with the SHA-256 bbb",
  ],
  [42, "the host has neither curl nor wget", "HOST_TOOLS", "the host has neither curl nor wget"],
])("exit code %d has its own error", (exitCode, err, code, fact) => {
  const failed = kind?.failure?.({ exitCode, out: "", err }, want())
  expect([failed?.code, failed?.fact]).toEqual([code, fact])
})

test.each([
  ["no hash", { sha256: "abc" }],
  ["a file of the host", { url: "file:///etc/passwd" }],
  ["a password in the address", { url: "https://a:b@example.com/a" }],
  ["a space in the address", { url: "https://example.com/a b" }],
  ["a newline in the address", { url: 'https://example.com/a"\noutput = "/etc/passwd' }],
  ["a newline in a header", { headers: { A: "b\nC: d" } }],
  ["a header that is none", { headers: { "A: b\nC": "d" } }],
])("%s is refused", (_what, props) => {
  expect(
    download.props.safeParse({ path: "/opt/a", url: "https://example.com/a", sha256: SHA, ...props }).success,
  ).toBe(false)
})
