import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  killContainer,
  removeContainer,
  stopContainer,
  waitContainer,
} from "../../src/connect/docker/container-life.ts"
import type { EngineClient } from "../../src/connect/docker/engine-client.ts"
import { type EngineEvent, events } from "../../src/connect/docker/events.ts"
import { exec } from "../../src/connect/docker/exec.ts"
import { canStartEngines, closeAll, DockerWorld, open, stopEngines } from "./docker-world.ts"

describe.skipIf(!canStartEngines())("containers of an Engine", () => {
  let world: DockerWorld
  let client: EngineClient
  let sleeper: string

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
    client = (await open({ host: world.host })).client
    sleeper = world.docker("run", "-d", "--name", "sleeper", "base:1", "sleep", "600")
  }, 120_000)

  afterAll(async () => {
    await closeAll()
    await stopEngines()
  }, 60_000)

  describe("exec", () => {
    test("both outputs and the exit code", async () => {
      const script = 'echo "$WHO in $(pwd) is $(id -u)"; echo oops >&2; exit 3'
      const options = { env: { WHO: "it" }, user: "65534", cwd: "/tmp", check: false }
      const { exitCode, stdout, stderr } = await exec(client, "sleeper", ["sh", "-c", script], options)
      expect([exitCode, Buffer.from(stdout).toString(), Buffer.from(stderr).toString()]).toEqual([
        3,
        "it in /tmp is 65534\n",
        "oops\n",
      ])
    })

    test("its input, of any size, to its end", async () => {
      const chunk = Buffer.alloc(65_536, "abc")
      async function* input(): AsyncGenerator<Uint8Array> {
        for (let n = 0; n < 200; n += 1) yield chunk
      }
      let gotBytes = 0
      const onOutput = (_: string, bytes: Uint8Array): void => {
        gotBytes += bytes.length
      }
      const { stdout } = await exec(client, sleeper, ["cat"], { input: input(), onOutput })
      expect(gotBytes).toBe(200 * 65_536)
      expect(stdout).toHaveLength(65_536)
      const counted = await exec(client, sleeper, ["wc", "-c"], { input: "four" })
      expect(Buffer.from(counted.stdout).toString().trim()).toBe("4")
    })

    test("input that nobody reads", async () => {
      const { exitCode } = await exec(client, sleeper, ["true"], { input: Buffer.alloc(4_000_000) })
      expect(exitCode).toBe(0)
    })

    test("a failing command is an error with the end of what it said", async () => {
      await expect(exec(client, sleeper, ["sh", "-c", "echo almost; echo no >&2; exit 2"])).rejects.toMatchObject({
        code: "COMMAND_FAILED",
        details: { exitCode: 2, stdout: "almost\n", stderr: "no\n" },
      })
    })

    test("where it does not begin, that is known", async () => {
      const notMade = { code: "DOCKER_FAILED", details: { notMade: true } }
      await expect(exec(client, "nobody", ["true"])).rejects.toMatchObject(notMade)
      const stopped = world.docker("create", "base:1", "true")
      await expect(exec(client, stopped, ["true"])).rejects.toMatchObject(notMade)
    })

    test("one that takes too long, and one that is cancelled", async () => {
      await expect(exec(client, sleeper, ["sleep", "60"], { timeoutMs: 300 })).rejects.toMatchObject({
        code: "TIMEOUT",
        fact: expect.stringContaining("may go on there"),
      })
      const cancel = new AbortController()
      setTimeout(() => cancel.abort(), 200)
      await expect(exec(client, sleeper, ["sleep", "60"], { signal: cancel.signal })).rejects.toMatchObject({
        code: "CANCELLED",
      })
    })

    test("many at once", async () => {
      const numbers = Array.from({ length: 20 }, (_, at) => String(at))
      const done = await Promise.all(numbers.map((number) => exec(client, sleeper, ["echo", number])))
      expect(done.map(({ stdout }) => Buffer.from(stdout).toString().trim())).toEqual(numbers)
    }, 60_000)
  })

  test("wait, kill, stop and remove, each also where it is done already", async () => {
    const id = world.docker("run", "-d", "base:1", "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    const waiting = waitContainer(client, id)
    await expect(removeContainer(client, id)).rejects.toMatchObject({
      code: "DOCKER_FAILED",
      details: { notMade: true },
    })
    await sleep(300)
    expect(await killContainer(client, id, { with: "SIGTERM" })).toBe(true)
    expect(await waiting).toBe(7)
    expect(await waitContainer(client, id)).toBe(7)
    expect(await killContainer(client, id)).toBe(false)
    expect(await stopContainer(client, id, { graceS: 1 })).toBe(true)
    expect(await removeContainer(client, id)).toBe(true)
    expect(await removeContainer(client, id)).toBe(false)
    expect(await stopContainer(client, id)).toBe(false)
    await expect(waitContainer(client, id)).rejects.toMatchObject({ code: "DOCKER_FAILED", details: { status: 404 } })
  })

  test("several who remove one at once", async () => {
    const id = world.docker("run", "-d", "base:1", "sleep", "600")
    const done = await Promise.all(Array.from({ length: 5 }, () => removeContainer(client, id, { force: true })))
    expect(done).toContain(true)
    expect(world.docker("ps", "-aq", "--no-trunc")).not.toContain(id)
  })

  test("events, by one word each, without command lines", async () => {
    const cancel = new AbortController()
    const seen: EngineEvent[] = []
    const following = (async () => {
      for await (const event of events(client, { types: ["container"], signal: cancel.signal })) seen.push(event)
    })().catch((thrown) => thrown)
    await sleep(200)
    const health = ["--health-cmd", "true", "--health-interval", "200ms"]
    const id = world.docker("run", "-d", "--name", "told", ...health, "base:1", "sleep", "600")
    world.docker("exec", id, "echo", "the-password")
    await expect.poll(() => seen.find(({ health: told }) => told === "healthy"), { timeout: 10_000 }).toBeDefined()
    world.docker("rm", "-f", id)
    await expect.poll(() => seen.map(({ action }) => action)).toContain("destroy")
    cancel.abort()
    expect(await following).toMatchObject({ code: "CANCELLED" })
    const own = seen.filter((event) => event.id === id)
    expect(own.map(({ action }) => action)).toEqual(expect.arrayContaining(["create", "start", "exec_create", "die"]))
    expect(own.find(({ action }) => action === "die")).toMatchObject({ name: "told", exitCode: 137 })
    expect(JSON.stringify(own)).not.toContain("the-password")
    const again: EngineEvent[] = []
    for await (const event of events(client, { types: ["container"], sinceNs: own[0]?.timeNs ?? "" })) {
      again.push(event)
      if (again.length === 3) break
    }
    expect(again).toEqual(own.slice(0, 3))
  }, 30_000)
})
