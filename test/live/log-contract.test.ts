import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type LogSince, log as logs } from "../../src/program/log-probes.ts"
import { resolve } from "../../src/program/output.ts"
import { markFor } from "../../src/verify/probes/log-marks.ts"
import { need } from "../support/need.ts"
import { canStartHosts, stopHosts } from "../support/ssh-host.ts"
import { canBootSystemd } from "../support/systemd-root.ts"
import { canStartEngines, stopEngines } from "./docker-world.ts"
import { cleanUp } from "./host-world.ts"
import {
  asking,
  containers,
  filesHere,
  filesOfBusybox,
  filesOverSsh,
  journals,
  type Lines,
  type LogWorld,
} from "./log-worlds.ts"

const { quiet } = logs
const error = /\berror\b/i

const WORLDS = [
  { name: "a file here", can: true, start: filesHere },
  { name: "a file of a host with GNU tools", can: canStartHosts(), start: filesOverSsh },
  {
    name: "a file of a host with busybox",
    can: need("busybox", { install: "apt-get install busybox-static" }),
    start: filesOfBusybox,
  },
  { name: "a journal", can: canBootSystemd(), start: journals },
  { name: "a container", can: canStartEngines(), start: containers },
] as const

afterAll(async () => {
  cleanUp()
  await stopHosts()
  await stopEngines()
}, 60_000)

