import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { need } from "../support/need.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 90_000 })

/** Fetched and unpacked, never installed: beside systemd it would take over parts of it. */
const PACKAGES = ["openrc", "librc1", "libeinfo1"]
const folder = mkdtempSync(join(tmpdir(), "fettle-openrc-"))

function fetched(): boolean {
  const shell = 'cd "$1" && shift && apt-get -qq download "$@" && for each in *.deb; do dpkg-deb -x "$each" root; done'
  return spawnSync("sh", ["-c", shell, "sh", folder, ...PACKAGES], { stdio: "ignore" }).status === 0
}

const canRun = [
  canBootSystemd(),
  need("OpenRC", { install: `apt-get update, so that apt-get download finds ${PACKAGES.join(", ")}`, found: fetched }),
].every(Boolean)

/** On Alpine OpenRC finds out by itself that a daemon crashed; Debian's is built on dpkg's start-stop-daemon, which tells it nothing. */
const SERVICE = `#!/sbin/openrc-run
command=/bin/sleep
command_args=1000
command_background=true
pidfile=/run/fettle-t.pid
retry=TERM/10
extra_started_commands=reload
reload() { echo reloaded >>/srv/reloads; }
status() { service_started fettle-t || return 3; kill -0 "$(cat $pidfile)" 2>/dev/null || return 32; }
`
/** OpenRC's own, in a namespace without systemd's. */
const WITHOUT_SYSTEMD =
  'mount -t tmpfs tmpfs /run; mkdir -p /etc/runlevels/default; for n in starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled tmp; do mkdir -p /run/openrc/$n; done; : >/run/openrc/softlevel; exec "$@"'

let root: SystemdRoot
let world: HostWorld

beforeAll(async () => {
  if (!canRun) return
  root = await systemdRoot()
  cpSync(join(folder, "root"), root.path("/srv/openrc"), { recursive: true, verbatimSymlinks: true })
  root.run("sh", "-c", "cd /srv/openrc && cp -a . / 2>/dev/null || for d in *; do cp -a $d/. /$d/; done; ldconfig")
  writeFileSync(root.path("/etc/init.d/fettle-t"), SERVICE)
  writeFileSync(
    root.path("/etc/init.d/fettle-bad"),
    "#!/sbin/openrc-run\nstart() { eerror no luck today; return 1; }\n",
  )
  root.run("chmod", "755", "/etc/init.d/fettle-t", "/etc/init.d/fettle-bad")
  const prefix = [...root.enter, "unshare", "--mount", "sh", "-c", WITHOUT_SYSTEMD, "sh"]
  world = await HostWorld.open({ scope: "openrc", prefix: prefix as never })
}, 120_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const wanted = (more: object = {}, name = "fettle-t"): TestNode =>
  node(host.service, "service", { name, readyAfterMs: 200, ...more })
const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> =>
  world.apply(nodes, { timeoutMs: 60_000 })
const sleeps = (): readonly string[] =>
  root.run("sh", "-c", "pgrep -f '^/bin/sleep 1000' || true").split("\n").filter(Boolean)
const atBoot = (): readonly string[] => readdirSync(root.path("/etc/runlevels/default"))

describe.skipIf(!canRun)("services of a real OpenRC", () => {
  test("one is started, enabled, restarted and reloaded as a state, and off again when it leaves", async () => {
    const made = await apply(wanted({ restartOn: [1], reloadOn: [1] }))
    expect(failures(made)).toEqual([])
    expect(made.get("service")?.result).toMatchObject({ outputs: { manager: "openrc", running: true, enabled: true } })
    const [pid] = sleeps()
    expect([sleeps(), atBoot()]).toEqual([[pid], ["fettle-t"]])
    expect((await apply(wanted({ restartOn: [1], reloadOn: [1] }))).get("service")?.change).toEqual({ action: "none" })
    expect(failures(await apply(wanted({ restartOn: [1], reloadOn: [2] })))).toEqual([])
    expect([sleeps(), root.run("cat", "/srv/reloads")]).toEqual([[pid], "reloaded\n"])
    expect(failures(await apply(wanted({ restartOn: [2], reloadOn: [2] })))).toEqual([])
    expect(sleeps()).toHaveLength(1)
    expect(sleeps()).not.toEqual([pid])
    expect(failures(await apply(left(wanted(), made)))).toEqual([])
    expect([sleeps(), atBoot()]).toEqual([[], []])
  })

  test("one that crashed is seen and started again", async () => {
    expect(failures(await apply(wanted()))).toEqual([])
    root.run("pkill", "-f", "^/bin/sleep 1000")
    const done = await apply(wanted())
    expect(done.get("service")?.change).toMatchObject({ because: "it has failed" })
    expect([failures(done), sleeps().length]).toEqual([[], 1])
    expect(failures(await apply(wanted({ running: false, enabled: false })))).toEqual([])
    expect([sleeps(), atBoot()]).toEqual([[], []])
  })

  test("one that cannot start, and one that is not there, are named", async () => {
    expect(failures(await apply(wanted({}, "fettle-bad")))[0]).toMatch(
      /^service: SERVICE_DIED fettle-bad does not stay up/,
    )
    expect(failures(await apply(wanted({}, "fettle-none")))).toEqual([
      "service: SERVICE_UNKNOWN the host has no service fettle-none",
    ])
  })
})
