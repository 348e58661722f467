import { mkdirSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { need } from "../support/need.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 120_000 })

const canRun = [
  need("dnf", { install: "apt-get install dnf" }),
  need("rpmbuild", { install: "apt-get install rpm" }),
  need("createrepo_c", { install: "apt-get install createrepo-c" }),
  canBootSystemd(),
].every(Boolean)

const FOLDER = "/srv/rpms"
let root: SystemdRoot
let world: HostWorld

beforeAll(async () => {
  if (!canRun) return
  root = await systemdRoot()
  mkdirSync(root.path("/etc/yum.repos.d"), { recursive: true })
  mkdirSync(root.path(FOLDER))
  writeFileSync(root.path("/etc/yum.repos.d/test.repo"), `[test]\nname=test\nbaseurl=file://${FOLDER}\ngpgcheck=0\n`)
  build("fettle-one", "1.0")
  build("fettle-one", "2.0")
  build("fettle-two")
  build("fettle-needs", "1.0", "Requires: fettle-two")
  world = await HostWorld.open({ scope: "dnf", prefix: root.enter as [string, ...string[]] })
}, 120_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

/** An empty package, in the repository. */
function build(name: string, version = "1.0", more = ""): void {
  const spec = `Name: ${name}\nVersion: ${version}\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n${more}\n%description\nx\n%files\n`
  writeFileSync(root.path("/tmp/a.spec"), spec)
  root.run("rpmbuild", "-bb", "--define", `_rpmdir ${FOLDER}`, "/tmp/a.spec")
  root.run("createrepo_c", "-q", FOLDER)
}

const wanted = (name: string, more: object = {}): TestNode =>
  node(host.package, name, { name, manager: "dnf", ...more })
const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> =>
  world.apply(nodes, { timeoutMs: 100_000 })
const installed = (): string[] =>
  root.run("sh", "-c", "rpm -qa --qf '%{NAME} %{VERSION}\\n' | sort").split("\n").filter(Boolean)

describe.skipIf(!canRun)("packages by a real dnf", () => {
  test("many are installed at once, an unknown one is named, and a second plan changes nothing", async () => {
    const nodes = [wanted("fettle-one", { version: "1.0-1" }), wanted("fettle-needs")]
    const done = await apply(...nodes, wanted("fettle-nowhere"))
    expect(failures(done)).toEqual([
      "fettle-nowhere: PACKAGE_UNKNOWN the host's repositories have no package fettle-nowhere",
    ])
    expect(installed()).toEqual(["fettle-needs 1.0", "fettle-one 1.0", "fettle-two 1.0"])
    expect(done.get("fettle-needs")?.result).toEqual({
      outputs: { name: "fettle-needs", version: "1.0-1", manager: "dnf" },
    })
    expect([...(await apply(...nodes)).values()].map(({ change }) => change.action)).toEqual(["none", "none"])
  })

  test("the newest that the lists know is reached, and told before", async () => {
    expect(failures(await apply(wanted("fettle-one", { version: "1.0-1" })))).toEqual([])
    const up = await apply(wanted("fettle-one", { latest: true }))
    expect([failures(up), up.get("fettle-one")?.change]).toEqual([
      [],
      { action: "update", props: ["latest"], because: "it is 1.0-1, and the package lists know 2.0-1" },
    ])
    expect((await apply(wanted("fettle-one", { latest: true }))).get("fettle-one")?.change).toEqual({ action: "none" })
  })

  test("a version is reached up and down", async () => {
    for (const version of ["2.*", "1.0-1", "2.0-1"]) {
      expect(failures(await apply(wanted("fettle-one", { version })))).toEqual([])
      expect(installed()).toContain(`fettle-one ${version.slice(0, 1)}.0`)
    }
  })

  test("one that came after the lists were fetched is found", async () => {
    build("fettle-new")
    expect(failures(await apply(wanted("fettle-new")))).toEqual([])
  })

  test("what is needed stays; nothing is removed along", async () => {
    const two = wanted("fettle-two")
    const needs = wanted("fettle-needs")
    const done = await apply(two, needs)
    const seen = new Map([...done].map(([name]) => [name, outputsOf(name)]))
    expect(failures(await world.change([gone(two)], seen, { timeoutMs: 100_000 }))).toEqual([
      "fettle-two: PACKAGE_NEEDED to remove it would also remove fettle-needs-1.0-1.noarch",
    ])
    expect(failures(await apply(gone(needs)))).toEqual([])
    expect(installed()).toContain("fettle-two 1.0")
    expect(failures(await apply(gone(two), gone(wanted("fettle-one"))))).toEqual([])
    expect(installed()).toEqual(["fettle-new 1.0"])
  })
})

function outputsOf(name: string): { outputs: object } {
  return { outputs: { name, version: "1.0-1", manager: "dnf" } }
}

function gone(of: TestNode): TestNode {
  return left(of, new Map([[of.address, { change: { action: "create" }, result: outputsOf(of.address) }]]))
}
