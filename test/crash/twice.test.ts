import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test, vi } from "vitest"
import { takeLock } from "../../src/state/lock.ts"
import type { Order } from "../fixtures/crash/child.ts"
import build, { isWaiting } from "../fixtures/crash/late-gate.ts"
import { runBelow, startBelow } from "../support/crash-command.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { world } from "../support/world.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/late-gate.ts", import.meta.url))
/** The kernel frees the lock of a killed process within milliseconds; the rest is for a busy machine. */
const FREE_WITHIN_MS = 1_000

interface Place {
  readonly folder: string
  readonly world: string
  readonly order: Order
  /** Lets the run end. */
  open(): void
}

function place(): Place {
  const folder = testFolder()
  const options = { folder, world: join(folder, "world") }
  const open = (): void => writeFileSync(join(folder, "go"), "")
  onTestFinished(open) // also for a task that outlives the run that was killed
  return { ...options, order: { command: "apply", module: MODULE, options, folder, killAt: 0 }, open }
}

/** A run that waits in its task. */
async function waitingRun(at: Place): Promise<ReturnType<typeof startBelow>> {
  const running = startBelow([], at.order)
  onTestFinished(() => void running.process.kill("SIGKILL"))
  await vi.waitUntil(() => isWaiting(at.world), { timeout: 15_000, interval: 20 })
  return running
}

test("a second apply is told who is at work, where and since when; the first goes on undisturbed", async () => {
  const at = place()
  const begun = Date.now()
  const first = await waitingRun(at)
  const seconds = await Promise.all([
    runBelow([], at.order),
    runBelow([], at.order),
    runBelow([], { ...at.order, command: "destroy" }),
  ])
  const told = new RegExp(
    `^crash test on .+ \\(pid ${first.process.pid}, fettle library, since (\\S+)\\) holds the lock$`,
  )
  for (const { report, stderr } of seconds) {
    expect(report, stderr).toMatchObject({ outcome: "failed", exitCode: 1, changes: [], boundaries: 0 })
    expect(report?.errors.map((each) => each.code)).toEqual(["STATE_LOCKED"])
    const since = Date.parse(told.exec(report?.errors[0]?.fact ?? "")?.[1] ?? `no time in: ${report?.errors[0]?.fact}`)
    expect(since).toBeGreaterThanOrEqual(begun)
    expect(since).toBeLessThanOrEqual(Date.now())
  }
  expect(world(at.world).names()).toEqual(["before"])
  at.open()
  expect((await first.ended).report).toMatchObject({ outcome: "done", exitCode: 0, errors: [] })
  expect(world(at.world).names()).toEqual(["before", "behind"])
  expect((await runBelow([], at.order)).report).toMatchObject({ outcome: "unchanged", errors: [] })
})

test("a plan needs no lock: it is made beside a run, and changes nothing of its state", async () => {
  const at = place()
  const first = await waitingRun(at)
  const plan = await runsIn(at.folder).plan(build(at))
  expect(plan.error).toBeUndefined()
  expect(changesOf(plan)).toContain("create test.thing[behind]")
  at.open()
  expect((await first.ended).report).toMatchObject({ outcome: "done", errors: [] })
})

test("kill -9 of the first frees the lock at once, though a command that it started lives on; the next run converges", async () => {
  const at = place()
  const first = await waitingRun(at)
  const serial = world(at.world).get("before")?.serial
  first.process.kill("SIGKILL")
  expect((await first.ended).signal).toBe("SIGKILL")
  const killed = performance.now()
  const lock = join(at.folder, ".fettle", "gate.dev.lock")
  expect(JSON.parse(readFileSync(`${lock}.holder`, "utf8"))).toMatchObject({ pid: first.process.pid })
  takeLock(lock, {
    who: "me",
    host: "here",
    pid: process.pid,
    command: "apply",
    since: new Date().toISOString(),
  }).release()
  expect(performance.now() - killed).toBeLessThan(FREE_WITHIN_MS)
  at.open()
  const next = await runBelow([], at.order)
  expect(next.report, next.stderr).toMatchObject({ outcome: "done", errors: [] })
  expect(world(at.world).names()).toEqual(["before", "behind"])
  expect(world(at.world).get("before")?.serial).toBe(serial)
})
