import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { need } from "../support/need.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 120_000 })

const canRun = [
  need("dnf", { install: "apt-get install dnf" }),
  need("createrepo_c", { install: "apt-get install createrepo-c" }),
  canBootSystemd(),
].every(Boolean)

let root: SystemdRoot
let world: HostWorld

beforeAll(async () => {
  if (!canRun) return
  root = await systemdRoot()
  mkdirSync(root.path("/srv/rpms"))
  root.run("createrepo_c", "-q", "/srv/rpms")
  world = await HostWorld.open({ scope: "repository", prefix: root.enter as [string, ...string[]] })
}, 120_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

/** No real key: dnf looks at it when it installs, and there is nothing to install. */
const KEY = `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${Buffer.from([0x98, 6, 4, 0, 0, 0, 1, 1]).toString("base64")}\n-----END PGP PUBLIC KEY BLOCK-----\n`
const FILES = ["/etc/yum.repos.d/shop.repo", "/etc/pki/rpm-gpg/RPM-GPG-KEY-fettle-shop"]
const shop = (baseurl: string): TestNode =>
  node(host.repository, "shop", { name: "shop", dnf: { baseurl: [baseurl] }, key: { content: KEY } })

test.skipIf(!canRun)("a repository of dnf is there with its key, its list fetched, and goes again", async () => {
  root.run("mkdir", "-p", "/etc/pki/rpm-gpg", "/etc/yum.repos.d")
  const done = await world.apply([shop("file:///srv/rpms")])
  expect(failures(done)).toEqual([])
  expect(readFileSync(root.path(FILES[0] as string), "utf8")).toContain("gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/")
  expect(root.run("dnf", "-C", "repolist", "--enabled")).toContain("shop")
  expect((await world.apply([shop("file:///srv/rpms")])).get("shop")?.change).toEqual({ action: "none" })
  expect(failures(await world.apply([left(shop("file:///srv/rpms"), done)]))).toEqual([])
  expect(FILES.map((path) => existsSync(root.path(path)))).toEqual([false, false])
})

test.skipIf(!canRun)("one whose list cannot be fetched leaves nothing", async () => {
  expect(failures(await world.apply([shop("file:///srv/nowhere")]))).toEqual([
    expect.stringMatching(/^shop: CHANGE_FAILED its package list cannot be fetched: /),
  ])
  expect(FILES.map((path) => existsSync(root.path(path)))).toEqual([false, false])
})