describe.each(WORLDS)("$name", ({ can, start }) => {
  let world: LogWorld
  beforeAll(async () => {
    if (can) world = await start()
  }, 120_000)
  afterAll(() => world?.stop(), 60_000)

  const ask = async (place: object, lines: Lines, hide?: (text: string) => string) =>
    (await asking(world.standpoint, place, lines, hide))()
  const it = test.skipIf(!can)

  it("nothing matches, one line does, and more than may", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    await world.write(log, "INFO up\nINFO terror\n")
    expect(await ask(log, { pattern: error })).toMatchObject({ verdict: "yes", measured: { lines: 0 } })
    await world.write(log, "Error: disk full\nINFO\n")
    const one = await ask(log, { pattern: error })
    expect(one).toMatchObject({ verdict: "no", measured: { lines: 1 } })
    expect(one.evidence).toContain('1 line matches /\\berror\\b/i; the first: "Error: disk full"')
    expect(await ask(log, { pattern: error, max: 1 })).toMatchObject({ verdict: "yes", measured: { lines: 1 } })
    await world.write(log, "an error again\n")
    const two = await ask(log, { pattern: error, max: 1 })
    expect(two).toMatchObject({ verdict: "no", measured: { lines: 2 } })
    expect(two.evidence).toContain('2 lines match /\\berror\\b/i, expected at most 1; the first: "Error: disk full"')
    expect(await ask(log, { pattern: "error again" })).toMatchObject({ measured: { lines: 1 } })
  })

  it("asked again, it goes on where it was", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    await world.write(log, "INFO one\nerror one\n")
    const again = await asking(world.standpoint, log, { pattern: error, max: 2 })
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 1 } })
    const { measured } = await again()
    expect(measured).toMatchObject({ lines: 1 })
    await world.write(log, "error two\nINFO\n")
    const then = await again()
    expect(then).toMatchObject({ verdict: "yes", measured: { lines: 2 } })
    expect(then.measured?.scannedBytes).toBe(Number(measured?.scannedBytes) + "error two\nINFO\n".length)
    expect(await again()).toMatchObject({ measured: { lines: 2 } })
    await world.write(log, "error three\n")
    const end = await again()
    expect(end).toMatchObject({ verdict: "no", measured: { lines: 3 } })
    expect(end.evidence).toContain('"error one"')
  })

  it("a pattern that is told by more than ASCII finds the same lines everywhere", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    await world.write(log, "a.b\naéb\naéxb\na😀b\na b\na\u00a0b\naxb xx\nÄRGER\nend\n")
    const count = async (pattern: RegExp) => (await ask(log, { pattern })).measured?.lines
    expect(await count(/^a.b/)).toBe(5)
    expect(await count(/^a..b$/)).toBe(2)
    expect(await count(/a\sb/)).toBe(2)
    expect(await count(/a\Sb/)).toBe(3)
    expect(await count(/ärger/i)).toBe(1)
    expect(await count(/[éx]b/)).toBe(3)
    expect(await count(/^[^éS]+$/)).toBe(7)
    expect((await ask(log, { pattern: /^a.b$/ })).evidence).toContain('the first: "a.b"')
  })

  it("a level counts lines of JSON, logfmt and text", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    await world.write(
      log,
      [
        '{"level":50,"msg":"one"}',
        '{"level":30,"msg":"error"}',
        "level=error msg=two",
        "2026-01-01 12:00:00 [error] three",
        "INFO an error",
        "E0101 12:00:00.000 1 main.go:1] four",
        '{"severity":"CRITICAL"}',
        "WARN five",
        "",
      ].join("\n"),
    )
    const all = await ask(log, { level: "error" })
    expect(all.measured).toMatchObject({ lines: 5 })
    expect(all.evidence).toContain('5 lines match level error or worse; the first: "{\\"level\\":50')
    expect((await ask(log, { level: "warn" })).measured).toMatchObject({ lines: 6 })
    expect((await ask(log, { level: "fatal" })).measured).toMatchObject({ lines: 1 })
  })

  it("hostile lines: one of a megabyte, control characters, a secret", { timeout: 120_000 }, async () => {
    const log = await world.fresh()
    const long = `${"x".repeat(1_000_000)}\n`
    await world.write(log, long)
    await world.write(log, "error \u001b[31mred\u0007 \u202e hunter2-secret\r\n")
    const hide = (text: string): string => text.replaceAll("hunter2-secret", "[secret]")
    const answer = await ask(log, { pattern: error }, hide)
    expect(answer).toMatchObject({ verdict: "no", measured: { lines: 1 } })
    expect(answer.evidence).toContain("[secret]")
    expect(answer.evidence).not.toMatch(/hunter2|\p{Cc}/u)
    expect(answer.evidence.length).toBeLessThan(600)
    await world.write(log, `error ${long}`)
    expect(await ask(log, { pattern: error, max: 1 })).toMatchObject({ verdict: "no", measured: { lines: 2 } })
  })

  it("what is missing or unreadable says nothing", { timeout: 60_000 }, async () => {
    const missing = await ask(world.missing, { pattern: error })
    expect(missing).toMatchObject({ verdict: "inconclusive" })
    expect(missing.evidence).toMatch(/there is no (log|container)/)
    if (world.unreadable === undefined) return
    const { place, standpoint } = world.unreadable
    const answer = await (await asking(standpoint, place, { pattern: error }))()
    expect(answer).toMatchObject({ verdict: "inconclusive" })
    expect(answer.evidence).toMatch(/cannot be read|permission denied/)
  })

  it("what stands before a mark does not count", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    await world.write(log, "error before\n")
    const probe = resolve(quiet({ ...log, pattern: error, since: "release" } as never), () => undefined)
    const call = { signal: new AbortController().signal, hide: (text: string) => text }
    await sleep(20) // an Engine tells times in milliseconds
    const since = (await markFor(probe, async () => world.standpoint, call)) as LogSince
    expect(since).not.toHaveProperty("untaken")
    expect(await ask(log, { pattern: error, since })).toMatchObject({ verdict: "yes", measured: { lines: 0 } })
    await world.write(log, "error after\n")
    const answer = await ask(log, { pattern: error, since })
    expect(answer).toMatchObject({ verdict: "no", measured: { lines: 1 } })
    expect(answer.evidence).toContain("error after")
    expect(await ask(log, { pattern: error, since: "start" })).toMatchObject({ measured: { lines: 2 } })
  })

  it("a time is a mark of journals and containers", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    if ("path" in log) return
    await world.write(log, "error before\n")
    await sleep(20)
    const since = { time: new Date().toISOString() }
    await sleep(20)
    expect(await ask(log, { pattern: error, since })).toMatchObject({ verdict: "yes" })
    await world.write(log, "error after\n")
    expect(await ask(log, { pattern: error, since })).toMatchObject({ verdict: "no", measured: { lines: 1 } })
  })

  it("a last line that is not ended counts, and is not counted twice", { timeout: 60_000 }, async () => {
    const log = await world.fresh()
    if (!("path" in log)) return // journals and Engines keep half a line to themselves
    await world.write(log, "INFO up\nerror ha")
    const again = await asking(world.standpoint, log, { pattern: error, max: 9 })
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 1 } })
    await world.write(log, "lf\nerror whole\n")
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 2 } })
    expect(await ask(log, { pattern: /^error half$/ })).toMatchObject({ measured: { lines: 1 } })
    await world.write(log, "no é err")
    const dotted = await asking(world.standpoint, log, { pattern: /é.*err.?r?$/, max: 9 })
    expect(await dotted()).toMatchObject({ measured: { lines: 1 } })
    await world.write(log, "or\nend\n")
    expect(await dotted()).toMatchObject({ measured: { lines: 1 } })
  })

  it("goes on where it is rotated meanwhile", { timeout: 60_000 }, async () => {
    if (world.rotate === undefined) return
    const log = await world.fresh()
    await world.write(log, "INFO before\n")
    const again = await asking(world.standpoint, log, { pattern: error, max: 5 })
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 0 } })
    await world.write(log, "error between\n")
    await world.rotate(log)
    await world.write(log, "error after\n")
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 2 } })
    await world.write(log, "error last\n")
    expect(await again()).toMatchObject({ verdict: "yes", measured: { lines: 3 } })
  })
})
