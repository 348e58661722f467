import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import type { ChangeItem } from "../../src/provider.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 90_000 })

const canBoot = canBootSystemd()
const NAME = "fettle-t"
const FILE = `/etc/systemd/system/${NAME}.service`
const MARK = `/var/lib/fettle/services/${NAME}`
const UNIT = `[Service]
ExecStart=/bin/sleep 1000
ExecReload=/bin/sh -c 'echo reloaded >>/srv/reloads'
[Install]
WantedBy=multi-user.target
`
let root: SystemdRoot
let world: HostWorld

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  world = await HostWorld.open({ scope: "services", prefix: root.enter as [string, ...string[]] })
}, 90_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

const wanted = (more: object = {}): TestNode =>
  node(host.service, "service", { name: NAME, readyAfterMs: 300, ...more })
const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> =>
  world.apply(nodes, { timeoutMs: 60_000 })
const fact = (name: string): string => root.run("systemctl", "show", "--value", `--property=${name}`, NAME).trim()
const state = (): string => `${fact("ActiveState")} ${fact("UnitFileState")}`
const write = (text: string): void => writeFileSync(root.path(FILE), text)
const reasonOf = (done: ReadonlyMap<string, Done>): unknown => done.get("service")?.change

describe.skipIf(!canBoot)("services of systemd", () => {
  beforeEach(() => {
    root.run(
      "sh",
      "-c",
      `systemctl stop ${NAME}; systemctl unmask ${NAME}; systemctl disable ${NAME}; rm -f ${FILE} /srv/reloads; true`,
    )
    write(UNIT)
    root.run("systemctl", "daemon-reload")
  })

  test("one that was off is started and enabled, and off again when it leaves", async () => {
    const made = await apply(wanted())
    expect([failures(made), state()]).toEqual([[], "active enabled"])
    expect(made.get("service")?.result).toEqual({
      outputs: { name: NAME, manager: "systemd", exists: true, enabled: true, running: true, masked: false },
    })
    expect(reasonOf(await apply(wanted()))).toEqual({ action: "none" })
    expect(failures(await apply(left(wanted(), made)))).toEqual([])
    expect([state(), existsSync(root.path(MARK))]).toEqual(["inactive disabled", false])
    expect(failures(await apply(left(wanted(), made)))).toEqual([])
  })

  test("each of running and enabled can be wanted, not wanted, or left alone", async () => {
    expect(failures(await apply(wanted({ enabled: "any" })))).toEqual([])
    expect(state()).toBe("active disabled")
    expect(failures(await apply(wanted({ running: false })))).toEqual([])
    expect(state()).toBe("inactive enabled")
    expect(failures(await apply(wanted({ enabled: false, running: "any" })))).toEqual([])
    expect(state()).toBe("inactive disabled")
    root.run("systemctl", "start", NAME)
    expect(failures(await apply(wanted({ enabled: false, running: false })))).toEqual([])
    expect(state()).toBe("inactive disabled")
  })

  test("it is restarted when what it was started with differs, also where that was cut off, and only then", async () => {
    expect(failures(await apply(wanted({ restartOn: ["one"] })))).toEqual([])
    const first = fact("MainPID")
    expect(reasonOf(await apply(wanted({ restartOn: ["one"] })))).toEqual({ action: "none" })
    expect(failures(await apply(wanted({ restartOn: ["two"] })))).toEqual([])
    const second = fact("MainPID")
    expect(second).not.toBe(first)
    rmSync(root.path(MARK)) // what a restart that is cut off leaves
    const again = await apply(wanted({ restartOn: ["two"] }))
    expect(reasonOf(again)).toMatchObject({ because: "what it was started with is not known: restart" })
    expect(fact("MainPID")).not.toBe(second)
  })

  test("it is reloaded without a restart", async () => {
    expect(failures(await apply(wanted({ reloadOn: [1] })))).toEqual([])
    const pid = fact("MainPID")
    expect(failures(await apply(wanted({ reloadOn: [2] })))).toEqual([])
    expect([fact("MainPID"), readFileSync(root.path("/srv/reloads"), "utf8")]).toEqual([pid, "reloaded\n"])
    expect(reasonOf(await apply(wanted({ reloadOn: [2] })))).toEqual({ action: "none" })
  })

  test("a unit that comes earlier in the same request is started with it", async () => {
    rmSync(root.path(FILE))
    root.run("systemctl", "daemon-reload")
    const unit = node(host.file, "unit", { path: FILE, content: UNIT })
    const seen = await world.read([unit, wanted()])
    expect([...seen.values()]).toMatchObject([{ absent: true }, { absent: true }])
    const results: string[] = []
    const file = world.item(unit, { absent: true }, { action: "create" })
    const after: ChangeItem = { ...world.item(wanted(), { absent: true }, { action: "create" }), after: [file] }
    await world.driver.change([file, after], (item, result) => results.push(`${item.address} ${"outputs" in result}`))
    expect([results, state()]).toEqual([["unit true", "service true"], "active enabled"])
  })

  test("a unit file that systemd has not read again is read", async () => {
    expect(failures(await apply(wanted()))).toEqual([])
    write(UNIT.replace("[Service]", "[Service]\nNice=5"))
    const done = await apply(wanted())
    expect(reasonOf(done)).toMatchObject({ because: "systemd has not read its unit file again" })
    expect([failures(done), fact("NeedDaemonReload"), fact("Nice")]).toEqual([[], "no", "5"])
  })

  test("one that does not stay up tells its last words", async () => {
    write("[Service]\nExecStart=/bin/sh -c 'echo no luck today; sleep 0.1; exit 3'\n")
    root.run("systemctl", "daemon-reload")
    const result = (await apply(wanted({ enabled: "any", readyAfterMs: 5_000 }))).get("service")?.result
    const failed = result !== undefined && "failed" in result ? result.failed : undefined
    expect(failed).toMatchObject({ code: "SERVICE_DIED", fact: `${NAME} does not stay up: its state is failed` })
    expect(JSON.stringify(failed)).toContain("no luck today")
    write("[Service]\nType=notify\nExecStart=/no/such/command\n")
    root.run("systemctl", "daemon-reload")
    expect(failures(await apply(wanted({ enabled: "any" })))[0]).toMatch(/^service: SERVICE_DIED/)
  })

  test("one that is not there, and one that is masked, are named", async () => {
    const none = node(host.service, "none", { name: "fettle-none" })
    expect(failures(await apply(none))).toEqual(["none: SERVICE_UNKNOWN the host has no service fettle-none"])
    const off = node(host.service, "off", { name: "fettle-none", enabled: false, running: false })
    expect((await apply(off)).get("off")?.change).toEqual({ action: "none" })
    rmSync(root.path(FILE))
    root.run("cp", "/dev/null", `/usr/lib/systemd/system/${NAME}.service`)
    writeFileSync(root.path(`/usr/lib/systemd/system/${NAME}.service`), UNIT)
    root.run("systemctl", "daemon-reload")
    const masked = wanted({ enabled: false, running: false, masked: true })
    expect([failures(await apply(masked)), fact("LoadState")]).toEqual([[], "masked"])
    expect(reasonOf(await apply(masked))).toEqual({ action: "none" })
    expect(failures(await apply(wanted()))).toEqual([`service: SERVICE_MASKED ${NAME} is masked on the host`])
    expect([failures(await apply(wanted({ masked: false }))), state()]).toEqual([[], "active enabled"])
    root.run("rm", `/usr/lib/systemd/system/${NAME}.service`)
  })

  test("a thousand are looked at in one answer, within seconds on a busy machine", async () => {
    const nodes = Array.from({ length: 1_000 }, (_, n) =>
      node(host.service, `s${n}`, { name: n === 7 ? "systemd-journald" : `fettle-no${n}` }),
    )
    const from = performance.now()
    const seen = await world.read(nodes)
    expect(performance.now() - from).toBeLessThan(10_000) // it is systemd that looks for a thousand units
    expect(seen.get("s7")).toMatchObject({ outputs: { name: "systemd-journald", running: true } })
    expect(seen.get("s8")).toEqual({ absent: true, shown: { state: "inactive" } })
  })

  test("who is not root reads, and is told that it cannot change", async () => {
    const guest = [...root.enter, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    const other = await HostWorld.open({ scope: "guest", prefix: guest as never })
    expect(failures(await other.apply([wanted()]))).toEqual([
      "service: HOST_NOT_ROOT only root can change services on the host",
    ])
    await other.close()
  })

  test("where nothing runs services, the plan says so", async () => {
    const bare = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run; exec "$@"', "sh"]
    const other = await HostWorld.open({ scope: "bare", prefix: [...root.enter, ...bare] as never })
    const seen = (await other.read([wanted()])).get("service")
    expect(seen).toMatchObject({
      failed: { code: "SERVICES_MISSING", fact: "neither systemd nor OpenRC runs on the host" },
    })
    await other.close()
  })
})
