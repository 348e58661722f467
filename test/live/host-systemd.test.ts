import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { unitName } from "../../src/providers/host/systemd-unit.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

interface Outputs {
  readonly pid: number
  readonly running: boolean
  readonly startedAt: string
  readonly unit: string
}

/** An account of the root, with a systemd of its own that goes on without a session. */
const USER = { name: "fettle-test", uid: 4242 }

const canBoot = canBootSystemd()
let root: SystemdRoot

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  root.run("useradd", `--uid=${USER.uid}`, "--create-home", USER.name)
  root.run("install", "-D", "/dev/null", `/var/lib/systemd/linger/${USER.name}`)
  root.run("systemctl", "start", `user@${USER.uid}`)
}, 90_000)

afterAll(async () => {
  await root?.stop()
})

interface Manager {
  readonly who: string
  /** The folder of the process, which is not there at first. */
  readonly folder: string
  /** Where units lie. */
  readonly units: string
  readonly enter: () => readonly string[]
}

const SYSTEM: Manager = {
  who: "the system",
  folder: "/srv/a shop",
  units: "/etc/systemd/system",
  enter: () => root.enter,
}
const OWN: Manager = {
  who: "a user",
  folder: `/home/${USER.name}/shop`,
  units: `/home/${USER.name}/.config/systemd/user`,
  enter: () => [...root.enter, ...asUser(USER.uid, `HOME=/home/${USER.name}`)],
}

function asUser(uid: number, ...env: readonly string[]): readonly string[] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "env", ...env]
}

