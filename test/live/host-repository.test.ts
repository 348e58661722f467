import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { conformsTests } from "../../src/testing.ts"
import { debRepository } from "../support/deb-repository.ts"
import { need } from "../support/need.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, rootConnection, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 240_000 })

const canRun = [canBootSystemd(), need("gpg", { install: "apt-get install gnupg" })].every(Boolean)
const FOLDER = "/srv/repository"
let root: SystemdRoot
let world: HostWorld
let keys: string
let signer: { readonly text: string; readonly bytes: Uint8Array; readonly fingerprint: string }

beforeAll(async () => {
  if (!canRun) return
  root = await systemdRoot()
  keys = mkdtempSync(join(tmpdir(), "fettle-gpg-"))
  signer = newKey("signer@example.org")
  const repository = debRepository(root)
  repository.add({ name: "fettle-signed" })
  const packages = readFileSync(root.path(`${FOLDER}/Packages`))
  const release = `Suite: stable\nSHA256:\n ${createHash("sha256").update(packages).digest("hex")} ${packages.length} Packages\n`
  writeFileSync(root.path(`${FOLDER}/InRelease`), gpg(["--clearsign", "--local-user", "signer@example.org"], release))
  root.run("sh", "-c", ": >/etc/apt/sources.list; rm -rf /var/lib/apt/lists/*; chmod -R a+rX /srv")
  world = await HostWorld.open({ scope: "repository", prefix: root.enter as [string, ...string[]] })
}, 240_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
  if (keys !== undefined) {
    execFileSync("gpgconf", ["--homedir", keys, "--kill", "all"])
    rmSync(keys, { recursive: true })
  }
})

function gpg(words: readonly string[], input = ""): Buffer {
  return execFileSync("gpg", ["--homedir", keys, "--batch", "--quiet", "--passphrase", "", ...words], {
    input,
    stdio: "pipe",
  })
}

function newKey(name: string): typeof signer {
  gpg(["--quick-generate-key", name, "ed25519", "sign", "never"])
  const told = gpg(["--with-colons", "--fingerprint", name]).toString()
  return {
    text: gpg(["--armor", "--export", name]).toString(),
    bytes: new Uint8Array(gpg(["--export", name])),
    fingerprint: /^fpr:+([0-9A-F]{40}):/m.exec(told)?.[1] ?? "",
  }
}

const shop = (props: object = {}): TestNode =>
  node(host.repository, "shop", {
    name: "shop",
    apt: { uris: [`file:${FOLDER}`], suites: ["./"] },
    key: { content: signer.text, fingerprints: [signer.fingerprint] },
    ...props,
  })
const listed = (path: string): boolean => existsSync(root.path(path))
const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> => world.apply(nodes)

describe.skipIf(!canRun)("repositories of apt", () => {
  test("a signed one is there with its key, and its packages are known in the same request", async () => {
    const done = await apply(shop())
    expect(failures(done)).toEqual([])
    expect(done.get("shop")?.change).toMatchObject({ action: "create", text: expect.stringContaining("+Suites: ./") })
    expect(readFileSync(root.path("/etc/apt/sources.list.d/shop.sources"), "utf8")).toBe(
      `# Written by fettle: it replaces what is changed here.\nTypes: deb\nURIs: file:${FOLDER}\nSuites: ./\nSigned-By: /etc/apt/keyrings/shop.asc\n`,
    )
    expect(root.run("apt-cache", "policy", "fettle-signed")).toContain("Candidate: 1.0")
    expect((await apply(shop())).get("shop")?.change).toEqual({ action: "none" })
    const moved = await apply(shop({ apt: { uris: [`file:${FOLDER}/`], suites: ["./"] } }))
    expect(failures(moved)).toEqual([])
    expect(moved.get("shop")?.change).toMatchObject({
      action: "update",
      props: ["apt"],
      text: expect.stringContaining(`-URIs: file:${FOLDER}\n+URIs`),
    })
    expect(failures(await apply(left(shop(), moved)))).toEqual([])
    expect(["/etc/apt/sources.list.d/shop.sources", "/etc/apt/keyrings/shop.asc"].map(listed)).toEqual([false, false])
  })

  test("a key as bytes, and one from a local file", async () => {
    const bytes = shop({
      key: { content: signer.bytes, fingerprints: [signer.fingerprint.replace(/.{4}/g, "$& ").toLowerCase()] },
    })
    const done = await apply(bytes)
    expect([failures(done), listed("/etc/apt/keyrings/shop.gpg")]).toEqual([[], true])
    expect(failures(await apply(left(bytes, done)))).toEqual([])
    const source = join(keys, "shop.asc")
    writeFileSync(source, signer.text)
    const local = shop({ key: { source, fingerprints: [signer.fingerprint] } })
    const made = await apply(local)
    expect(failures(made)).toEqual([])
    expect((await apply(local)).get("shop")?.change).toEqual({ action: "none" })
    writeFileSync(source, newKey("other@example.org").text)
    expect((await world.read([local])).get("shop")).toMatchObject({
      failed: {
        code: "FILE_REFUSED",
        fact: expect.stringMatching(/holds the key [0-9A-F]{40}, which is none of its fingerprints/),
      },
    })
    expect(failures(await apply(left(local, made)))).toEqual([])
  })

  test("another key than it names is refused where it is declared", () => {
    expect(() => shop({ key: { content: signer.text, fingerprints: ["A".repeat(40)] } })).toThrow(
      /none of its fingerprints/,
    )
  })

  test("one that another key signs is refused by apt, and nothing of it stays", async () => {
    const done = await apply(shop({ key: { content: newKey("stranger@example.org").text } }))
    expect(failures(done)).toEqual([expect.stringMatching(/^shop: CHANGE_FAILED its package list cannot be fetched: /)])
    expect(["/etc/apt/sources.list.d/shop.sources", "/etc/apt/keyrings/shop.asc"].map(listed)).toEqual([false, false])
  })

  test("a list that could not be fetched after a change is due again", async () => {
    const done = await apply(shop())
    const wrong = shop({ apt: { uris: ["file:/srv/nowhere"], suites: ["./"] } })
    expect(failures(await apply(wrong))).toEqual([expect.stringContaining("CHANGE_FAILED")])
    const last = { ...left(wrong, done).last, unfinished: true } as never
    expect((await apply({ ...wrong, last })).get("shop")?.change).toMatchObject({
      action: "update",
      because: "its list was not fetched",
    })
    expect(failures(await apply(left(shop(), await apply(shop()))))).toEqual([])
  })
})

const connection = rootConnection(() => root.enter)

describe.skipIf(!canRun)("host.repository", () => {
  conformsTests(
    host.repository,
    {
      connection,
      props: (variant) => ({
        name: `c${variant}`,
        apt: { uris: [`file:${FOLDER}`], suites: ["./"], options: { Enabled: "no" } },
        key: { content: signer.text },
        refresh: false,
      }),
      change: (props) => ({ ...props, apt: { uris: [`file:${FOLDER}/`], suites: ["./"], options: { Enabled: "no" } } }),
      count: () => Number(root.run("sh", "-c", "ls /etc/apt/sources.list.d | grep -c ^c || true")),
      foreign: ({ name }) =>
        writeFileSync(root.path(`/etc/apt/sources.list.d/${name}.sources`), "Types: deb\nEnabled: no\n"),
      refused: (variant) => ({ name: `r${variant}`, apt: { uris: ["file:/srv/nowhere"], suites: ["./"] } }),
    },
    { test },
  )
})
