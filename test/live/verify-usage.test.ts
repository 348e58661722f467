import { chmodSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { check, containers, processes, program } from "fettle"
import * as docker from "fettle/docker"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { resolve } from "../../src/program/output.ts"
import type { Driver } from "../../src/provider.ts"
import type { Before, Measured } from "../../src/verify/answer.ts"
import { askCheck, checkProvider } from "../../src/verify/check.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { canBootSystemd } from "../support/systemd-root.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"
import { HostWorld } from "./host-world.ts"
import {
  containersOfAnEngine,
  type Limits,
  overSsh,
  type Running,
  thisMachine,
  type UsagePlace,
  unitsOfSystemd,
} from "./usage-places.ts"
import { callIn } from "./verify-support.ts"

const IDLE = "exec sleep 600"
const BUSY = "while :; do :; done"

async function ask(probe: unknown, driver: Driver | undefined, before?: Before) {
  const on = driver === undefined ? {} : { on: "there" }
  const want = checkProvider.props.parse({ probe: resolve(probe as never, () => undefined), ...on })
  const call = { ...callIn(tmpdir()), reach: async () => driver as Driver }
  return askCheck(want, call, before)
}

async function engineOf(world: DockerWorld): Promise<Driver> {
  const { signal } = new AbortController()
  return docker.engine({ host: world.host }).open({ signal, reveal: () => undefined as never, log: () => {} })
}

const places = [
  ["a process of this machine", process.platform === "linux", thisMachine],
  ["a process of a host over ssh", canStartHosts(), overSsh],
  ["a unit of systemd on a host", canBootSystemd(), unitsOfSystemd],
  ["a container", canStartEngines(), () => containersOfAnEngine(engineOf)],
] as const

for (const [what, canRun, start] of places)
  describe.skipIf(!canRun)(`what ${what} uses`, () => {
    let place: UsagePlace
    let idle: Running
    beforeAll(async () => {
      place = await start()
      idle = await place.run(IDLE)
    }, 120_000)
    afterAll(async () => {
      await idle?.end()
      await place?.stop()
    }, 60_000)

    test("under its limits is yes, with all that was measured", async () => {
      const answer = await ask(idle.probe({ memoryBytes: 1e9, cpuPercent: 90, over: "300ms" }), place.driver)
      expect(answer, answer.evidence).toMatchObject({ verdict: "yes", measured: { processes: 1 } })
      expect(answer.measured?.memoryBytes).toBeGreaterThan(1_000)
      expect(answer.measured?.cpuPercent).toBeLessThan(50)
      expect(answer.evidence).toMatch(/\d+ bytes of memory, [\d.]+ % of a core/)
    })

    test("over one of them is no, and says which and by how much", async () => {
      const memory = await ask(idle.probe({ memoryBytes: 1 }), place.driver)
      expect(memory, memory.evidence).toMatchObject({ verdict: "no" })
      expect(memory.evidence).toMatch(/: \d+ bytes of memory, expected at most 1$/)
      const busy = await place.run(BUSY)
      const cpu = await ask(busy.probe({ cpuPercent: 1, over: "1s" }), place.driver)
      await busy.end()
      expect(cpu, cpu.evidence).toMatchObject({ verdict: "no" })
      expect(cpu.evidence).toMatch(/% of a core, expected at most 1$/)
    })

    test("one that is not there is no", async () => {
      const answer = await ask(place.none({ memoryBytes: 1e9 }), place.driver)
      expect(answer, answer.evidence).toMatchObject({ verdict: "no" })
      expect(answer.evidence).toMatch(/is not running|there is no /)
    })

    test("one that ends while it is looked at is no", async () => {
      const short = await place.run(IDLE)
      const asked = ask(short.probe({ cpuPercent: 90, over: "6s" }), place.driver)
      await sleep(1_500) // by then the first look is done, or the second finds as much
      await short.end()
      const answer = await asked
      expect(answer, answer.evidence).toMatchObject({ verdict: "no" })
      expect(answer.evidence).toMatch(/ended while it was looked at|is not running|there is no /)
    })

    test("against the time before a release: nothing measured yet, as much, more, and no ratio to nothing", async () => {
      const probe = idle.probe({ against: "before the release", atMostTimes: { memoryBytes: 1.5 } })
      const at = { startedMs: Date.now() - 60_000 }
      const first = await ask(probe, place.driver, { ...at, isNow: true })
      expect(first, first.evidence).toMatchObject({ verdict: "yes" })
      expect(first.evidence).toMatch(/this is what it is compared with from now on$/)
      const then = first.measured as Measured
      const asked = (measured: Measured | undefined) =>
        ask(probe, place.driver, { ...at, isNow: false, ...(measured === undefined ? {} : { measured }) })
      const none = await asked(undefined)
      expect(none, none.evidence).toMatchObject({ verdict: "inconclusive" })
      expect(none.evidence).toMatch(/the bytes of memory were not measured before the release$/)
      const same = await asked(then)
      expect(same, same.evidence).toMatchObject({ verdict: "yes" })
      expect(same.evidence).toMatch(/; at most [\d.]+ times what it was before$/)
      const more = await asked({ ...then, memoryBytes: Number(then.memoryBytes) / 10 })
      expect(more).toMatchObject({ verdict: "no" })
      expect(more.evidence).toMatch(/times the [\d.]+ before, expected at most 1.5 times$/)
      expect(await asked({ ...then, memoryBytes: 0 })).toMatchObject({ verdict: "inconclusive" })
    })

    test("one that was started again is told by it", async () => {
      const probe = idle.probe({ against: "before the release", restarts: 0 })
      const at = { startedMs: Date.now() - 60_000 }
      const { measured } = await ask(probe, place.driver, { ...at, isNow: true })
      const since = { ...at, isNow: false, measured: measured as Measured }
      const same = await ask(probe, place.driver, since)
      expect(same, same.evidence).toMatchObject({ verdict: "yes", measured: { restarts: 0 } })
      if (idle.again === undefined) return
      await idle.again()
      const again = await ask(probe, place.driver, since)
      expect(again, again.evidence).toMatchObject({ verdict: "no" })
      expect(again.evidence).toMatch(/restart/)
      const unmeasured = await ask(probe, place.driver, { ...at, isNow: false })
      expect(unmeasured).toMatchObject({ verdict: "inconclusive" })
    })
  })

describe.skipIf(!canStartHosts())("a process that not everybody may look into", () => {
  let web: SshHost
  let deploy: Driver
  beforeAll(async () => {
    web = await SshHost.start("web1", { users: [{ name: "deploy" }] })
    deploy = (await HostWorld.through(host.ssh("web1", { config: web.config, user: "deploy" }))).driver
  }, 60_000)
  afterAll(async () => {
    await deploy?.close?.()
    await stopHosts()
  })

  test("is as far measured as it may be; open files that are asked for are inconclusive", async () => {
    const place = await overSsh()
    const idle = await place.run(IDLE)
    const memory = await ask(idle.probe({ memoryBytes: 1e9, threads: 1 }), deploy)
    const files = await ask(idle.probe({ openFiles: 100 }), deploy)
    const over = await ask(idle.probe({ openFiles: 100, memoryBytes: 1 }), deploy)
    const asRoot = await ask(idle.probe({ openFiles: 100 }), place.driver)
    await idle.end()
    await place.stop()
    expect(memory, memory.evidence).toMatchObject({ verdict: "yes", measured: { threads: 1 } })
    expect(files, files.evidence).toMatchObject({ verdict: "inconclusive" })
    expect(files.evidence).toMatch(/the open files could not be measured$/)
    expect(over).toMatchObject({ verdict: "no" })
    expect(asRoot, asRoot.evidence).toMatchObject({ verdict: "yes" })
  })

  test("a pid file: read, not there, not to be read, without a number, and of a process that was before", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fettle-usage-"))
    chmodSync(folder, 0o755)
    const at = (name: string, text: string, mode = 0o644): string => {
      writeFileSync(join(folder, name), text, { mode })
      chmodSync(join(folder, name), mode)
      return join(folder, name)
    }
    const asked = (pidFile: string) => ask(processes.within({ pidFile, memoryBytes: 1e9 }), deploy)
    expect(await asked(at("good", `${process.pid}\n`))).toMatchObject({ verdict: "yes" })
    expect((await asked(join(folder, "none"))).evidence).toMatch(/there is no .*: the process is not running/)
    const closed = await asked(at("closed", "1", 0o600))
    expect(closed, closed.evidence).toMatchObject({ verdict: "inconclusive" })
    expect(closed.evidence).toMatch(/cannot be read: .*Permission denied/)
    expect((await asked(at("words", "not a number"))).evidence).toMatch(/holds no process id/)
    expect((await asked(at("before", `${process.pid} 1\n`))).evidence).toMatch(/its number now belongs to another/)
    expect((await asked(folder)).evidence).toMatch(/it is no file/)
  })

  test("a unit where there is no systemd", async () => {
    const answer = await ask(processes.within({ unit: "shop", memoryBytes: 1 }), deploy)
    expect(answer, answer.evidence).toMatchObject({ verdict: "inconclusive" })
    expect(answer.evidence).toMatch(/shop cannot be looked at/)
  })
})

