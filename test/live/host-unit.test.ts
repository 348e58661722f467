import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { conformsTests } from "../../src/testing.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { failures, HostWorld, left, node, rootConnection, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 240_000 })

const canBoot = canBootSystemd()
let root: SystemdRoot
let world: HostWorld

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  world = await HostWorld.open({ scope: "unit", prefix: root.enter as [string, ...string[]] })
}, 120_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

const SERVICE = "[Service]\nExecStart=/bin/sleep 1000\n"
const unit = (name: string, props: object = {}): TestNode => node(host.unit, name, { name, content: SERVICE, ...props })
const systemctl = (...words: readonly string[]): string => {
  try {
    return root.run("systemctl", ...words).trim()
  } catch (thrown) {
    return String((thrown as { stdout: unknown }).stdout).trim()
  }
}
const UNITS = "/etc/systemd/system"

describe.skipIf(!canBoot)("units of systemd", () => {
  test("many are put in place with one reload, are known to systemd, changed and removed", async () => {
    const nodes = [
      ...Array.from({ length: 20 }, (_, n) => unit(`fettle-t${n}.service`)),
      unit("fettle-tw@.service", { content: "[Service]\nExecStart=/bin/sleep %i" }),
    ]
    const done = await world.apply(nodes)
    expect(failures(done)).toEqual([])
    expect(readFileSync(root.path(`${UNITS}/fettle-tw@.service`), "utf8")).toBe("[Service]\nExecStart=/bin/sleep %i\n")
    expect(systemctl("show", "-p", "LoadState", "--value", "fettle-t7.service")).toBe("loaded")
    const again = await world.apply(nodes)
    expect([...new Set([...again.values()].map(({ change }) => change.action))]).toEqual(["none"])
    root.run("systemctl", "start", "fettle-t1.service", "fettle-tw@900.service")
    const moved = await world.apply([unit("fettle-t1.service", { content: `${SERVICE}Nice=5\n` })])
    expect(moved.get("fettle-t1.service")?.change).toMatchObject({
      action: "update",
      text: expect.stringContaining("+Nice=5"),
    })
    expect(systemctl("show", "-p", "NeedDaemonReload", "--value", "fettle-t1.service")).toBe("no")
    expect(failures(await world.apply(nodes.map((each) => left(each, done))))).toEqual([])
    expect(readdirSync(root.path(UNITS)).filter((name) => name.startsWith("fettle-t"))).toEqual([])
    expect(["fettle-t1.service", "fettle-tw@900.service"].map((name) => systemctl("is-active", name))).toEqual([
      "inactive",
      "inactive",
    ])
  })

  test("what systemd does not take is refused before anything is put in place", async () => {
    const wrong = unit("fettle-wrong.service", { content: "[Service]\nExecStart=/bin/true\nNoSuchKey=1\n" })
    const nothing = unit("fettle-none.service", { content: "[Unit]\nDescription=x\n" })
    const good = unit("fettle-good.service", { content: "[Service]\nExecStart=/srv/not/there/yet\n" })
    const done = await world.apply([wrong, nothing, good])
    expect(failures(done)).toEqual([
      expect.stringMatching(
        /^fettle-wrong.service: FILE_REFUSED systemd does not take it: fettle-wrong.service:3: .*NoSuchKey/,
      ),
      expect.stringMatching(/^fettle-none.service: FILE_REFUSED .*ExecStart/s),
    ])
    expect(readdirSync(root.path(UNITS)).filter((name) => name.startsWith("fettle-"))).toEqual(["fettle-good.service"])
    const unverified = { ...wrong, want: { ...(wrong.want as object), verify: false } }
    const put = await world.apply([unverified])
    expect(failures(put)).toEqual([])
    expect(failures(await world.apply([left(unverified, put), left(good, done)]))).toEqual([])
  })

  test("a drop-in changes a unit that something else brings, and goes with its folder", async () => {
    writeFileSync(root.path("/usr/lib/systemd/system/fettle-theirs.service"), SERVICE)
    const dropIn = unit("fettle-theirs.service", { dropIn: "10-limits.conf", content: "[Service]\nNice=7\n" })
    const done = await world.apply([dropIn])
    expect(failures(done)).toEqual([])
    expect(systemctl("show", "-p", "Nice", "--value", "fettle-theirs.service")).toBe("7")
    const bad = unit("fettle-theirs.service", { dropIn: "10-limits", content: "[Service]\nNixe=7\n" })
    expect(failures(await world.apply([bad]))).toEqual([expect.stringContaining("10-limits.conf:2: ")])
    expect(failures(await world.apply([left(dropIn, done)]))).toEqual([])
    expect(existsSync(root.path(`${UNITS}/fettle-theirs.service.d`))).toBe(false)
    expect(systemctl("show", "-p", "Nice", "--value", "fettle-theirs.service")).not.toBe("7")
  })

  test("a reload that a crash left out is due, and what changed after it was read is not overwritten", async () => {
    const one = unit("fettle-due.service")
    const done = await world.apply([one])
    systemctl("start", "fettle-due.service")
    const moved = unit("fettle-due.service", { content: `${SERVICE}Nice=3\n` })
    writeFileSync(root.path(`${UNITS}/fettle-due.service`), `${SERVICE}Nice=3\n`)
    expect((await world.apply([moved])).get("fettle-due.service")?.change).toEqual({
      action: "update",
      props: ["content"],
      because: "systemd has not read it since it changed",
    })
    expect(systemctl("show", "-p", "NeedDaemonReload", "--value", "fettle-due.service")).toBe("no")
    const seen = await world.read([one])
    writeFileSync(root.path(`${UNITS}/fettle-due.service`), "# theirs\n")
    expect(failures(await world.change([one], seen))).toEqual([
      "fettle-due.service: STALE it changed after it was read",
    ])
    expect(failures(await world.change([left(one, done)], seen))).toEqual([expect.stringContaining("STALE")])
    mkdirSync(root.path(`${UNITS}/fettle-folder.service`))
    expect((await world.read([unit("fettle-folder.service")])).get("fettle-folder.service")).toMatchObject({
      failed: { code: "FILE_REFUSED" },
    })
  })
})

const connection = rootConnection(() => root.enter)

describe.skipIf(!canBoot)("host.unit", () => {
  conformsTests(
    host.unit,
    {
      connection,
      props: (variant) => ({ name: `conform${variant}.service`, content: SERVICE }),
      change: (props) => ({ ...props, content: `${SERVICE}Nice=1\n` }),
      count: () => readdirSync(root.path(UNITS)).filter((name) => name.startsWith("conform")).length,
      foreign: ({ name }) => writeFileSync(root.path(`${UNITS}/${name}`), SERVICE),
      refused: (variant) => ({ name: `conform${variant}.service`, content: "[Service]\nNoSuchKey=1\n" }),
    },
    { test },
  )
})
