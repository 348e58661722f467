import { describe, expect, test } from "vitest"
import { keyRing } from "./openpgp.ts"
import { repository } from "./repository.ts"
import { keyFile, sourceFile, sourceText } from "./repository-files.ts"

const of = (props: object) => repository.props.parse({ name: "shop", ...props })
const HEAD = "# Written by fettle: it replaces what is changed here.\n"
/** An RSA key of version 4 with no numbers in it: only its packet is looked at. */
const packet = Buffer.from([0x98, 6, 4, 0, 0, 0, 1, 1])
const armored = `-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n${packet.toString("base64")}\n-----END PGP PUBLIC KEY BLOCK-----\n`

describe("the files of each manager", () => {
  test("apt", () => {
    const want = of({
      apt: {
        uris: ["https://a.example/deb"],
        suites: ["stable"],
        components: ["main", "extra"],
        architectures: ["amd64"],
      },
      key: { content: armored },
    })
    expect([sourceFile(want), keyFile(want)]).toEqual([
      "/etc/apt/sources.list.d/shop.sources",
      "/etc/apt/keyrings/shop.asc",
    ])
    expect(sourceText(want)).toBe(
      `${HEAD}Types: deb\nURIs: https://a.example/deb\nSuites: stable\nComponents: main extra\nArchitectures: amd64\nSigned-By: /etc/apt/keyrings/shop.asc\n`,
    )
  })

  test("dnf", () => {
    const want = of({
      dnf: { baseurl: ["https://a.example/$releasever"], options: { priority: "10" } },
      key: { content: armored },
    })
    expect(sourceText(want)).toBe(
      `${HEAD}[shop]\nname=shop\nenabled=1\nbaseurl=https://a.example/$releasever\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fettle-shop\npriority=10\n`,
    )
    expect(sourceText(of({ dnf: { metalink: "https://a.example/m" } }))).toContain("gpgcheck=0\n")
  })

  test("apk", () => {
    const want = of({
      apk: { urls: ["https://a.example/v3", "https://b.example/v3"], tag: "edge" },
      key: { content: "x", name: "a-1.rsa.pub" },
    })
    expect([sourceFile(want), keyFile(want)]).toEqual([
      "/etc/apk/repositories.d/shop.list",
      "/etc/apk/keys/a-1.rsa.pub",
    ])
    expect(sourceText(want)).toBe(`${HEAD}@edge https://a.example/v3\n@edge https://b.example/v3\n`)
  })
})

test.each([
  ["no way", {}],
  ["two ways", { apt: { uris: ["https://a"], suites: ["x"] }, apk: { urls: ["https://a"] } }],
  ["a newline in a URL", { apk: { urls: ["https://a\nhttps://b"] } }],
  ["a newline in an option", { dnf: { baseurl: ["https://a"], options: { x: "1\n[b]" } } }],
  ["a name that is a path", { name: "../x", apk: { urls: ["https://a"] } }],
  ["a key that is none", { dnf: { baseurl: ["https://a"] }, key: { content: "hello" } }],
  ["a key of apk without a name", { apk: { urls: ["https://a"] }, key: { content: "x" } }],
])("%s is refused", (_what, props) => {
  expect(repository.props.safeParse({ name: "shop", ...props }).success).toBe(false)
})

test.each([
  ["armored", armored, { fingerprints: [expect.stringMatching(/^[0-9A-F]{40}$/)] }],
  ["bytes", new Uint8Array(packet), { fingerprints: [expect.stringMatching(/^[0-9A-F]{40}$/)] }],
  ["two", new Uint8Array([...packet, ...packet]), { fingerprints: [expect.any(String), expect.any(String)] }],
  ["cut short", new Uint8Array(packet.subarray(0, 5)), { wrong: "it is cut short" }],
  ["a private key", new Uint8Array([0x94, 1, 4]), { wrong: "it is a private key" }],
  ["an armored private key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", { wrong: "it is a private key" }],
  ["an old version", new Uint8Array([0x98, 1, 3]), { wrong: "it is a key of version 3, which is not known here" }],
  ["nothing", new Uint8Array(), { wrong: "there is no public key in it" }],
  ["text", "hello", { wrong: expect.stringContaining("no armored public key") }],
])("a key ring: %s", (_what, key, found) => {
  expect(keyRing(key)).toEqual(found)
})
