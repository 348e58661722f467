import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import { canOverlay, type OverlayRoot, overlayRoot } from "../support/overlay-root.ts"
import { failures, HostWorld, left, node, rootConnection, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 120_000 })

const canRun = [canOverlay(), need("busybox", { install: "apt-get install busybox-static" })].every(Boolean)
let root: OverlayRoot

beforeAll(async () => {
  if (!canRun) return
  root = await overlayRoot()
  root.run("mkdir /applets && busybox --install -s /applets; mkdir -p /etc/sysctl.d; rm -f /etc/fstab")
}, 60_000)

afterAll(() => root?.stop())

const text = (path: string): string => readFileSync(root.path(path), "utf8")

describe.skipIf(!canRun).each([
  { tools: "the system's", prefix: [] },
  { tools: "busybox's", prefix: ["/usr/bin/env", "PATH=/applets"] },
])("settings by $tools tools", ({ prefix }) => {
  let world: HostWorld
  beforeAll(async () => {
    world = await HostWorld.open({ scope: "settings", shell: "sh", prefix: [...root.enter, ...prefix] as never })
  })
  afterAll(() => world?.close())

  const changeOf = async (one: TestNode): Promise<unknown> => (await world.apply([one])).get(one.address)?.change

  describe("host.sysctl", () => {
    // Of a namespace of its own: nothing of this machine changes.
    const setting = (value: unknown, props: object = {}): TestNode =>
      node(host.sysctl, "s", { name: "kernel.msgmax", value, ...props })
    const file = "/etc/sysctl.d/60-fettle-kernel.msgmax.conf"

    test("is set now and at boot, brought back, and its file goes", async () => {
      const done = await world.apply([setting(9_000)])
      expect(failures(done)).toEqual([])
      expect([root.run("cat /proc/sys/kernel/msgmax").trim(), text(file).split("\n")[1]]).toEqual([
        "9000",
        "kernel.msgmax = 9000",
      ])
      expect(await changeOf(setting("9000"))).toEqual({ action: "none" })
      root.run("echo 8000 >/proc/sys/kernel/msgmax")
      expect(await changeOf(setting(9_000))).toMatchObject({ because: "it is 8000" })
      expect(root.run("cat /proc/sys/kernel/msgmax").trim()).toBe("9000")
      expect(failures(await world.apply([left(setting(9_000), done)]))).toEqual([])
      expect(existsSync(root.path(file))).toBe(false)
    })

    test("several numbers, and what the kernel does not know or take", async () => {
      const sem = (value: string): TestNode => node(host.sysctl, "sem", { name: "kernel.sem", value })
      expect(failures(await world.apply([sem("32000 1024000000 500  32001")]))).toEqual([])
      expect(await changeOf(sem("32000\t1024000000 500 32001"))).toEqual({ action: "none" })
      const unknown = node(host.sysctl, "u", { name: "net/none/eth0.1/x", value: "1" })
      expect(failures(await world.apply([unknown, setting("nonsense")]))).toEqual([
        "u: CHANGE_FAILED the kernel does not take net/none/eth0.1/x: there is no such setting",
        "s: CHANGE_FAILED the kernel does not take kernel.msgmax: not with the value nonsense",
      ])
      root.run("rm /etc/sysctl.d/60-fettle-*")
    })
  })

  test("host.hostname: now and at boot", async () => {
    const before = root.run("cat /proc/sys/kernel/hostname").trim()
    root.run("echo other >/etc/hostname")
    const one = (name: string): TestNode => node(host.hostname, "h", { name })
    expect(await changeOf(one("web1.example.com"))).toMatchObject({ because: `it is ${before}; at boot it is other` })
    expect([root.run("cat /proc/sys/kernel/hostname"), text("/etc/hostname")]).toEqual([
      "web1.example.com\n",
      "web1.example.com\n",
    ])
    expect(await changeOf(one("web1.example.com"))).toEqual({ action: "none" })
    root.run("rm /etc/hostname")
    expect(await changeOf(one("web1.example.com"))).toMatchObject({ because: "nothing names it at boot" })
    expect(failures(await world.apply([one(before)]))).toEqual([])
    for (const name of ["-x", "a b", "a_b", "a..b", "a\nb", ""]) expect(() => one(name)).toThrow()
  })

  test("host.timezone: the link and, where Debian has one, the file", async () => {
    root.run("mkdir -p /usr/share/zoneinfo/Europe; touch /usr/share/zoneinfo/Europe/Berlin /usr/share/zoneinfo/UTC")
    const one = (zone: string): TestNode => node(host.timezone, "t", { zone })
    root.run("rm -f /etc/localtime; echo x >/etc/timezone")
    expect(await changeOf(one("Europe/Berlin"))).toEqual({ action: "create" })
    expect(root.run("readlink /etc/localtime; cat /etc/timezone")).toBe(
      "../usr/share/zoneinfo/Europe/Berlin\nEurope/Berlin\n",
    )
    expect(await changeOf(one("Europe/Berlin"))).toEqual({ action: "none" })
    root.run("ln -sfn /usr/share/zoneinfo/UTC /etc/localtime")
    expect(await changeOf(one("Europe/Berlin"))).toMatchObject({ because: "it is UTC" })
    expect(failures(await world.apply([one("No/Where")]))).toEqual(["t: CHANGE_FAILED the host has no zone No/Where"])
    expect(() => one("../../etc/passwd")).toThrow()
  })

  describe("host.mount", () => {
    const at = "/srv/it's a\tmount\\x"
    const one = (props: object = {}): TestNode =>
      node(host.mount, "m", { path: at, source: "fettle x", type: "tmpfs", options: ["size=1m"], ...props })
    const mounts = (): string => root.run("cat /proc/self/mounts")
    const THEIRS = "# a comment\nproc /proc proc defaults 0 0\n\n"

    beforeEach(() => {
      root.run(`umount ${JSON.stringify("/srv/m")} 2>/dev/null || :; rm -rf /srv/m; mkdir /srv/m`)
      root.run(`mkdir -p "/srv/it's a	mount\\\\x"`)
      writeFileSync(root.path("/etc/fstab"), THEIRS)
    })

    test("is mounted and written, changed, brought back, and taken out", async () => {
      const line = "fettle\\040x /srv/it's\\040a\\011mount\\134x tmpfs"
      const done = await world.apply([one()])
      expect(failures(done)).toEqual([])
      expect(text("/etc/fstab")).toBe(`${THEIRS}${line} size=1m 0 0\n`)
      expect(mounts()).toMatch(/\/srv\/it's\\040a\\011mount\\134x tmpfs .*size=1024k/)
      expect(await changeOf(one())).toEqual({ action: "none" })
      expect(await changeOf(one({ options: ["size=2m", "noexec"] }))).toMatchObject({
        props: ["options"],
        text: `-${line} size=1m 0 0\n+${line} size=2m,noexec 0 0`,
      })
      expect(mounts()).toMatch(/mount\\134x tmpfs .*noexec.*size=2048k/)
      root.run(`umount "/srv/it's a	mount\\\\x"`)
      const moved = await world.apply([one({ options: ["size=2m", "noexec"] })])
      expect([failures(moved), moved.get("m")?.change]).toMatchObject([
        [],
        { props: ["mounted"], because: "it is not mounted" },
      ])
      expect(failures(await world.apply([left(one({ options: ["size=2m", "noexec"] }), moved)]))).toEqual([])
      expect([text("/etc/fstab"), mounts().includes("mount\\134x")]).toEqual([THEIRS, false])
    })

    test("what changed after it was read is not overwritten; a folder that is not there is refused", async () => {
      const plain = node(host.mount, "m", { path: "/srv/m", source: "tmpfs", type: "tmpfs" })
      writeFileSync(root.path("/etc/fstab"), `${THEIRS}tmpfs\t/srv/m   tmpfs\n`)
      const seen = await world.read([plain])
      expect(seen.get("m")).toMatchObject({ outputs: { entry: "tmpfs /srv/m tmpfs", mounted: false } })
      writeFileSync(root.path("/etc/fstab"), `${THEIRS}other /srv/m tmpfs\n`)
      expect(failures(await world.change([plain], seen))).toEqual(["m: STALE it changed after it was read"])
      writeFileSync(root.path("/etc/fstab"), `${THEIRS}tmpfs\t/srv/m   tmpfs\n`)
      expect(failures(await world.change([plain], seen))).toEqual([])
      root.run("umount /srv/m")
      const nowhere = node(host.mount, "n", { path: "/srv/none", source: "tmpfs", type: "tmpfs" })
      expect(failures(await world.apply([nowhere]))).toEqual(["n: FILE_REFUSED there is no directory /srv/none"])
      expect(text("/etc/fstab")).not.toContain("/srv/none")
    })
  })
})

const connection = rootConnection(() => root.enter)

describe.skipIf(!canRun)("host.sysctl", () => {
  conformsTests(
    host.sysctl,
    {
      connection,
      props: (variant) => ({ name: `net.fettle.k${variant}`, value: variant, live: false }),
      change: (props) => ({ ...props, value: "other" }),
      count: () => readdirSync(root.path("/etc/sysctl.d")).filter((name) => name.includes("net.fettle")).length,
      foreign: ({ name }) => writeFileSync(root.path(`/etc/sysctl.d/60-fettle-${name}.conf`), "x = 1\n"),
      refused: (variant) => ({ name: `net.fettle.r${variant}`, value: variant }),
    },
    { test },
  )
})

describe.skipIf(!canRun)("host.mount", () => {
  beforeAll(() => void root?.run("for n in $(seq 1 400); do mkdir -p /srv/c/$n; done"))
  conformsTests(
    host.mount,
    {
      connection,
      props: (variant) => ({ path: `/srv/c/${variant}`, source: "tmpfs", type: "tmpfs" }),
      change: (props) => ({ ...props, options: ["noexec"] }),
      count: () => Number(root.run("grep -c ' /srv/c/' /etc/fstab || :")),
      foreign: ({ path }) => void root.run(`echo tmpfs ${path} tmpfs >>/etc/fstab`),
      refused: (variant) => ({ path: `/srv/none/${variant}`, source: "tmpfs", type: "tmpfs" }),
    },
    { test },
  )
})
