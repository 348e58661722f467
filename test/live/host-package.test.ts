import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { debRepository } from "../support/deb-repository.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 120_000 })

const canBoot = canBootSystemd()
let root: SystemdRoot
let repository: ReturnType<typeof debRepository>
let world: HostWorld

const CONF = "/etc/fettle-one.conf"

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  repository = debRepository(root)
  const note = (name: string): string => `echo ${name} >>/var/log/postinst`
  repository.add(
    { name: "fettle-one", files: { [CONF]: "as packaged\n" }, postinst: note("one") },
    { name: "fettle-one", version: "2.0", files: { [CONF]: "as packaged anew\n" }, postinst: note("one") },
    { name: "fettle-two", postinst: note("two") },
    { name: "fettle-needs", control: "Depends: fettle-two\n" },
    { name: "fettle-hater", control: "Conflicts: fettle-two\n" },
    { name: "fettle-broken", postinst: "echo 'no luck today' >&2; [ -e /srv/lucky ]" },
    {
      name: "fettle-daemon",
      files: {
        "/lib/systemd/system/fettle-daemon.service":
          "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n",
      },
      postinst:
        "systemctl daemon-reload; deb-systemd-helper enable fettle-daemon.service; deb-systemd-invoke start fettle-daemon.service",
    },
  )
  repository.update()
  root.run("rm", "-f", "/usr/sbin/policy-rc.d") // images of containers have one
  world = await HostWorld.open({ scope: "packages", prefix: root.enter as [string, ...string[]] })
}, 120_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

const wanted = (name: string, more: object = {}): TestNode => node(host.package, name, { name, ...more })
const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> =>
  world.apply(nodes, { timeoutMs: 100_000 })
const status = (name: string): string =>
  root.run("sh", "-c", `dpkg-query -W -f '\${db:Status-Status} \${Version}' ${name} 2>/dev/null || true`)
const runs = (): number => {
  const log = root.path("/var/log/apt/history.log")
  return existsSync(log) ? readFileSync(log, "utf8").split("Commandline:").length - 1 : 0
}
const changes = (done: ReadonlyMap<string, Done>): readonly string[] =>
  [...done.values()].map(({ change }) => change.action)

