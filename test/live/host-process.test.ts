import { spawnSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import type { FettleError } from "../../src/errors.ts"
import * as host from "../../src/host.ts"
import {
  carrierFor,
  cleanUp,
  type Done,
  failures,
  HostWorld,
  left,
  newFolder,
  node,
  shellsHere,
  type TestNode,
} from "./host-world.ts"

interface Outputs {
  readonly pid: number
  readonly running: boolean
  readonly fingerprint: string
  readonly startedAt: string
}

afterAll(cleanUp)

describe.each(shellsHere())("processes through %s", (shell) => {
  let world: HostWorld
  let folder: string
  let run: string
  let started: TestNode[]

  beforeEach(async () => {
    folder = newFolder()
    run = join(folder, "run")
    started = []
    world = await HostWorld.open(carrierFor(shell, "processes"))
  })

  afterEach(async () => {
    await world.apply(
      started.map((each) => ({
        ...left(each, new Map()),
        last: { props: each.want, outputs: { directory: (each.want as { directory: string }).directory } },
      })),
    )
    await world.close()
  })

  function service(script: string, more: object = {}): TestNode {
    const made = node(host.process, "service", {
      command: ["sh", "-c", script],
      directory: run,
      readyAfterMs: 300,
      stop: { graceMs: 2_000 },
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
  const log = (): string => readFileSync(join(run, "log"), "utf8")

  test("it starts, survives the session, and a second plan changes nothing", async () => {
    const wanted = service('echo "up as $NAME in $(pwd)"; exec sleep 1000', { env: { NAME: "it's me" }, cwd: folder })
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    const { pid, startedAt } = outputs(done)
    expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).toContain("sleep\u00001000")
    expect(Math.abs(Date.now() - Date.parse(startedAt))).toBeLessThan(60_000)
    expect(log()).toBe(`up as it's me in ${folder}\n`)
    await world.close()
    world = await HostWorld.open(carrierFor(shell, "processes"))
    expect((await world.apply([wanted])).get("service")?.change).toEqual({ action: "none" })
    expect((await seen(wanted))?.pid).toBe(pid)
  })

  test("its environment holds what is named, and its files are private", async () => {
    const secret = world.secret("TOKEN", "swordfish-1234")
    const wanted = service("env | sort >out; exec sleep 1000", { env: { TOKEN: secret, A: "1" }, cwd: folder })
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    const names = readFileSync(join(folder, "out"), "utf8")
      .split("\n")
      .map((line) => line.split("=")[0])
    expect(names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_", ""].includes(name as string))).toEqual([
      "A",
      "HOME",
      "LANG",
      "PATH",
      "TMPDIR",
      "TOKEN",
    ])
    expect(statSync(join(folder, "out")).mode & 0o777).toBe(0o644) // what the command makes is nobody's secret
    expect(statSync(join(run, "start")).mode & 0o777).toBe(0o600)
    expect(statSync(run).mode & 0o777).toBe(0o700)
    const everyArgument = spawnSync("sh", ["-c", "cat /proc/[0-9]*/cmdline"], { encoding: "latin1" }).stdout
    expect(everyArgument).not.toContain("swordfish-1234")
    expect(JSON.stringify([...done])).not.toContain("swordfish-1234")
  })

  test("it is restarted when what it was started with differs, and only then", async () => {
    const first = outputs(await world.apply([service("exec sleep 1000", { restartOn: ["hash-1", { a: 1, b: 2 }] })]))
    expect(
      (await world.apply([service("exec sleep 1000", { restartOn: ["hash-1", { b: 2, a: 1 }] })])).get("service")
        ?.change,
    ).toEqual({ action: "none" })
    const again = await world.apply([service("exec sleep 1000", { restartOn: ["hash-2", { a: 1, b: 2 }] })])
    expect(again.get("service")?.change).toMatchObject({
      action: "update",
      because: "it was started with something else: restart",
    })
    expect(outputs(again).pid).not.toBe(first.pid)
    expect(isAlive(first.pid)).toBe(false)
    expect(isAlive(outputs(again).pid)).toBe(true)
  })

  test("a restart that was cut off is still due", async () => {
    const wanted = service("exec sleep 1000", { restartOn: [1] })
    const { pid } = outputs(await world.apply([wanted]))
    process.kill(Number(readFileSync(join(run, "pid"), "utf8").split(" ")[0]), "SIGKILL")
    process.kill(pid, "SIGKILL")
    await sleep(100)
    const plan = await world.apply([wanted])
    expect(plan.get("service")?.change).toMatchObject({ action: "update", because: "it is not running" })
    expect(outputs(plan).running).toBe(true)
  })

  test("it is started again when it dies", async () => {
    const wanted = service("echo hello; exec sleep 1000")
    const { pid } = outputs(await world.apply([wanted]))
    process.kill(pid, "SIGKILL")
    await expect
      .poll(async () => (await seen(wanted))?.running && (await seen(wanted))?.pid !== pid, { timeout: 10_000 })
      .toBe(true)
    // "Killed" is the shell's own word for it.
    const lines = "hello\nfettle: the process ended with exit code 137; it is started again in 1 s\nhello\n"
    await expect.poll(() => log().replace("Killed\n", ""), { timeout: 5_000 }).toBe(lines)
  })

  test("when the supervisor is killed the command lives on, is seen as unwatched, and is replaced, not doubled", async () => {
    const wanted = service("exec sleep 1000.5")
    const { pid } = outputs(await world.apply([wanted]))
    process.kill(Number(readFileSync(join(run, "pid"), "utf8").split(" ")[0]), "SIGKILL")
    await expect.poll(async () => (await seen(wanted))?.running).toBe(false)
    expect(isAlive(pid)).toBe(true)
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    expect(isAlive(pid)).toBe(false)
    expect(
      readdirSync("/proc").filter((each) => /^\d+$/.test(each) && commandOf(each).includes("sleep\u00001000.5")),
    ).toEqual([String(outputs(done).pid)])
  })

  test("one that does not stay up fails with its last words, and nothing is left running", async () => {
    const done = await world.apply([service("echo starting; echo 'no port left' >&2; exit 3")])
    expect(failures(done)).toEqual([
      "service: PROCESS_DIED it did not stay up for 300 ms; its last words: no port left",
    ])
    expect(supervisors(run)).toEqual([])
    const missing = await world.apply([
      node(host.process, "service", { command: ["/no/such/command"], directory: run }),
    ])
    expect(failures(missing)[0]).toMatch(/PROCESS_DIED .*\/no\/such\/command.*not found/)
    const script = "require('node:net').createServer().listen(1, '203.0.113.1')" // no address of this machine
    const trace = service(`exec ${JSON.stringify(process.execPath)} -e "${script}"`)
    expect(failures(await world.apply([trace]))[0]).toMatch(
      /its last words: Error: listen EADDRNOTAVAIL: .*203\.0\.113\.1:1$/,
    )
  })

  test("a first start that fails leaves nothing, secrets least of all", async () => {
    const env = { TOKEN: world.secret("TOKEN", "swordfish-1234") }
    expect(failures(await world.apply([service("echo no; exit 3", { env })]))[0]).toContain("PROCESS_DIED")
    expect(readdirSync(folder)).toEqual([])
    mkdirSync(run)
    writeFileSync(join(run, "mine"), "")
    expect(failures(await world.apply([service("echo no; exit 3", { env })]))[0]).toContain("PROCESS_DIED")
    expect(readdirSync(run)).toEqual(["mine"])
  })

  test("a restart that fails keeps its log and no secret, is still due, and can be deleted", async () => {
    await world.apply([service("echo first; exec sleep 1000")])
    const env = { TOKEN: world.secret("TOKEN", "swordfish-1234") }
    const broken = service("echo second; exit 3", { env })
    expect(failures(await world.apply([broken]))[0]).toContain("its last words: second")
    expect(log()).toMatch(/^first\n(.*\n)?second\n/)
    expect(spawnSync("grep", ["-r", "swordfish", run]).status).toBe(1)
    expect((await world.apply([broken])).get("service")?.change).toMatchObject({ action: "update" })
    const mended = service("echo third; exec sleep 1000")
    expect(failures(await world.apply([mended]))).toEqual([])
    expect(failures(await world.apply([broken]))[0]).toContain("PROCESS_DIED")
    expect(failures(await world.apply([left(broken, new Map())]))).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test("the end of its log is cut after secrets are hidden in it", async () => {
    const token = "kJ8vQ2xW9rT4yU7pL3mN6bV1"
    world.hide = (text) => text.replaceAll(token, "[secret TOKEN]")
    const done = await world.apply([service(`printf %s ${token}; printf %04010d 0; exit 3`)])
    expect(failures(done)[0]).toContain("PROCESS_DIED")
    const result = done.get("service")?.result as { failed: FettleError }
    expect(JSON.stringify([result.failed, result.failed.details])).toMatch(/TOKEN\]0+/)
    expect(JSON.stringify([result.failed, result.failed.details])).not.toContain(token.slice(-6))
  })

  test.each(["start", "log", "log.2", "pid", "settings", "fingerprint", "own"])(
    "a folder in which somebody else's %s lies is refused and left alone",
    async (name) => {
      mkdirSync(run)
      writeFileSync(join(run, name), "mine\n")
      expect(failures(await world.apply([service("exec sleep 1000")]))).toEqual([
        `service: FILE_REFUSED ${run}/${name} is there, and is not of this process`,
      ])
      expect(readdirSync(run)).toEqual([name])
      expect(readFileSync(join(run, name), "utf8")).toBe("mine\n")
    },
  )

  test("files beside its own are never removed", async () => {
    mkdirSync(run)
    for (const name of ["log.txt", "log.1.gz", "notes.new"]) writeFileSync(join(run, name), "")
    const wanted = service("exec sleep 1000")
    const done = await world.apply([wanted])
    expect(failures(await world.apply([left(wanted, done)]))).toEqual([])
    expect(readdirSync(run).sort()).toEqual(["log.1.gz", "log.txt", "notes.new"])
  })

  test("a line break in the name of its program loses nothing", async () => {
    const program = join(folder, "a) S 1\n1 b")
    copyFileSync("/bin/sleep", program)
    const wanted = node(host.process, "service", { command: [program, "1000.25"], directory: run, readyAfterMs: 300 })
    started.push(wanted)
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    expect((await world.apply([wanted])).get("service")?.change).toEqual({ action: "none" })
    expect(failures(await world.apply([left(wanted, done)]))).toEqual([])
    expect(isAlive(outputs(done).pid)).toBe(false)
    expect(supervisors(run)).toEqual([])
  })

  test("where its folder is deleted it ends, and so does what watches it", async () => {
    const { pid } = outputs(await world.apply([service("trap '' TERM; echo up; while :; do sleep 0.2; done")]))
    rmSync(run, { recursive: true })
    await expect.poll(() => [isAlive(pid), supervisors(run)], { timeout: 15_000, interval: 200 }).toEqual([false, []])
    expect(existsSync(run)).toBe(false)
  })

  test("where its folder was deleted and it is started anew, one of them remains", async () => {
    const wanted = service("exec sleep 1000.125")
    const { pid } = outputs(await world.apply([wanted]))
    rmSync(run, { recursive: true })
    const again = outputs(await world.apply([wanted]))
    await expect.poll(() => isAlive(pid), { timeout: 15_000 }).toBe(false)
    await sleep(2_500)
    expect(await seen(wanted)).toMatchObject({ running: true, pid: again.pid })
    expect(readdirSync("/proc").filter((each) => commandOf(each) === "sleep\u00001000.125\u0000")).toEqual([
      String(again.pid),
    ])
  })

  test("fewer old logs are kept as soon as that is wanted", async () => {
    const script = "i=0; while [ $i -lt 40 ]; do i=$((i + 1)); head -c 16384 /dev/zero; done; exec sleep 1000"
    const { pid } = outputs(await world.apply([service(script, { log: { maxBytes: 65_536, keep: 9 } })]))
    const logs = () => readdirSync(run).filter((name) => name === "log" || name.startsWith("log."))
    const written = () =>
      logs().reduce((sum, name) => sum + (statSync(join(run, name), { throwIfNoEntry: false })?.size ?? 0), 0)
    await expect.poll(written, { timeout: 15_000 }).toBeGreaterThanOrEqual(36 * 16_384) // a rotation under way would make one more
    expect(logs()).toContain("log.4")
    const done = await world.apply([service(script, { log: { maxBytes: 65_536, keep: 1 } })])
    expect(outputs(done).pid).toBe(pid)
    expect(readdirSync(run).filter((name) => name.startsWith("log."))).toEqual(["log.1"])
  })

  test("stopping asks first, then kills; its files go with it", async () => {
    const patient = service("trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done")
    const done = await world.apply([patient])
    const { pid } = outputs(done)
    mkdirSync(join(folder, "keep"))
    expect(failures(await world.apply([left(patient, done)]))).toEqual([])
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(run)).toBe(false)
    const stubborn = service("trap '' TERM; while :; do sleep 0.1; done", { stop: { graceMs: 300 } })
    const second = await world.apply([stubborn])
    expect(failures(await world.apply([left(stubborn, second)]))).toEqual([])
    expect(isAlive(outputs(second).pid)).toBe(false)
    expect(supervisors(run)).toEqual([])
  })

  test("a folder that was there before stays", async () => {
    mkdirSync(run)
    writeFileSync(join(run, "mine"), "")
    const wanted = service("exec sleep 1000")
    const done = await world.apply([wanted])
    expect(failures(await world.apply([left(wanted, done)]))).toEqual([])
    expect(readdirSync(run)).toEqual(["mine"])
  })

  test("the log is turned over without losing a line", async () => {
    const lines = 60_000
    const wanted = service(
      `i=0; while [ $i -lt ${lines} ]; do i=$((i + 1)); echo "line $i"; done; echo done; exec sleep 1000`,
      { log: { maxBytes: 65_536, keep: 100 } },
    )
    expect(failures(await world.apply([wanted]))).toEqual([])
    // Where the last line filled the log, it has been turned over with it.
    const text = (name: string): string => (existsSync(join(run, name)) ? readFileSync(join(run, name), "utf8") : "")
    const end = (): string => (text("log") || text("log.1")).slice(-5)
    await expect.poll(end, { timeout: 15_000, interval: 100 }).toBe("done\n")
    const files = readdirSync(run)
      .filter((name) => /^log(\.\d+)?$/.test(name))
      .sort((a, b) => Number(b.slice(4) || 0) - Number(a.slice(4) || 0))
    expect(files.length).toBeGreaterThan(3)
    const all = files
      .map((name) => readFileSync(join(run, name), "utf8"))
      .join("")
      .split("\n")
    expect(all.slice(0, -2)).toEqual(Array.from({ length: lines }, (_, at) => `line ${at + 1}`))
  })

  test("how the log is kept changes without a restart", async () => {
    const first = outputs(await world.apply([service("exec sleep 1000")]))
    const done = await world.apply([service("exec sleep 1000", { log: { maxBytes: 100_000, keep: 1 } })])
    expect(done.get("service")?.change).toMatchObject({ action: "update", props: ["log"] })
    expect(failures(done)).toEqual([])
    expect(outputs(done).pid).toBe(first.pid)
    expect(
      (await world.apply([service("exec sleep 1000", { log: { maxBytes: 100_000, keep: 1 } })])).get("service")?.change,
    ).toEqual({ action: "none" })
  })

  // Only GNU env gives back what a shell takes from its background jobs.
  test.skipIf(shell === "busybox")("a signal that shells ignore in the background still works", async () => {
    const wanted = service("exec sleep 1000", { stop: { signal: "INT", graceMs: 20_000 } })
    const done = await world.apply([wanted])
    const begun = Date.now()
    expect(failures(await world.apply([left(wanted, done)]))).toEqual([])
    expect(Date.now() - begun).toBeLessThan(10_000)
  })
})

/** A process whose parent has not asked for its end yet is a zombie, not alive. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2))
  } catch {
    return false
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1")
  } catch {
    return ""
  }
}

function supervisors(directory: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(`${directory}/supervise`))
}