describe.skipIf(!canBootSystemd())("a unit that fails", () => {
  test("is told by how often systemd has started it again", { timeout: 120_000 }, async () => {
    const place = await unitsOfSystemd()
    const twice = await place.run("[ -e /tmp/done ] && exec sleep 600; : >/tmp/done; exit 1")
    const asked = (limits: Limits) => ask(twice.probe(limits), place.driver)
    let answer = await asked({ restarts: 0 })
    for (let tries = 0; tries < 200 && answer.measured?.restarts !== 1; tries += 1) {
      await sleep(100)
      answer = await asked({ restarts: 0 })
    }
    const allowed = await asked({ restarts: 1 })
    const old = await asked({ minSeconds: 3_600 })
    await twice.end()
    const ended = await asked({ restarts: 1 })
    await place.stop()
    expect(answer.evidence).toMatch(/^usage1, 1 process: restarted once, expected at most 0$/)
    expect(allowed, allowed.evidence).toMatchObject({ verdict: "yes" })
    expect(old.evidence).toMatch(/has been running for \d+ s, expected at least 3600$/)
    expect(ended.evidence).toMatch(/^there is no unit usage1$|^usage1 is not running/) // systemd forgets what systemd-run made
  })
})

describe.skipIf(!canStartHosts())("a host that hides processes from others", () => {
  test("leaves it open whether one that cannot be seen runs", { timeout: 60_000 }, async () => {
    const web = await SshHost.start("web1", {
      users: [{ name: "deploy" }],
      setup: ["mount -t proc -o hidepid=2 proc /proc"],
    })
    const { driver } = await HostWorld.through(host.ssh("web1", { config: web.config, user: "deploy" }))
    const hidden = await ask(processes.within({ pid: process.pid, memoryBytes: 1e12 }), driver)
    await driver.close?.()
    await web.stop()
    expect(hidden, hidden.evidence).toMatchObject({ verdict: "inconclusive" })
    expect(hidden.evidence).toMatch(/this user sees only its own processes there$/)
  })
})