describe.skipIf(!canBoot).each([SYSTEM, OWN])("a process run by systemd of $who", ({ folder, units, enter, who }) => {
  const run = `${folder}/run`
  const unit = unitName(run)
  const at = (path: string): string => root.path(path)
  const log = (): string => readFileSync(at(`${run}/log`), "utf8")
  let world: HostWorld
  let started: TestNode[]

  const open = (): Promise<HostWorld> => HostWorld.open({ scope: "systemd", prefix: enter() as [string, ...string[]] })
  const inside = (command: string, ...args: readonly string[]): string => {
    const user = who === "the system" ? [] : asUser(USER.uid, `XDG_RUNTIME_DIR=/run/user/${USER.uid}`)
    return root.run("env", ...user, command, ...args)
  }
  const ctl = (...args: readonly string[]): string =>
    inside("systemctl", ...(who === "the system" ? [] : ["--user"]), ...args).trim()
  const fact = (name: string): string => ctl("show", "--value", `--property=${name}`, unit)

  beforeEach(async () => {
    inside("mkdir", "-p", folder)
    started = []
    world = await open()
  })

  afterEach(async () => {
    const gone = started.map((each) => ({
      ...left(each, new Map()),
      last: { props: each.want, outputs: { directory: run } },
    }))
    expect(failures(await world.apply(gone.slice(-1)))).toEqual([])
    await world.close()
    expect(readdirSync(at(units)).filter((name) => name.startsWith("fettle-"))).toEqual([])
    expect(existsSync(at(run))).toBe(false)
  })

  function service(script: string, more: object = {}): TestNode {
    const made = node(host.process, "service", {
      command: ["sh", "-c", script],
      directory: run,
      readyAfterMs: 300,
      stop: { graceMs: 2_000 },
      supervisor: "systemd",
      ...more,
    })
    started.push(made)
    return made
  }

  const outputs = (done: ReadonlyMap<string, Done>): Outputs => {
    const result = done.get("service")?.result
    if (result === undefined || !("outputs" in result)) throw new Error(`no outputs: ${failures(done)}`)
    return result.outputs as Outputs
  }
  const seen = async (of: TestNode): Promise<Outputs | undefined> =>
    ((await world.read([of])).get("service") as { outputs?: Outputs }).outputs
  /** Pids in there are numbered otherwise than here. */
  const commandOf = (pid: number): string => {
    try {
      return readFileSync(at(`/proc/${pid}/cmdline`), "latin1")
        .replaceAll("\0", " ")
        .trim()
    } catch {
      return "" // it has ended, perhaps this very moment
    }
  }

  test("it starts as an enabled unit, survives the session, and a second plan changes nothing", async () => {
    const wanted = service('echo "up in $(pwd)"; exec sleep 1000.1', { cwd: folder })
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    const { pid, startedAt } = outputs(done)
    expect(outputs(done).unit).toBe(unit)
    expect(Math.abs(Date.now() - Date.parse(startedAt))).toBeLessThan(60_000)
    expect([fact("MainPID"), fact("ActiveState"), fact("UnitFileState")]).toEqual([String(pid), "active", "enabled"])
    expect(commandOf(pid)).toBe("sleep 1000.1")
    await expect.poll(log).toBe(`up in ${folder}\n`)
    await world.close()
    world = await open()
    expect((await world.apply([wanted])).get("service")?.change).toEqual({ action: "none" })
    expect(await seen(wanted)).toMatchObject({ pid, startedAt, running: true, unit })
  })

  test("systemd finds nothing to say about its unit file", async () => {
    expect(failures(await world.apply([service("exec sleep 1000", { command: ["sleep", "1000"] })]))).toEqual([])
    const said = inside(
      "sh",
      "-c",
      `systemd-analyze ${who === "a user" ? "--user" : ""} verify '${units}/${unit}' 2>&1`,
    )
    expect(said.split("\n").filter((line) => line.includes(unit))).toEqual([])
  })

  test("arguments and variables arrive as they are, and secrets stand in a private file alone", async () => {
    const odd = "a \"b\" 'c' $HOME ${HOME} $$ %n %% \\n `id` ;\ttab\nline; # ünï\u007f"
    const secret = world.secret("TOKEN", `swordfish-1234 ${odd}`)
    const script = 'printf "%s|" "$@" "$TOKEN" "$PLAIN" >out; env | cut -d= -f1 | sort >names; exec sleep 1000'
    const wanted = service("", {
      command: ["sh", "-c", script, "name", odd, "", ";", "--"],
      env: { TOKEN: secret, PLAIN: odd, EMPTY: "" },
      cwd: folder,
    })
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    expect(readFileSync(at(`${folder}/out`), "utf8")).toBe(`${odd}||;|--|swordfish-1234 ${odd}|${odd}|`)
    const names = readFileSync(at(`${folder}/names`), "utf8").split("\n")
    expect(names).toEqual(expect.arrayContaining(["EMPTY", "HOME", "LANG", "PATH", "PLAIN", "TMPDIR", "TOKEN"]))
    expect(statSync(at(`${folder}/out`)).mode & 0o777).toBe(0o644)
    expect(statSync(at(`${run}/env`)).mode & 0o777).toBe(0o600)
    expect(statSync(at(run)).mode & 0o777).toBe(0o700)
    const said = [ctl("show", unit), ctl("cat", unit), root.run("sh", "-c", "cat /proc/[0-9]*/cmdline")]
    for (const text of [...said, JSON.stringify([...done])]) expect(text).not.toContain("swordfish-1234")
  })

  test("it is restarted when what it was started with differs, and only then", async () => {
    const first = outputs(await world.apply([service("exec sleep 1000", { restartOn: ["hash-1"] })]))
    const again = await world.apply([service("exec sleep 1000", { restartOn: ["hash-2"] })])
    expect(again.get("service")?.change).toMatchObject({ because: "it was started with something else: restart" })
    expect(outputs(again).pid).not.toBe(first.pid)
    expect(commandOf(first.pid)).toBe("")
    expect(commandOf(outputs(again).pid)).toBe("sleep 1000")
    const kept = service("exec sleep 1000", {
      restartOn: ["hash-2"],
      stop: { signal: "INT", graceMs: 1_000 },
      log: { maxBytes: 100_000, keep: 1 },
    })
    // Between two runs the engine records what was wanted: that tells a new wish from a change by hand.
    const quiet = await world.apply([{ ...kept, last: { props: started.at(-2)?.want, outputs: outputs(again) } }])
    expect(quiet.get("service")?.change).toMatchObject({ props: ["stop"] })
    expect(failures(quiet)).toEqual([])
    expect(outputs(quiet).pid).toBe(outputs(again).pid)
    expect([fact("KillSignal"), fact("TimeoutStopUSec")]).toEqual(["2", "1s"])
    expect((await world.apply([kept])).get("service")?.change).toEqual({ action: "none" })
  })

  test("what was changed by hand is put back: the unit file, and that it starts at boot", async () => {
    const wanted = service("exec sleep 1000")
    const { pid } = outputs(await world.apply([wanted]))
    ctl("disable", unit)
    const enabled = await world.apply([wanted])
    expect(enabled.get("service")?.change).toMatchObject({ because: "it does not start at boot: no restart" })
    expect([fact("UnitFileState"), fact("MainPID")]).toEqual(["enabled", String(pid)])
    const file = at(`${units}/${unit}`)
    writeFileSync(file, readFileSync(file, "utf8").replace("exec sleep 1000", "exec sleep 2000"))
    const mended = await world.apply([wanted])
    expect(mended.get("service")?.change).toMatchObject({ because: "its unit file was changed: restart" })
    expect(commandOf(outputs(mended).pid)).toBe("sleep 1000")
    expect((await world.apply([wanted])).get("service")?.change).toEqual({ action: "none" })
    ctl("stop", unit)
    const back = await world.apply([wanted])
    expect(back.get("service")?.change).toMatchObject({ because: "it is not running" })
    expect(outputs(back).running).toBe(true)
  })

  test("systemd starts it again when it dies, and its log goes on", async () => {
    const wanted = service("echo hello; exec sleep 1000")
    const { pid } = outputs(await world.apply([wanted]))
    root.run("kill", "-KILL", String(pid))
    await expect
      .poll(async () => (await seen(wanted))?.running && (await seen(wanted))?.pid !== pid, { timeout: 10_000 })
      .toBe(true)
    await expect.poll(log, { timeout: 5_000 }).toBe("hello\nhello\n")
    expect((await world.apply([wanted])).get("service")?.change).toEqual({ action: "none" })
  })

  test("one that does not stay up fails with its last words, and no unit is left", async () => {
    const done = await world.apply([service("echo starting; echo 'no port left' >&2; exit 3")])
    expect(failures(done)).toEqual([
      "service: PROCESS_DIED it did not stay up for 300 ms; its last words: no port left",
    ])
    expect([readdirSync(at(units)).includes(unit), fact("LoadState")]).toEqual([false, "not-found"])
    const missing = await world.apply([service("", { command: ["/no/such/command"] })])
    expect(failures(missing)[0]).toMatch(/PROCESS_DIED .*\/no\/such\/command.*not found/)
    const nowhere = await world.apply([service("exec sleep 1000", { cwd: "/no/such/folder" })])
    expect(failures(nowhere)).toEqual(["service: CHANGE_FAILED there is no directory /no/such/folder"])
    expect(existsSync(at(run))).toBe(false)
  })

  test("a restart that fails keeps its log and no secret, is still due, and can be deleted", async () => {
    await world.apply([service("echo first; exec sleep 1000")])
    const env = { TOKEN: world.secret("TOKEN", "swordfish-1234") }
    const broken = service("echo second; exit 3", { env })
    expect(failures(await world.apply([broken]))[0]).toContain("its last words: second")
    expect(log()).toMatch(/^first\nsecond\n/)
    expect(readdirSync(at(run)).sort()).toEqual(["fingerprint", "log", "own", "settings"])
    expect(readFileSync(at(`${run}/log`), "utf8")).not.toContain("swordfish")
    expect((await world.apply([broken])).get("service")?.change).toMatchObject({ action: "update" })
    const mended = service("echo third; exec sleep 1000")
    expect(failures(await world.apply([mended]))).toEqual([])
    expect(await seen(mended)).toMatchObject({ running: true, unit })
  })

  test.each(["env", "env.host", "pipe", "start", "log.2"])(
    "a folder in which somebody else's %s lies is refused and left alone",
    async (name) => {
      inside("mkdir", run)
      inside("sh", "-c", `echo mine >'${run}/${name}'`)
      expect(failures(await world.apply([service("exec sleep 1000")]))).toEqual([
        `service: FILE_REFUSED ${run}/${name} is there, and is not of this process`,
      ])
      expect(readFileSync(at(`${run}/${name}`), "utf8")).toBe("mine\n")
      expect(readdirSync(at(run))).toEqual([name])
      inside("rm", "-r", run)
    },
  )

  test("stopping asks first, then kills; unit, drop-ins and files go with it", async () => {
    const patient = service("trap 'echo bye >>../said; exit 0' TERM; while :; do sleep 0.1; done", { cwd: run })
    inside("mkdir", "-p", run)
    const done = await world.apply([patient])
    expect(failures(done)).toEqual([])
    const dropIn = `${units}/${unit}.d`
    inside("sh", "-c", `mkdir '${dropIn}' && printf '[Service]\\nNice=5\\n' >'${dropIn}/nice.conf'`)
    ctl("daemon-reload")
    const kept = await world.apply([
      service("trap 'echo bye >>../said; exit 0' TERM; while :; do sleep 0.1; done", { cwd: run, restartOn: [2] }),
    ])
    expect([failures(kept), fact("Nice")]).toEqual([[], "5"])
    expect(failures(await world.apply([left(patient, kept)]))).toEqual([])
    expect(commandOf(outputs(kept).pid)).toBe("")
    expect(readFileSync(at(`${folder}/said`), "utf8")).toBe("bye\nbye\n")
    expect([existsSync(at(dropIn)), fact("LoadState")]).toEqual([false, "not-found"])
    inside("rmdir", run)
    const stubborn = service("trap '' TERM; while :; do sleep 0.1; done", { stop: { graceMs: 300 } })
    const second = await world.apply([stubborn])
    expect(failures(await world.apply([left(stubborn, second)]))).toEqual([])
    expect(commandOf(outputs(second).pid)).toBe("")
  })

  test("the log is turned over without losing a line, also the last ones", async () => {
    const lines = 30_000
    const print = `i=0; while [ $i -lt ${lines} ]; do i=$((i + 1)); echo "line $i"; done`
    const wanted = service(`trap '${print}; exit 0' TERM; while :; do sleep 0.1; done`, {
      log: { maxBytes: 65_536, keep: 100 },
      stop: { graceMs: 20_000 },
    })
    expect(failures(await world.apply([wanted]))).toEqual([])
    ctl("stop", unit)
    const files = readdirSync(at(run))
      .filter((name) => /^log(\.\d+)?$/.test(name))
      .sort((a, b) => Number(b.slice(4) || 0) - Number(a.slice(4) || 0))
    expect(files.length).toBeGreaterThan(3)
    const all = files.map((name) => readFileSync(at(`${run}/${name}`), "utf8")).join("")
    // "Terminated" is the shell's own word for its sleep.
    expect(all.replace("Terminated\n", "").split("\n").slice(0, -1)).toEqual(
      Array.from({ length: lines }, (_, each) => `line ${each + 1}`),
    )
  })

  test("it goes from sh to systemd and back, and never runs twice", async () => {
    const script = "exec sleep 1000.7"
    const running = (): number[] =>
      readdirSync(at("/proc"))
        .map(Number)
        .filter((pid) => pid > 0 && commandOf(pid) === "sleep 1000.7")
    const bySh = outputs(await world.apply([service(script, { supervisor: "sh" })]))
    expect([running(), bySh.unit]).toEqual([[bySh.pid], undefined])
    const byUnit = await world.apply([service(script)])
    expect(byUnit.get("service")?.change).toMatchObject({ because: "it was started with something else: restart" })
    expect([running(), fact("MainPID")]).toEqual([[outputs(byUnit).pid], String(outputs(byUnit).pid)])
    const back = await world.apply([service(script, { supervisor: "sh" })])
    expect(failures(back)).toEqual([])
    expect([running(), fact("LoadState")]).toEqual([[outputs(back).pid], "not-found"])
  })

  test("a unit whose folder was removed by hand is still seen, and goes", async () => {
    const wanted = service("exec sleep 1000.8")
    const done = await world.apply([wanted])
    inside("rm", "-rf", run)
    expect(await seen(wanted)).toMatchObject({ running: true, pid: outputs(done).pid })
    expect(failures(await world.apply([left(wanted, done)]))).toEqual([])
    await sleep(100)
    expect(commandOf(outputs(done).pid)).toBe("")
  })
})

