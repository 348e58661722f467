import { setTimeout as sleep } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { LogEntry } from "../../src/connect/docker/log-entry.ts"
import { logs } from "../../src/connect/docker/logs.ts"
import type { LogsOptions } from "../../src/connect/docker/logs-options.ts"
import { canStartEngines, closeAll, DockerWorld, open, stopEngines } from "./docker-world.ts"

describe.skipIf(!canStartEngines())("logs of containers", () => {
  let world: DockerWorld

  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)

  afterEach(closeAll)
  afterAll(stopEngines, 60_000)

  const run = (script: string, ...words: readonly string[]): string =>
    world.docker("run", "-d", ...words, "base:1", "sh", "-c", script)

  async function read(containers: readonly string[], options: LogsOptions = {}): Promise<LogEntry[]> {
    const { client } = await open({ host: world.host })
    return all(logs(client, containers, options))
  }

  test("both outputs, in order, each with its time", async () => {
    const id = run("echo one; sleep 0.5; echo two >&2; sleep 0.5; printf 'three\r\nfour'")
    world.docker("wait", id)
    const entries = await read([id])
    expect(entries.map(({ stream, text, more }) => [stream, text, more])).toEqual([
      ["stdout", "one", false],
      ["stderr", "two", false],
      ["stdout", "three", false],
      ["stdout", "four", true], // it was not ended
    ])
    for (const { container, time } of entries) {
      expect(container).toBe(id)
      expect(time).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
    }
    expect((await read([id], { streams: ["stderr"] })).map(({ text }) => text)).toEqual(["two"])
    expect((await read([id], { tail: 2 })).map(({ text }) => text)).toEqual(["three", "four"])
    const since = entries[1]?.time.replace(/\d{6}Z$/, "Z") ?? ""
    expect((await read([id], { since })).map(({ text }) => text)).toEqual(["two", "three", "four"])
  })

  test("lines that the Engine cuts at 16 KiB are whole again, up to 64 KiB", async () => {
    const id = run(`head -c 50000 /dev/zero | tr '\\0' a; echo; yes é | head -n 75000 | tr -d '\\n'; echo; echo end`)
    world.docker("wait", id)
    const entries = await read([id])
    expect(entries.map(({ text, more }) => [text.length, more])).toEqual([
      [50_000, false],
      [32_768, true],
      [32_768, true],
      [9_464, false],
      [3, false],
    ])
  })

  test("of a container with a terminal: by what the Engine says, not by a guess", async () => {
    const id = run("printf '\\001\\000\\000\\000\\000\\000\\000\\002hi\\n'; echo more", "-t")
    world.docker("wait", id)
    const entries = await read([id])
    expect(entries.map(({ stream, text }) => [stream, text])).toEqual([
      ["stdout", "\u0001\0\0\0\0\0\0\u0002hi"],
      ["stdout", "more"],
    ])
  })

  test("a container that is not there is an error; one that is removed ends", async () => {
    await expect(read(["nobody"])).rejects.toMatchObject({
      code: "DOCKER_FAILED",
      fact: expect.stringContaining("nobody"),
    })
    const id = run("echo begun; sleep 600")
    const following = read([id], { follow: "present" })
    await sleep(300)
    world.docker("rm", "-f", id)
    expect((await following).map(({ text }) => text)).toEqual(["begun"])
  })

  test("followed over a stop and a start until it is removed", async () => {
    const id = run("echo $$-begun; sleep 600")
    const following = read([id], { follow: "present" })
    await sleep(300)
    world.docker("restart", "-t", "0", id)
    world.docker("stop", "-t", "0", id)
    world.docker("start", id)
    await sleep(500)
    world.docker("rm", "-f", id)
    expect((await following).map(({ text }) => text)).toEqual(["1-begun", "1-begun", "1-begun"])
  })

  test("who stops reading ends it, and who cancels is told", async () => {
    const id = run("while :; do echo tick; sleep 0.05; done")
    const { client } = await open({ host: world.host })
    let count = 0
    for await (const { text } of logs(client, [id], { follow: "running" })) {
      expect(text).toBe("tick")
      count += 1
      if (count === 5) break
    }
    const cancel = new AbortController()
    setTimeout(() => cancel.abort(), 200)
    await expect(read([id], { follow: "running", signal: cancel.signal })).rejects.toMatchObject({ code: "CANCELLED" })
    world.docker("rm", "-f", id)
  })

  test("many at once, each in its own order", async () => {
    const ids = Array.from({ length: 10 }, (_, at) => run(`for n in $(seq 1 200); do echo ${at}-$n; done`))
    world.docker("wait", ...ids)
    // Each twenty times: two hundred streams at once, by names that differ.
    const names = ids.flatMap((id) => Array.from({ length: 20 }, (_, at) => id.slice(0, 20 + at)))
    const entries = await read(names)
    const byName = Map.groupBy(entries, ({ container }) => container)
    expect(byName.size).toBe(200)
    for (const [name, own] of byName) {
      const at = ids.findIndex((id) => id.startsWith(name))
      expect(own.map(({ text }) => text)).toEqual(Array.from({ length: 200 }, (_, n) => `${at}-${n + 1}`))
    }
    world.docker("rm", "-f", ...ids)
  }, 60_000)

  test("a slow reader slows the container, and memory stays as it is", async () => {
    const id = run("head -c 60000000 /dev/zero | tr '\\0' 'x' | fold -w 127; echo end", "--log-driver=json-file")
    const { client } = await open({ host: world.host })
    world.docker("wait", id)
    const beforeBytes = liveBytes()
    let peakBytes = 0
    let count = 0
    for await (const { text } of logs(client, [id])) {
      count += 1
      if (text === "end") break
      if (count % 20_000 !== 0) continue
      await sleep(20)
      peakBytes = Math.max(peakBytes, liveBytes())
    }
    expect(count).toBe(Math.ceil(60_000_000 / 127))
    expect((peakBytes - beforeBytes) / 1e6).toBeLessThan(20)
    world.docker("rm", "-f", id)
  }, 120_000)

  describe("where the Engine is stopped in the middle", () => {
    const counter =
      "trap exit TERM; i=$(cat /n/at 2>/dev/null || echo 0); while :; do i=$((i+1)); echo $i; echo $i >/n/at; sleep 0.01; done"

    test.each([
      ["as systemd does", "SIGTERM", []],
      ["by SIGKILL, its containers going on", "SIGKILL", ["--live-restore"]],
    ] as const)(
      "%s, nothing is lost and nothing comes twice",
      async (_, signal, args) => {
        const own = await DockerWorld.start({ args: () => args })
        own.image()
        const id = own.docker("run", "-d", "--restart=always", "-v", `${own.at()}:/n`, "base:1", "sh", "-c", counter)
        const { client } = await open({ host: own.host })
        const seen: LogEntry[] = []
        let isBack = false
        const following = (async () => {
          let after = 0
          for await (const entry of logs(client, [id], { follow: "running" })) {
            seen.push(entry)
            if (isBack) after += 1
            if (after > 50) break
          }
        })()
        await sleep(1_500)
        await own.down(signal)
        await sleep(300)
        await own.up()
        isBack = true
        await following
        const told = own.docker("logs", id).split("\n").slice(0, seen.length)
        expect(seen.length).toBeGreaterThan(100)
        expect(seen.map(({ text }) => text)).toEqual(told)
      },
      60_000,
    )

    test("away for too long is an error", async () => {
      const own = await DockerWorld.start()
      own.image()
      const id = own.docker("run", "-d", "base:1", "sh", "-c", "echo begun; sleep 600")
      const { client } = await open({ host: own.host })
      const following = all(logs(client, [id], { follow: "running", awayMs: 500 }))
      following.catch(() => {})
      await sleep(300)
      await own.down("SIGKILL")
      await expect(following).rejects.toMatchObject({ code: expect.stringMatching(/CONNECTION_FAILED|DOCKER_FAILED/) })
    }, 60_000)
  })
})

/** What is in use once everything that is not has been collected. */
function liveBytes(): number {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}