describe.skipIf(!canStartEngines())("a container", () => {
  let world: DockerWorld
  let driver: Driver
  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
    driver = await engineOf(world)
  }, 120_000)
  afterAll(async () => {
    await driver?.close?.()
    await stopEngines()
  }, 60_000)

  test("that was out of memory is told by its kills and its restarts", { timeout: 60_000 }, async () => {
    const eat =
      "sleep 1; [ -e /tmp/done ] && exec sleep 600; : >/tmp/done; x=$(head -c 100000000 /dev/zero | tr '\\0' a)"
    world.docker("run", "-d", "--name", "hungry", "-m", "16m", "--restart", "on-failure:3", "base:1", "sh", "-c", eat)
    let answer = await ask(containers.within({ container: "hungry", restarts: 0 }), driver)
    for (let tries = 0; tries < 200 && answer.measured?.restarts !== 1; tries += 1) {
      await sleep(100)
      answer = await ask(containers.within({ container: "hungry", restarts: 0 }), driver)
    }
    expect(answer.evidence).toMatch(/^hungry: 1 restarts, expected at most 0$/)
    const kills = await ask(containers.within({ container: "hungry", outOfMemoryKills: 0 }), driver)
    expect(kills, kills.evidence).toMatchObject({ verdict: "no" })
    expect(kills.evidence).toMatch(/^hungry: \d kills for want of memory, expected at most 0$/)
  })

  test("what goes over its network is counted; one that has ended says how", async () => {
    world.docker(
      "run",
      "-d",
      "--name",
      "talks",
      "base:1",
      "sh",
      "-c",
      "while :; do echo x | nc -u -w 1 10.0.0.9 9; done",
    )
    const quiet = await ask(containers.within({ container: "talks", networkBytesPerSecond: 1e9 }), driver)
    expect(quiet, quiet.evidence).toMatchObject({ verdict: "yes" })
    expect(quiet.measured?.networkBytesPerSecond).toEqual(expect.any(Number))
    world.docker("run", "--name", "ended", "base:1", "sh", "-c", "true")
    const ended = await ask(containers.within({ container: "ended", memoryBytes: 1e9 }), driver)
    expect(ended).toMatchObject({ verdict: "no", evidence: "ended is not running: exited with 0" })
  })

  test.skipIf(!canStartHosts())("on an Engine that this user may not ask is inconclusive", async () => {
    world.docker("run", "-d", "--name", "closed", "base:1", "sh", "-c", IDLE)
    const web = await SshHost.start("web1", { users: [{ name: "deploy" }] })
    const over = host.ssh("web1", { config: web.config, user: "deploy" })
    const engine = docker.engine({ host: over, socket: world.host.replace("unix://", ""), name: "engine" })
    const probe = containers.within({ container: "closed", memoryBytes: 1e9 })
    const run = await runsIn(testFolder()).apply(program("asked", {}, () => check("it", probe, { on: engine })))
    await web.stop()
    expect(run).toMatchObject({ exitCode: 4 })
    expect(run.applied?.outcomes[0]?.verdict).toBe("inconclusive")
  })

  test("a program asks it on its Engine, and is refused where it names none", async () => {
    world.docker("run", "-d", "--name", "idle", "base:1", "sh", "-c", IDLE)
    const engine = docker.engine({ host: world.host, name: "engine" })
    const probe = containers.within({ container: "idle", memoryBytes: 1e9 })
    const asked = await runsIn(testFolder()).apply(program("asked", {}, () => check("it", probe, { on: engine })))
    expect(asked).toMatchObject({ exitCode: 0 })
    const nowhere = await runsIn(testFolder()).apply(program("asked", {}, () => check("it", probe)))
    expect(nowhere.error?.fact).toMatch(/a container probe needs a connection of type docker/)
    const gone = await runsIn(testFolder()).apply(
      program("asked", {}, () => check("it", probe, { on: docker.engine({ host: "unix:///nonexistent.sock" }) })),
    )
    expect(gone).toMatchObject({ exitCode: 4 })
  })
})