describe.skipIf(!canBoot)("where no systemd can run it", () => {
  const wanted = (): TestNode =>
    node(host.process, "service", { command: ["sleep", "1"], directory: "/tmp/none", supervisor: "systemd" })

  const failure = async (prefix: readonly string[], of: TestNode): Promise<readonly unknown[]> => {
    const world = await HostWorld.open({ scope: "none", prefix })
    try {
      const read = (await world.read([of])).get("service")
      const changed = await world.change([of], new Map([["service", { absent: true }]]))
      const result = changed.get("service")?.result
      return [read, result].map((each) =>
        each !== undefined && "failed" in each ? [each.failed.code, each.failed.fact, each.failed.next] : each,
      )
    } finally {
      await world.close()
    }
  }

  test("the plan and the change say why, and what to do", async () => {
    const twice = (fact: string, next: string): readonly unknown[] => [
      ["SYSTEMD_MISSING", fact, next],
      ["SYSTEMD_MISSING", fact, next],
    ]
    const boot = 'boot the host with systemd, or leave out supervisor: "systemd"'
    const bare = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run; exec "$@"', "sh"]
    expect(await failure([...root.enter, ...bare], wanted())).toEqual(
      twice("systemd does not run on the host: there is no /run/systemd/system", boot),
    )
    const without = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      'mount --bind /dev/null "$(command -v systemctl)"; exec "$@"',
      "sh",
    ]
    expect(await failure([...root.enter, ...without], wanted())).toEqual(twice("the host has no systemctl", boot))
    root.run("useradd", "--uid=4343", "--create-home", "guest")
    const guest = [...root.enter, ...asUser(4343, "HOME=/home/guest")]
    const linger = "on the host, as root: loginctl enable-linger guest"
    expect(await failure(guest, wanted())).toEqual(twice("no systemd of user guest runs on the host", linger))
    root.run("systemctl", "start", "user@4343")
    expect(await failure(guest, wanted())).toEqual(
      twice("the systemd of user guest ends with their last session", linger),
    )
  })
})
