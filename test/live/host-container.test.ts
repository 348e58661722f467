import { readFileSync } from "node:fs"
import { program, resource } from "fettle"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as docker from "../../src/docker.ts"
import * as host from "../../src/host.ts"
import { place } from "../cli/fettle.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"
import { failures, HostWorld, node } from "./host-world.ts"

/** A client that starts, and a script that works for some seconds, on a busy machine. */
const ROUND_MS = 60_000

describe.skipIf(!canStartEngines())("a container as a host", () => {
  let world: DockerWorld
  const run = (name: string, ...more: readonly string[]): string =>
    world.docker("run", "-d", "--name", name, ...more, "base:1", "sleep", "6000")
  const there = (name: string, text: string): string => world.docker("exec", name, "sh", "-c", text)
  const through = (name: string, options: { user?: string; shell?: string } = {}) =>
    host.container(name, { ...options, engine: docker.engine({ host: world.host }) })

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)
  afterAll(stopEngines, 60_000)

  test("its id is who it is: another one of the name is refused until it is meant", async () => {
    run("app")
    const { plan, apply } = runsIn(testFolder())
    const site = program("site", {}, () => {
      resource(host.file, "motd", { path: "/etc/motd", content: "hello\n" }, { on: through("app") })
    })
    expect((await apply(site)).outcome).toBe("done")
    expect(there("app", "cat /etc/motd")).toBe("hello")
    expect((await plan(site)).plan?.changes).toEqual([])
    there("app", "echo drift >/etc/motd")
    expect(changesOf(await plan(site))).toEqual(["update host.file[motd]"])
    world.docker("rm", "-f", "app")
    run("app")
    const planned = await plan(site)
    expect(planned.plan?.changes).toMatchObject([{ action: "blocked", error: { code: "TARGET_CHANGED" } }])
    expect(JSON.stringify(planned.plan)).toContain("another container")
    expect(there("app", "ls -A /var /etc 2>/dev/null || true")).not.toMatch(/fettle|motd/)
  })

  test("who it is not: no such name, stopped, paused, without a shell, without such a user", async () => {
    run("stopped")
    world.docker("kill", "stopped")
    run("paused")
    world.docker("pause", "paused")
    run("odd")
    const problem = async (name: string, options = {}): Promise<string> => {
      const opened = await HostWorld.through(through(name, options)).catch((thrown) => thrown)
      if (opened instanceof HostWorld) await opened.close()
      return `${opened.code}: ${opened.fact}`
    }
    expect(await problem("nobody")).toMatch(/^CONNECTION_FAILED: .*there is no such container/)
    expect(await problem("stopped")).toMatch(/^CONNECTION_FAILED: .*does not run: it is exited/)
    expect(await problem("paused")).toMatch(/^CONNECTION_FAILED: .*it is paused/)
    world.docker("unpause", "paused")
    expect(await problem("odd", { shell: "/bin/no-such" })).toMatch(/^HOST_TOOLS: .*has no \/bin\/no-such that runs/)
    expect(await problem("odd", { user: "stranger" })).toMatch(/stranger/)
    for (const bad of ["", "-x", "a/b", "a b"]) expect(() => host.container(bad)).toThrow(/name cannot be/)
    expect(() => host.container("a", { user: "--privileged" })).toThrow(/user cannot be/)
    expect(() => docker.engine({ host: through("app") })).not.toThrow()
    await expect(
      docker.engine({ host: through("app") }).open({ signal: new AbortController().signal } as never),
    ).rejects.toThrow(/is a container/)
  })

  test("as its user, with contents of any size, many at once, and what is there taken away again", async () => {
    run("many")
    there("many", "mkdir -m 777 /srv/open")
    const at = await HostWorld.through(through("many", { user: "65534" }))
    const big = "x".repeat(3_000_000)
    const files = Array.from({ length: 300 }, (_, n) =>
      node(host.file, `f${n}`, { path: `/srv/open/f${n}`, content: n === 0 ? big : `${n}\n` }),
    )
    expect(failures(await at.apply(files))).toEqual([])
    expect(failures(await at.apply(files))).toEqual([])
    await at.close()
    expect(there("many", "stat -c %u /srv/open/f7; wc -c </srv/open/f0; ls /srv/open | wc -l").split("\n")).toEqual([
      "65534",
      "3000000",
      "300",
    ])
    const leftovers = () => there("many", "ls -A /dev/shm; ps | grep -c '[f]ettle' || true")
    await expect.poll(leftovers, { timeout: 10_000 }).toBe("0")
  })

  test("what is cancelled is ended in it, with all that it started", { timeout: 2 * ROUND_MS }, async () => {
    run("slow")
    const at = await HostWorld.through(through("slow"))
    const sleeping = node(host.command, "s", { name: "s", script: "sleep 4321 & sleep 4322" })
    const applying = at.apply([sleeping], { timeoutMs: 2 * ROUND_MS })
    const sleepers = () => there("slow", "ps | grep -c '[s]leep 432' || true")
    await expect.poll(sleepers, { timeout: ROUND_MS }).toBe("2")
    at.controller.abort(new Error("enough"))
    expect(failures(await applying)).toHaveLength(1)
    await expect.poll(sleepers, { timeout: ROUND_MS }).toBe("0")
    await at.close()
  })

  test("a client that was killed: nobody writes beside what it left at work, and its shell ends", {
    timeout: 3 * ROUND_MS,
  }, async () => {
    run("busy")
    const [first, second] = [place(), place()]
    for (const [at, who] of [
      [first, "first"],
      [second, "second"],
    ] as const)
      at.write(
        "fettle.ts",
        `import { program, resource } from "fettle"
import * as docker from "fettle/docker"
import * as host from "fettle/host"
export default program("busy", {}, () => {
  const on = host.container("busy", { engine: docker.engine({ host: ${JSON.stringify(world.host)} }) })
  resource(host.command, "c", { name: "c", cwd: "/srv", script: "if ! ( set -C; : >busy ) 2>/dev/null; then echo ${who} >>beside; exit 1; fi; echo '${who} began' >>ran; sleep 3; echo '${who} ended' >>ran; rm busy" }, { on })
})
`,
      )
    const doomed = first.start(["apply", "--yes"])
    await expect.poll(() => there("busy", "ls /srv"), { timeout: ROUND_MS, interval: 50 }).toContain("busy")
    doomed.child.kill("SIGKILL")
    await doomed.ended
    const { code, text } = await second.fettle(["apply", "--yes"])
    expect(code, text).toBe(0)
    expect(there("busy", "cat /srv/ran").split("\n")).toEqual([
      "first began",
      "first ended",
      "second began",
      "second ended",
    ])
    await expect.poll(() => there("busy", "ps | grep -c '[f]ettle' || true"), { timeout: 10_000 }).toBe("0")
    const again = await first.fettle(["apply", "--yes"])
    expect(again.code, again.text).toBe(0)
    expect((await first.fettle(["plan", "--check"])).code).toBe(0)
    expect(there("busy", "ls /srv")).not.toContain("beside")
  })

  test("an Engine that is killed in the middle: a failure is told, and the next run goes on", {
    timeout: 3 * ROUND_MS,
  }, async () => {
    run("cut")
    const at = await HostWorld.through(through("cut"))
    const slow = node(host.command, "c", {
      name: "c",
      cwd: "/srv",
      script: "echo began >>ran; sleep 2; echo ended >>ran",
    })
    const applying = at.apply([slow])
    await expect.poll(() => there("cut", "cat /srv/ran 2>/dev/null || true"), { timeout: ROUND_MS }).toBe("began")
    await world.down("SIGKILL")
    expect(failures(await applying)).toHaveLength(1)
    await at.close()
    await world.up()
    const state = world.docker("inspect", "-f", "{{.State.Running}}", "cut")
    if (state !== "true") world.docker("start", "cut")
    const next = await HostWorld.through(through("cut"))
    expect(failures(await next.apply([node(host.file, "f", { path: "/srv/f", content: "x" })]))).toEqual([])
    await next.close()
    for (const name of world.docker("ps", "-aq", "--filter", "status=exited").split("\n"))
      if (name !== "") world.docker("rm", "-f", name)
  })

  test("docker://NAME where a host is named: look, draft with 0 to change, diff and exec", {
    timeout: 4 * ROUND_MS,
  }, async () => {
    run("one", "--hostname", "one")
    run("two", "--hostname", "two")
    there("one", "mkdir -p /etc/cron.d; echo '* * * * * root true' >/etc/cron.d/tick; echo a >/etc/own.conf")
    const at = place()
    const env = { DOCKER_HOST: world.host }
    const looked = await at.fettle(["look", "docker://one", "--json"], { env })
    expect(looked.code, looked.text).toBe(0)
    expect(JSON.parse(looked.stdout)).toMatchObject({ host: "docker://one", system: { hostname: "one" } })
    const named = await at.fettle(["look", "docker://one", "--host", world.host])
    expect(named.code, named.text).toBe(0)
    const drafted = await at.fettle(["draft", "docker://one", "--host", world.host])
    expect(drafted.code, drafted.text).toBe(0)
    expect(drafted.stdout).toContain(`host.container("one", { engine: docker.engine({ host: "${world.host}" }) })`)
    at.write("fettle.ts", drafted.stdout)
    const planned = await at.fettle(["plan"])
    expect(planned.text).toMatch(/to adopt/)
    expect(planned.text).not.toMatch(/to (?:create|update|replace)/)
    const differing = await at.fettle(["diff", "docker://one", "docker://two"], { env })
    expect(differing.code, differing.text).toBe(2)
    const elsewhere = place()
    const ran = await elsewhere.fettle(["exec", "-l", "docker://one,docker://nobody@two", "--", "id", "-u"], { env })
    expect(ran.text).toMatch(/docker:\/\/one\n {2}0/)
    expect(ran.text).toMatch(/docker:\/\/nobody@two\n {2}65534/)
    expect(ran.code).toBe(0)
    const refused = await elsewhere.fettle(["look", "docker://one", "--become", "sudo"], { env })
    expect(refused.text).toContain("fettle look docker://root@one")
  })

  test("no secret stands in the arguments of what runs in it", async () => {
    run("secretive")
    const at = await HostWorld.through(through("secretive"))
    const files = Array.from({ length: 20 }, (_, n) =>
      node(host.file, `f${n}`, { path: `/srv/f${n}`, content: at.secret("k", "swordfish-of-a-container") }),
    )
    const looking = setInterval(() => seen.push(...argumentsOf(world, "secretive")), 20)
    const seen: string[] = []
    expect(failures(await at.apply(files))).toEqual([])
    clearInterval(looking)
    await at.close()
    expect(there("secretive", "cat /srv/f3")).toBe("swordfish-of-a-container")
    expect(seen.join("\n")).toContain("FETTLE1")
    expect(seen.join("\n")).not.toContain("swordfish")
  })
})

function argumentsOf(world: DockerWorld, name: string): readonly string[] {
  return world
    .docker("top", name, "-eo", "pid")
    .split("\n")
    .slice(1)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid.trim()}/cmdline`, "utf8")
      } catch {
        return ""
      }
    })
}