describe.skipIf(!canBoot)("packages by apt", () => {
  beforeEach(() => {
    root.run(
      "sh",
      "-c",
      "DEBIAN_FRONTEND=noninteractive apt-get -qq -y purge 'fettle-*' >/dev/null 2>&1 || dpkg --purge --force-all fettle-broken",
    )
    root.run("rm", "-f", "/srv/lucky", "/var/log/postinst")
  })

  test("many are installed by one run, and a second plan changes nothing", async () => {
    const nodes = [wanted("fettle-one"), wanted("fettle-two"), wanted("fettle-needs"), wanted("tar")]
    const before = runs()
    const done = await apply(...nodes)
    expect(failures(done)).toEqual([])
    expect(changes(done)).toEqual(["create", "create", "create", "none"])
    expect(done.get("fettle-one")?.result).toEqual({ outputs: { name: "fettle-one", version: "2.0", manager: "apt" } })
    expect(runs() - before).toBe(1)
    expect(changes(await apply(...nodes))).toEqual(["none", "none", "none", "none"])
  })

  test("the newest that the lists know is reached, and told before", async () => {
    expect(failures(await apply(wanted("fettle-one", { version: "1.0" })))).toEqual([])
    const up = await apply(wanted("fettle-one", { latest: true }))
    expect([failures(up), up.get("fettle-one")?.change]).toEqual([
      [],
      { action: "update", props: ["latest"], because: "it is 1.0, and the package lists know 2.0" },
    ])
    expect((await apply(wanted("fettle-one", { latest: true }))).get("fettle-one")?.change).toEqual({ action: "none" })
  })

  test("a version is reached up and down, and a changed configuration file is kept", async () => {
    expect(failures(await apply(wanted("fettle-one", { version: "1.0" })))).toEqual([])
    writeFileSync(root.path(CONF), "mine\n")
    const up = await apply(wanted("fettle-one", { version: "2.*" }))
    expect(up.get("fettle-one")?.change).toMatchObject({ because: "it is 1.0, wanted 2.*" })
    expect([failures(up), status("fettle-one")]).toEqual([[], "installed 2.0"])
    expect(readFileSync(root.path(CONF), "utf8")).toBe("mine\n")
    expect(failures(await apply(wanted("fettle-one", { version: "1.0" })))).toEqual([])
    expect(status("fettle-one")).toBe("installed 1.0")
    expect(changes(await apply(wanted("fettle-one")))).toEqual(["none"])
  })

  test("an unknown one is named and holds up no other; what looks like a pattern is none", async () => {
    const done = await apply(
      wanted("fettle-nowhere"),
      wanted("fettle-two"),
      wanted("fettle.o+ne"),
      wanted("fettle-one", { version: "7" }),
    )
    expect(failures(done)).toEqual([
      "fettle-nowhere: PACKAGE_UNKNOWN the host's repositories have no package fettle-nowhere",
      "fettle.o+ne: PACKAGE_UNKNOWN the host's repositories have no package fettle.o+ne",
      "fettle-one: PACKAGE_UNKNOWN the host's repositories have no package fettle-one 7",
    ])
    expect([status("fettle-two"), status("fettle-one")]).toEqual(["installed 1.0", ""])
  })

  test("lists are refreshed where a package is not found, or where they are older than is wanted", async () => {
    const name = `fettle-new${Date.now()}`
    repository.add({ name })
    expect(failures(await apply(wanted(name)))).toEqual([])
    repository.add({ name: "fettle-two", version: "1.5" })
    expect(failures(await apply(wanted("fettle-two")))).toEqual([])
    expect(status("fettle-two")).toBe("installed 1.0")
    root.run("apt-get", "-qq", "-y", "purge", "fettle-two")
    root.run("touch", "-d", "3 hours ago", "/var/lib/apt/lists")
    expect(failures(await apply(wanted("fettle-two", { refreshAfterMinutes: 240 })))).toEqual([])
    expect(status("fettle-two")).toBe("installed 1.0")
    root.run("apt-get", "-qq", "-y", "purge", "fettle-two")
    expect(failures(await apply(wanted("fettle-two", { refreshAfterMinutes: 120 })))).toEqual([])
    expect(status("fettle-two")).toBe("installed 1.5")
  })

  test("while somebody else holds the lock it waits, but not for ever, and says who it is", async () => {
    const first = await lock()
    const patient = apply(wanted("fettle-two"))
    await sleep(2_500)
    expect(status("fettle-two")).toBe("")
    await first()
    expect(failures(await patient)).toEqual([])
    const second = await lock()
    const given = failures(await apply(wanted("fettle-one", { lockWaitMs: 1_000 })))
    await second()
    expect(given).toHaveLength(1)
    expect(given[0]).toMatch(/^fettle-one: PACKAGES_LOCKED process \d+ \(perl\) works with the packages of the host$/)
  })

  test("one that cannot be configured fails alone, is seen as cut off, and is finished later", async () => {
    const done = await apply(wanted("fettle-broken"), wanted("fettle-two"))
    expect(failures(done)).toHaveLength(1)
    expect(failures(done)[0]).toMatch(/^fettle-broken: CHANGE_FAILED [\s\S]*no luck today/)
    expect([status("fettle-broken"), status("fettle-two")]).toEqual([
      "half-configured 1.0",
      expect.stringMatching(/^installed/),
    ])
    writeFileSync(root.path("/srv/lucky"), "")
    const again = await apply(wanted("fettle-broken"))
    expect(again.get("fettle-broken")?.change).toMatchObject({
      because: "it is half-configured: an installation was cut off",
    })
    expect([failures(again), status("fettle-broken")]).toEqual([[], "installed 1.0"])
  })

  test("a dpkg that was interrupted is mended first", async () => {
    expect(failures(await apply(wanted("fettle-two")))).toEqual([])
    root.run(
      "sh",
      "-c",
      "printf 'Package: fettle-two\\nStatus: install ok unpacked\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: N <n@e.org>\\nDescription: x\\n' >/var/lib/dpkg/updates/0001",
    )
    expect(failures(await apply(wanted("fettle-one")))).toEqual([])
    expect([status("fettle-one"), status("fettle-two").slice(0, 9)]).toEqual(["installed 2.0", "installed"])
  })

  test("nothing else is ever removed: neither by an installation nor along with a removal", async () => {
    const two = wanted("fettle-two")
    const needs = wanted("fettle-needs")
    const done = await apply(two, needs)
    const hater = failures(await apply(wanted("fettle-hater")))
    expect([hater.length, hater[0]?.includes("CHANGE_FAILED")]).toEqual([1, true])
    expect(failures(await apply(left(two, done)))).toEqual([
      "fettle-two: PACKAGE_NEEDED to remove it would also remove fettle-needs",
    ])
    expect(status("fettle-two")).toMatch(/^installed/)
    const before = runs()
    expect(failures(await apply(left(two, done), left(needs, done)))).toEqual([])
    expect([status("fettle-two"), status("fettle-needs"), runs() - before]).toEqual(["", "", 1])
    expect(
      failures(
        await world.change([left(two, done)], new Map([["fettle-two", done.get("fettle-two")?.result as never]])),
      ),
    ).toEqual([])
  })

  test("its configuration stays when it is removed, and goes where that is wanted", async () => {
    const kept = wanted("fettle-one")
    expect(failures(await apply(left(kept, await apply(kept))))).toEqual([])
    expect([status("fettle-one"), existsSync(root.path(CONF))]).toEqual(["config-files 2.0", true])
    expect((await world.read([kept])).get("fettle-one")).toEqual({ absent: true })
    const purged = wanted("fettle-one", { purge: true })
    expect(failures(await apply(left(purged, await apply(purged))))).toEqual([])
    expect([status("fettle-one"), existsSync(root.path(CONF))]).toEqual(["", false])
  })

  test("its services can be kept from starting", async () => {
    const active = (): string => root.run("sh", "-c", "systemctl is-active fettle-daemon || true").trim()
    expect(failures(await apply(wanted("fettle-daemon", { startServices: false })))).toEqual([])
    expect([active(), existsSync(root.path("/usr/sbin/policy-rc.d"))]).toEqual(["inactive", false])
    root.run("apt-get", "-qq", "-y", "purge", "fettle-daemon")
    expect(failures(await apply(wanted("fettle-daemon")))).toEqual([])
    expect(active()).toBe("active")
    root.run("systemctl", "stop", "fettle-daemon")
  })

  test("a thousand are looked at by one process, within seconds on a busy machine", async () => {
    const names = root.run("dpkg-query", "-W", "-f", "${Package}\n").trim().split("\n")
    const nodes = Array.from({ length: 1_000 }, (_, at) => wanted(names[at] ?? `fettle-none${at}`))
    const from = performance.now()
    const seen = await world.read([...new Map(nodes.map((each) => [each.address, each])).values()])
    expect(performance.now() - from).toBeLessThan(3_000)
    expect(seen.get("tar")).toMatchObject({ outputs: { name: "tar", manager: "apt" } })
    expect(seen.get("fettle-none999")).toEqual({ absent: true })
  })

  test("who is not root reads, and is told that it cannot change", async () => {
    const guest = [...root.enter, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    const other = await HostWorld.open({ scope: "guest", prefix: guest as never })
    const done = await other.apply([wanted("fettle-one"), wanted("tar")])
    await other.close()
    expect(changes(done)).toEqual(["create", "none"])
    expect(failures(done)).toEqual(["fettle-one: HOST_NOT_ROOT only root can change packages on the host"])
  })
})

/** A process that holds dpkg's lock, as apt would; gives what ends it. */
async function lock(): Promise<() => Promise<void>> {
  const script = `use Fcntl; open F, ">>", "/var/lib/dpkg/lock-frontend"; my $l = pack("s s x4 l! l! i", F_WRLCK, 0, 0, 0, 0);
    fcntl(F, F_SETLK, $l) or die; $| = 1; print $$; sleep 100`
  const [first = "", ...rest] = [...root.enter, "perl", "-e", script]
  const child = spawn(first, rest, { stdio: ["ignore", "pipe", "inherit"] })
  const [pid] = (await once(child.stdout as NodeJS.EventEmitter, "data")) as [Buffer]
  return async () => {
    root.run("kill", "-s", "KILL", pid.toString("latin1"))
    await once(child, "exit")
  }
}
