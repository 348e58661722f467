import { expect, test } from "vitest"
import type { ConfigFile, Survey } from "../events/survey.ts"
import { comparisonLines } from "../report/comparison-page.ts"
import { comparison } from "./compare.ts"

const file = (path: string, more: Partial<ConfigFile> = {}): ConfigFile => ({
  path,
  type: "file",
  why: "unowned",
  mode: "0644",
  uid: 0,
  gid: 0,
  sizeBytes: 5,
  changedAt: "2026-01-01T00:00:00.000Z",
  md5: "a".repeat(32),
  secret: false,
  ...more,
})

const versions = (all: Readonly<Record<string, string>>): Survey["packages"] => {
  return { by: "apt", installed: 1, own: [], broken: [], held: [], versions: all }
}

function found(host: string, more: Partial<Survey> = {}): Survey {
  return { host, at: "2026-01-01T00:00:00.000Z", tookMs: 1, uid: 0, unseen: [], ...more }
}

test.each<readonly [string, Partial<Survey>, Partial<Survey>, readonly unknown[]]>([
  ["equal", { packages: versions({ a: "1" }) }, { packages: versions({ a: "1" }) }, []],
  [
    "packages",
    { packages: versions({ a: "1", b: "1" }) },
    { packages: versions({ a: "2", c: "1" }) },
    [
      { part: "packages", name: "a", left: "1", right: "2" },
      { part: "packages", name: "b", left: "1", right: undefined },
      { part: "packages", name: "c", left: undefined, right: "1" },
    ],
  ],
  ["what one side did not tell", { packages: versions({ a: "1" }) }, {}, []],
  [
    "configuration: content, mode, owner, link",
    {
      config: {
        own: [file("/a"), file("/b"), file("/c"), file("/l", { type: "link", to: "x" }), file("/same")],
        removed: [],
        generated: 0,
      },
    },
    {
      config: {
        own: [
          file("/a", { md5: "b".repeat(32) }),
          file("/b", { mode: "0600" }),
          file("/c", { uid: 5 }),
          file("/l", { type: "link", to: "y" }),
          file("/same", { changedAt: "" }),
        ],
        removed: ["/gone"],
        generated: 3,
      },
    },
    [
      { part: "configuration", name: "/a", left: "file 0644 0:0 aaaaaaaaaaaa", right: "file 0644 0:0 bbbbbbbbbbbb" },
      { part: "configuration", name: "/b", left: expect.any(String), right: "file 0600 0:0 aaaaaaaaaaaa" },
      { part: "configuration", name: "/c", left: expect.any(String), right: "file 0644 5:0 aaaaaaaaaaaa" },
      { part: "configuration", name: "/l", left: "link to x", right: "link to y" },
      { part: "removed configuration", name: "/gone", left: undefined, right: "removed" },
    ],
  ],
  [
    "settings",
    { settings: { "vm.a": "1" } },
    { settings: { "vm.a": "2" } },
    [{ part: "kernel settings", name: "vm.a", left: "1", right: "2" }],
  ],
  [
    "ports",
    { ports: [{ protocol: "tcp", address: "::", port: 22, process: "sshd" }] },
    {
      ports: [
        { protocol: "tcp", address: "127.0.0.1", port: 41_000 },
        { protocol: "udp", address: "::", port: 41_000 },
      ],
    },
    [{ part: "open ports", name: "22/tcp ::", left: "sshd", right: undefined }],
  ],
])("%s", (_, left, right, differences) => {
  expect(comparison(found("web1", left), found("web2", right)).differences).toEqual(differences)
})

test("what only root sees is compared only where both sides saw it", () => {
  const user = { name: "ann", uid: 1, gid: 1, about: "", home: "/", shell: "sh", groups: [] }
  const key = { type: "ssh-ed25519", fingerprint: "SHA256:x", comment: "", restricted: false }
  const rules = [{ file: "/etc/sudoers", rule: "ann ALL" }]
  const root = found("web1", { accounts: { users: [{ ...user, keys: [key], password: "set" }], groups: [], rules } })
  const unseen = ["keys of ann: x", "passwords: x", "who may become root: x"].map((why) => ({ part: "users", why }))
  const other = found("web2", { accounts: { users: [{ ...user, keys: [] }], groups: [], rules: [] }, unseen })
  expect(comparison(root, other)).toMatchObject({
    differences: [],
    notCompared: unseen.map((each) => ({ ...each, host: "web2" })),
  })
  expect(comparison(root, { ...other, unseen: [] }).differences).toHaveLength(2)
})

test("the page: who is who, texts, and nothing but text", () => {
  const compared = {
    left: "web1",
    right: "web2",
    differences: [
      {
        part: "configuration",
        name: "/etc/\x1b[2Ja",
        left: "file 0644 0:0 a",
        right: "file 0600 0:0 b",
        text: "@@ -1 +1 @@\n-a\x07\n+b",
      },
      { part: "packages", name: "nginx", left: "1" },
    ],
    notCompared: [],
  }
  const page = comparisonLines(compared, { color: false, columns: 80, verbose: false }).join("\n")
  expect(page).toContain("  ~  /etc/\\x1b[2Ja  0644 0:0 → 0600 0:0\n      @@ -1 +1 @@\n      -a\\x07\n      +b")
  expect(page).toContain("  -  nginx  1")
  expect(page).toContain("2 differences · - is web1, + is web2")
  const equal = comparisonLines({ ...compared, differences: [] }, { color: false, columns: 80, verbose: false })
  expect(equal).toEqual(["web1 and web2 are equal"])
})
