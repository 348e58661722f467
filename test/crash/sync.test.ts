import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import type { Report } from "../fixtures/crash/child.ts"
import build from "../fixtures/crash/three-nodes.ts"
import { runBelow } from "../support/crash-command.ts"
import { need } from "../support/need.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { recordedNames } from "../support/state-file.ts"
import { world } from "../support/world.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/three-nodes.ts", import.meta.url))
/** More syncs than this would mean that a run never ends. */
const SYNCS_MAX = 100
/** The last two syncs of a file fold its log into it when it is closed, first of the audit, then of state: all that they hold is already on the disk. */
const CLOSING_SYNCS = 4

const hasStrace = need("strace", { install: "apt-get install strace" })

/** What strace saw, in its order. */
interface Seen {
  readonly what: "synced" | "failed" | "effect"
  readonly path: string
}

function seenIn(trace: string): readonly Seen[] {
  const lines = readFileSync(trace, "utf8").split("\n")
  return lines.flatMap((line): Seen[] => {
    const sync = /f(?:data)?sync\(\d+<(.+?)>\) += (-?\d+)/.exec(line)
    if (sync !== null) return [{ what: sync[2] === "0" ? "synced" : "failed", path: sync[1] ?? "" }]
    const made = /openat\(.*"(.*\/world\/[^"]+\.json)", [^,]*O_CREAT/.exec(line)
    return made === null ? [] : [{ what: "effect", path: made[1] ?? "" }]
  })
}

test.skipIf(!hasStrace).each([
  ["one sync fails", ""],
  ["the disk is broken from one sync on", "+"],
])("%s, at every sync: the run ends at once, and the next one converges", { timeout: 300_000 }, async (_name, ever) => {
  const root = testFolder()
  const passed: number[] = []
  let refused = 0
  for (let at = 1; ; at += 1) {
    expect(at).toBeLessThan(SYNCS_MAX)
    const folder = join(root, String(at))
    mkdirSync(folder)
    const { report, seen } = await runFailing(folder, `${at}${ever}`)
    const failedAt = seen.findIndex((each) => each.what === "failed")
    if (failedAt < 0) {
      expect(report).toMatchObject({ outcome: "done", errors: [] })
      expect(seen.filter((each) => each.what === "synced")).toHaveLength(at - 1)
      expect(refused).toBeGreaterThan(10)
      for (const each of passed)
        expect(each, "a failed sync that nobody heeded").toBeGreaterThan(at - 1 - CLOSING_SYNCS)
      return
    }
    const where = `sync ${at}${ever}, of ${seen[failedAt]?.path}`
    expectEffectsSynced(seen, where)
    if (report?.outcome !== "done") {
      refused += 1
      expectRefused(report, where)
      expect(
        seen.slice(failedAt).filter((each) => each.what === "effect"),
        where,
      ).toEqual([])
    } else if (seen[failedAt]?.path.endsWith(".fettle") !== true) passed.push(at) // SQLite heeds no failed sync of a folder
    expectRecorded(folder, where)
    await expectConverges(folder, where)
  }
})

async function runFailing(
  folder: string,
  when: string,
): Promise<{ report: Report | undefined; seen: readonly Seen[] }> {
  const trace = join(folder, "trace")
  const inject = `inject=fsync,fdatasync:error=EIO:when=${when}`
  const strace = ["strace", "-f", "-qq", "-y", "-e", "trace=fsync,fdatasync,openat", "-e", inject, "-o", trace]
  const options = { folder: join(folder, "world") }
  const { report } = await runBelow(strace, { command: "apply", module: MODULE, options, folder, killAt: 0 })
  return { report, seen: seenIn(trace) }
}

function expectRefused(report: Report | undefined, where: string): void {
  expect(report, where).toMatchObject({ outcome: "failed", exitCode: 1 })
  expect(report?.errors.at(-1)?.code, where).toBe("STATE_WRITE")
  const others = report?.errors.filter((each) => each.code !== "STATE_WRITE" && !each.fact.startsWith("waits for "))
  expect(others, where).toEqual([])
}

/** Each effect follows a sync that came back well, and came after the effect before it. */
function expectEffectsSynced(seen: readonly Seen[], where: string): void {
  let last: Seen | undefined
  for (const each of seen) {
    if (each.what === "effect") expect(last?.what, `${where}: ${each.path}`).toBe("synced")
    last = each
  }
}

/** What was made has a line in the journal, open or ended. */
function expectRecorded(folder: string, where: string): void {
  const names = existsSync(join(folder, "world")) ? world(join(folder, "world")).names() : []
  const known = recordedNames(join(folder, ".fettle", "three.dev.db"))
  for (const name of names) expect(known, where).toContain(`test.thing[${name}]`)
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
