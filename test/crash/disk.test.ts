import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test } from "vitest"
import type { Report } from "../fixtures/crash/child.ts"
import build from "../fixtures/crash/three-nodes.ts"
import { runBelow } from "../support/crash-command.ts"
import { mayMount } from "../support/may-mount.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { recordedNames, soundness } from "../support/state-file.ts"
import { world } from "../support/world.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/three-nodes.ts", import.meta.url))
/** A page of SQLite's and of a tmpfs: between two levels that differ by less, nothing else happens. */
const PAGE_BYTES = 4096
/** The state of three nodes, its log and the index of the log take less. */
const PAGES_MAX = 80

const mounts = mayMount()

/** A disk of so many pages under `.fettle`. */
function mountDisk(folder: string, pages: number): { grow(): void } {
  const at = join(folder, ".fettle")
  mkdirSync(at, { mode: 0o700 })
  const mount = (options: string): unknown => execFileSync("mount", ["-t", "tmpfs", "-o", options, "fettle", at])
  mount(`size=${PAGES_MAX * PAGE_BYTES},mode=0700`)
  onTestFinished(() => void execFileSync("umount", ["-l", at]))
  if (pages < PAGES_MAX) writeFileSync(join(at, "filler"), Buffer.alloc((PAGES_MAX - pages) * PAGE_BYTES))
  return { grow: () => rmSync(join(at, "filler"), { force: true }) }
}

function run(folder: string, wrapper: readonly string[] = []): ReturnType<typeof runBelow> {
  return runBelow(wrapper, {
    command: "apply",
    module: MODULE,
    options: { folder: join(folder, "world") },
    folder,
    killAt: 0,
  })
}

function expectRefused(report: Report | undefined, where: string): void {
  expect(report, where).toMatchObject({ outcome: "failed", exitCode: 1 })
  expect(report?.errors.at(-1)?.code, where).toBe("STATE_WRITE")
  expect(report?.errors.at(-1)?.fact, where).toMatch(/full|disk I\/O|no space|too large|too big/i)
  const others = report?.errors.filter((each) => each.code !== "STATE_WRITE" && !each.fact.startsWith("waits for "))
  expect(others, where).toEqual([])
}

/** What is there has a line in the journal, and the state file is as sound as before. */
function expectSound(folder: string, where: string): void {
  const file = join(folder, ".fettle", "three.dev.db")
  expect(soundness(file), where).toBe("ok")
  const known = recordedNames(file)
  for (const name of world(join(folder, "world")).names()) expect(known, where).toContain(`test.thing[${name}]`)
}

async function expectConverges(folder: string, where: string): Promise<void> {
  const far = world(join(folder, "world"))
  const program = build({ folder: far.folder })
  const runs = runsIn(folder)
  const next = await runs.apply(program)
  expect(next.error?.fact, where).toBeUndefined()
  expect(next.exitCode, where).toBe(0)
  expect(far.names(), where).toEqual(["a", "b", "c"])
  expect(
    ["a", "b", "c"].map((name) => far.get(name)?.serial),
    where,
  ).toEqual([1, 2, 3])
  const again = await runs.plan(program)
  expect([again.outcome, ...changesOf(again).filter((each) => !each.startsWith("none "))], where).toEqual(["unchanged"])
}

test.skipIf(!mounts)(
  "a disk that is full at every level: refused, undamaged, and with room the next run converges",
  { timeout: 300_000 },
  async () => {
    const root = testFolder()
    const made = new Set<number>()
    let refused = 0
    for (let pages = 0; ; pages += 1) {
      expect(pages).toBeLessThan(PAGES_MAX)
      const folder = join(root, String(pages))
      mkdirSync(folder)
      const disk = mountDisk(folder, pages)
      const { report, stderr } = await run(folder)
      const where = `${pages} pages of room: ${stderr}`
      expectSound(folder, where)
      made.add(world(join(folder, "world")).names().length)
      const isEnough = report?.outcome === "done"
      if (!isEnough) {
        expectRefused(report, where)
        refused += 1
      }
      disk.grow()
      await expectConverges(folder, where)
      if (isEnough) break
    }
    expect(refused).toBeGreaterThan(10)
    expect([...made].sort(), "it filled before the first thing, between things and behind the last").toEqual([
      0, 1, 2, 3,
    ])
  },
)

test("a limit on the size of files, at every size: refused, undamaged, and without it the next run converges", {
  timeout: 300_000,
}, async () => {
  const root = testFolder()
  let refused = 0
  for (let pages = 0; ; pages += 1) {
    expect(pages).toBeLessThan(PAGES_MAX)
    const folder = join(root, String(pages))
    mkdirSync(folder)
    const blocks = (pages * PAGE_BYTES) / 512
    const { report, stderr } = await run(folder, ["sh", "-c", `ulimit -f ${blocks}; exec "$@"`, "sh"])
    const where = `files of at most ${pages} pages: ${stderr}`
    expectSound(folder, where)
    const isEnough = report?.outcome === "done"
    if (!isEnough) {
      expectRefused(report, where)
      refused += 1
    }
    await expectConverges(folder, where)
    if (isEnough) break
  }
  expect(refused).toBeGreaterThan(10)
})

test.skipIf(!mounts)(
  "a disk that fills between two runs: the first one's state stays readable and whole",
  { timeout: 60_000 },
  async () => {
    const folder = testFolder()
    const disk = mountDisk(folder, PAGES_MAX)
    expect((await run(folder)).report).toMatchObject({ outcome: "done" })
    const state = join(folder, ".fettle", "three.dev.db")
    const before = readFileSync(state)
    fill(join(folder, ".fettle", "filler"))
    world(join(folder, "world")).remove("b")
    const { report } = await run(folder)
    expectRefused(report, "full")
    expect(readFileSync(state).equals(before), "its bytes").toBe(true)
    const plan = await runsIn(folder).plan(build({ folder: join(folder, "world") }))
    expect(plan.error?.fact, "a plan reads, and needs no room").toBeUndefined()
    expect(changesOf(plan)).toContain("create test.thing[b]")
    disk.grow()
    const next = await runsIn(folder).apply(build({ folder: join(folder, "world") }))
    expect(next).toMatchObject({ exitCode: 0, error: undefined })
    expect(world(join(folder, "world")).names()).toEqual(["a", "b", "c"])
  },
)

/** Writes until there is no room for another byte. */
function fill(file: string): void {
  for (let pages = 1; ; pages += 1) {
    try {
      writeFileSync(file, Buffer.alloc(PAGE_BYTES), { flag: "a" })
    } catch (thrown) {
      expect((thrown as NodeJS.ErrnoException).code).toBe("ENOSPC")
      return
    }
    expect(pages).toBeLessThanOrEqual(PAGES_MAX)
  }
}
