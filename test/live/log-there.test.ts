import { appendFile, copyFile, open, rename, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { check, log, program } from "fettle"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { need } from "../support/need.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { canStartEngines, stopEngines } from "./docker-world.ts"
import { cleanUp, newFolder } from "./host-world.ts"
import { asking, containers, filesOfBusybox, filesOverSsh, type Lines, type LogWorld } from "./log-worlds.ts"

const error = /\berror\b/i

afterAll(async () => {
  cleanUp()
  await stopHosts()
  await stopEngines()
}, 60_000)

const HOSTS = [
  { name: "GNU", can: canStartHosts(), start: filesOverSsh },
  { name: "busybox", can: need("busybox", { install: "apt-get install busybox-static" }), start: filesOfBusybox },
] as const

describe.each(HOSTS)("a file of a host with $name", ({ can, start }) => {
  let world: LogWorld
  beforeAll(async () => {
    if (can) world = await start()
  }, 60_000)
  afterAll(() => world?.stop())

  const it = test.skipIf(!can)
  const ask = async (place: object, lines: Lines) => (await asking(world.standpoint, place, lines))()
  const newLog = async (text: string | Uint8Array = ""): Promise<{ readonly path: string }> => {
    const place = (await world.fresh()) as { readonly path: string }
    await writeFile(place.path, text)
    return place
  }

  it("what cannot be said there is refused by its part", async () => {
    const log = await newLog("error\n")
    for (const [pattern, part] of [
      [/error(?!s)/, "(?!…) has no counterpart"],
      [/(a)\1/, "\\1 has no counterpart"],
      [/s/iu, "the flags iu"],
    ] as const) {
      const answer = await ask(log, { pattern })
      expect(answer).toMatchObject({ verdict: "inconclusive", lasting: true })
      expect(answer.evidence).toContain(part)
    }
  })

  it("a copy that was truncated is known, and a part that is gone too", async () => {
    const log = await newLog("error old, and a longer line than what comes after\n")
    const again = await asking(world.standpoint, log, { pattern: error, max: 5 })
    expect(await again()).toMatchObject({ measured: { lines: 1 } })
    await appendFile(log.path, "error between\n")
    await copyFile(log.path, `${log.path}.1`)
    await truncate(log.path)
    await appendFile(log.path, "INFO\nerror\n")
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 3 } })
    await truncate(log.path)
    await writeFile(`${log.path}.1`, "other\n")
    await appendFile(log.path, "INFO\n")
    const lost = await again()
    expect(lost).toMatchObject({ verdict: "inconclusive", evidence: expect.stringContaining("truncated") })
  })

  it("bytes that are no text are looked at like all others", async () => {
    const log = await newLog(Buffer.from("a\0error\xff\nerror\xc3\n\xe9error b\n\0\0\n", "latin1"))
    expect(await ask(log, { pattern: "error" })).toMatchObject({ measured: { lines: 3 } })
    expect(await ask(log, { pattern: /error.$/ })).toMatchObject({ measured: { lines: 2 } })
    expect(await ask(log, { pattern: /^a.error/ })).toMatchObject({ measured: { lines: 1 } })
    expect(await ask(log, { pattern: /^..$/ })).toMatchObject({ measured: { lines: 1 } })
  })

  it("lines end with a return and a line break, too", async () => {
    const log = await newLog("error\r\nan error here\r\nx\r\n\r\n")
    expect(await ask(log, { pattern: /error$/ })).toMatchObject({ measured: { lines: 1 } })
    expect(await ask(log, { pattern: /^$/ })).toMatchObject({ measured: { lines: 1 } })
    expect(await ask(log, { pattern: /error\s/ })).toMatchObject({ measured: { lines: 1 } })
  })

  it("more doubtful lines than are sent make it inconclusive, unless there are too many already", async () => {
    const log = await newLog(`${"é a fault b\n".repeat(30_000)}`)
    expect(await ask(log, { pattern: /^. a.fault.b$/, max: 20_000 })).toMatchObject({ verdict: "inconclusive" })
    expect(await ask(log, { pattern: /^. a.fault.b$/, max: 10 })).toMatchObject({ verdict: "no" })
    expect(await ask(log, { pattern: /a fault b/, max: 20_000 })).toMatchObject({ measured: { lines: 30_000 } })
  })

  it("a log that is written to and rotates while it is read loses no line", { timeout: 60_000 }, async () => {
    const log = await newLog("INFO before\n".repeat(100_000))
    const again = await asking(world.standpoint, log, { pattern: /^error \d+$/, max: 1_000_000 })
    await again()
    let written = 0
    let isWriting = true
    const writer = (async () => {
      let file = await open(log.path, "a")
      while (isWriting) {
        await file.appendFile("err")
        await file.appendFile(`or ${written}\n`)
        written += 1
        if (written !== 300) continue
        await file.close()
        await rename(log.path, `${log.path}.1`)
        file = await open(log.path, "a")
      }
      await file.close()
    })()
    for (let looks = 0; looks < 3 || written < 900; looks += 1) await again()
    isWriting = false
    await writer
    expect((await again()).measured).toMatchObject({ lines: written })
  })

  it("a question is ended by its time", async () => {
    const log = await newLog()
    const file = await open(log.path, "w")
    await file.truncate(200 * 2 ** 30) // a hole: it takes no space, and minutes
    await file.close()
    const answer = await ask(log, { pattern: error, timeoutMs: 1_500 })
    expect(answer).toMatchObject({ verdict: "inconclusive" })
    expect(await ask(await newLog("error\n"), { pattern: error })).toMatchObject({ verdict: "no" })
  })
})

describe.skipIf(!canStartEngines())("a container", () => {
  let world: LogWorld
  beforeAll(async () => {
    world = await containers()
  }, 120_000)
  afterAll(() => world?.stop(), 60_000)

  test("more than is held at once is read as it comes", { timeout: 120_000 }, async () => {
    const log = await world.fresh()
    await world.write(log, "INFO a line that is served in the usual way\n".repeat(50_000))
    await world.write(log, "error at the end\n")
    expect(await (await asking(world.standpoint, log, { pattern: error }))()).toMatchObject({
      verdict: "no",
      measured: { lines: 1, scannedBytes: 50_000 * 44 + 17 },
    })
  })
})

test.skipIf(!canStartHosts() || !need("sudo", { install: "apt-get install sudo" }))(
  "a log that only root may read is read by who becomes root",
  { timeout: 60_000 },
  async () => {
    const sudoers = ["deploy ALL=(ALL) NOPASSWD: ALL"]
    const web = await SshHost.start("web2", { users: [{ name: "deploy" }], sudoers })
    const path = join(newFolder(), "root.log")
    await writeFile(path, "INFO\nERROR of root\n", { mode: 0o600 })
    const asked = async (become?: "sudo") => {
      const on = host.ssh("web2", { config: web.config, user: "deploy", ...(become && { become }) })
      const result = await runsIn(testFolder()).apply(
        program("asked", {}, () => check("quiet", log.quiet({ path, level: "error" }), { on })),
      )
      return { verdict: result.applied?.outcomes[0]?.verdict, told: JSON.stringify(result.events) }
    }
    expect((await asked()).verdict).toBe("inconclusive")
    const { verdict, told } = await asked("sudo")
    expect(verdict).toBe("no")
    expect(told).toContain("ERROR of root")
  },
)
