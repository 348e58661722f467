import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, describe, expect, test } from "vitest"
import { type Place, place } from "../cli/fettle.ts"
import { contentOf, FILES, FOLDERS, isThere } from "../fixtures/crash/host-nodes.ts"
import { testFolder } from "../support/runs.ts"
import { seeded } from "../support/seeded.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { openIntents } from "../support/state-file.ts"
import { TcpProxy } from "../support/tcp-proxy.ts"

const MODULE = new URL("../fixtures/crash/host-nodes.ts", import.meta.url).href
/** FETTLE_HOST_KILLS=200 makes it a long one. */
const KILLS = Number(process.env.FETTLE_HOST_KILLS ?? 20)
/** FETTLE_SEED repeats a run's points. */
const SEED = Number(process.env.FETTLE_SEED ?? 1)
/** Hosts at once: one for each core of a small machine. */
const LANES = 2
/** So slow that many points lie in the middle of a request's contents. */
const SLOW_BYTES_PER_SECOND = 300_000
/** How long a shell over there may stay when its client is gone. */
const LONG_MS = 15_000

/** One host, and its operator behind a network. */
interface Lane {
  readonly web: SshHost
  readonly network: TcpProxy
  readonly at: Place
  readonly target: string
  /** From the connection to the end of a run that nobody disturbs. */
  spanMs: number
  /** Runs that had not ended when they were killed. */
  killed: number
}

describe.skipIf(!canStartHosts())("SIGKILL of a client at any moment of an apply over ssh", () => {
  afterAll(stopHosts)

  test("the next run converges, nothing is torn, made twice, owed or left behind", {
    timeout: 120_000 + (KILLS * 60_000) / LANES,
  }, async () => {
    const lanes = await Promise.all(Array.from({ length: LANES }, (_, number) => laneOf(number)))
    await Promise.all(lanes.map(killsOn))
  })
})

/** One version after the other, each cut off and mended; then none. */
async function killsOn(lane: Lane, number: number): Promise<void> {
  const random = seeded(SEED * 1_000 + number)
  try {
    for (let version = 1; version <= Math.ceil(KILLS / LANES); version += 1)
      await killAndRecover(lane, version, random())
  } finally {
    const { code, text } = await lane.at.fettle(["destroy", "--yes"])
    await lane.network.stop()
    expect(code, text).toBe(0)
  }
  expect(existsSync(join(lane.target, "root"))).toBe(false)
  expect(existsSync(join(lane.target, "run"))).toBe(false)
}

async function laneOf(number: number): Promise<Lane> {
  const web = await SshHost.start(`kill${number}`)
  const network = await TcpProxy.start(web.port)
  return { web, network, at: place(), target: testFolder(), spanMs: 2_000, killed: 0 }
}

/** Applies a version, kills that at a point between its connection and its end, and applies again at once. */
async function killAndRecover(lane: Lane, version: number, point: number): Promise<void> {
  const { web, network, at, target } = lane
  const options = { name: web.name, config: web.configThrough(network.port), target, version }
  at.write("fettle.ts", `import build from "${MODULE}"\nexport default build(${JSON.stringify(options)})\n`)
  network.bytesPerSecond = version % 2 === 0 ? SLOW_BYTES_PER_SECOND : undefined
  const where = `version ${version}, killed ${Math.round(point * lane.spanMs)} ms after it had connected (seed ${SEED})`
  const connected = network.connected()
  const doomed = at.start(["apply", "--yes"])
  await connected
  await sleep(point * lane.spanMs)
  doomed.child.kill("SIGKILL")
  if ((await doomed.ended).signal === "SIGKILL") lane.killed += 1
  expectWhole(target, version, where)
  network.bytesPerSecond = undefined
  const again = network.connected()
  const next = at.start(["apply", "--yes"])
  await again
  const begun = performance.now()
  const { code, text } = await next.ended
  lane.spanMs = performance.now() - begun
  expect(code, `${where}\n${text}`).toBe(0)
  expectWorld(target, version, where)
  expect(openIntents(at.path(".fettle/site.dev.db")), where).toEqual([])
  const left = (): readonly string[] => [
    ...web.processes().flatMap(({ argv }) => (argv.includes("FETTLE1") ? [argv] : [])),
    ...readdirSync(web.inside("/dev/shm")),
  ]
  await expect.poll(left, { timeout: LONG_MS, message: where }).toEqual([])
  const plan = await at.fettle(["plan", "--check"])
  expect(plan.code, `${where}\n${plan.text}`).toBe(0)
  const servers = web.processes().filter(({ argv }) => argv === `tail\0-f\0${target}/root/conf\0`)
  expect(servers, where).toHaveLength(1)
}

/** Every file is what it was or what it is to be. */
function expectWhole(target: string, version: number, where: string): void {
  for (const folder of FOLDERS)
    for (let at = 0; at < FILES; at += 1) {
      const path = join(target, "root", folder, `f ${at}`)
      if (!existsSync(path)) continue
      const known = [version - 1, version].map((each) => contentOf(`${folder} ${at}`, each))
      expect(known, `${path}: ${where}`).toContain(readFileSync(path, "utf8"))
    }
}

/** Exactly what the program says, each thing once. */
function expectWorld(target: string, version: number, where: string): void {
  const read = (...path: string[]): string => readFileSync(join(target, ...path), "utf8")
  const each = Array.from({ length: version }, (_, at) => at + 1)
  expect(readdirSync(join(target, "root")).sort(), where).toEqual([...FOLDERS, "conf"].sort())
  for (const folder of FOLDERS) {
    const files = Array.from({ length: FILES }, (_, at) => at).filter((at) => isThere(at, version))
    expect(readdirSync(join(target, "root", folder)).sort(), where).toEqual([...files.map((at) => `f ${at}`), "link"])
    for (const at of files) expect(read("root", folder, `f ${at}`), where).toBe(contentOf(`${folder} ${at}`, version))
    expect(readlinkSync(join(target, "root", folder, "link")), where).toBe(`f ${1 + (version % 2)}`)
  }
  expect(read("lines").trim().split("\n").sort(), where).toEqual([0, 1, 2].map((at) => `line ${at} of ${version}`))
  const lines = each.map((one) => `${one}\n`).join("")
  expect(read("ran"), `the command: ${where}`).toBe(lines)
  expect(read("started"), `starts of the process: ${where}`).toBe(lines)
  const made = each.map((one) => `made-${one}`)
  expect(readdirSync(target).sort(), where).toEqual([...made, "lines", "ran", "root", "run", "started"].sort())
}
