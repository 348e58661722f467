import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { editState } from "../../src/run/state-edit.ts"
import { settleIntent } from "../../src/run/state-settle.ts"
import { fileHome } from "../../src/state/file-home.ts"
import type { Order } from "../fixtures/crash/child.ts"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import { NOTHING_LEFT, planHere, runChild, runHere } from "../support/crash.ts"
import { testFolder } from "../support/runs.ts"
import { world } from "../support/world.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/thirty-nodes.ts", import.meta.url))
/** More boundaries than this would mean that a run never ends. */
const BOUNDARIES_MAX = 400
/** Runs at once: one for each core of a small machine. */
const LANES = 2

let farSide: FarSide
beforeAll(async () => {
  farSide = await startFarSide()
})
afterAll(() => farSide.close())

interface Place {
  readonly folder: string
  readonly seed: string
}

function orderOf({ folder, seed }: Place, version: 1 | 2, killAt: number): Order {
  return {
    command: "apply",
    module: MODULE,
    options: { folder, world: join(folder, "world"), url: `${farSide.url}/ns/${seed}`, version },
    folder,
    killAt,
  }
}

test.each([1, 2] as const)(
  "version %i: SIGKILL at every boundary, and the next run converges",
  { timeout: 900_000 },
  async (version) => {
    const root = testFolder()
    let untouched = 0
    let next = 1
    const lane = async (): Promise<void> => {
      while (untouched === 0) {
        const killAt = next++
        expect(killAt).toBeLessThan(BOUNDARIES_MAX)
        const place = { folder: join(root, String(killAt)), seed: `v${version}-${killAt}` }
        mkdirSync(place.folder)
        if (version === 2)
          expect(await runHere(orderOf(place, 1, 0)), "the first version").toMatchObject({ exitCode: 0, errors: [] })
        if (!(await killAndRecover(place, version, killAt))) untouched = killAt
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    expect(untouched).toBeGreaterThan(30)
  },
)

/** False where the run ended before it was killed. */
async function killAndRecover(place: Place, version: 1 | 2, killAt: number): Promise<boolean> {
  const first = await runChild(orderOf(place, version, killAt))
  if (first.signal === null) expect(first.report, first.stderr).toMatchObject({ exitCode: 0, errors: [] })
  else expect(first.signal).toBe("SIGKILL")
  await recover(place, version, killAt)
  expectWorld(place, version, `after a kill at boundary ${killAt}`)
  expect(await planHere(orderOf(place, version, 0))).toEqual(NOTHING_LEFT)
  return first.signal !== null
}

/** Runs again; answers what Fettle asks by looking at the far side, as a person would. */
async function recover(place: Place, version: 1 | 2, killAt: number): Promise<void> {
  const second = await runChild(orderOf(place, version, 0))
  const asked = (second.report?.errors ?? [])
    .filter((each) => each.code === "OPEN_INTENT")
    .map((each) => each.address as string)
  for (const address of asked) expect(address, `asked after boundary ${killAt}`).toMatch(/^ask\//)
  if (asked.length === 0) {
    expect(second.report, `${second.stderr} after boundary ${killAt}`).toMatchObject({ exitCode: 0, errors: [] })
    return
  }
  const { collections } = farSide.namespace(place.seed).dump() as unknown as {
    collections: Record<string, { id: string; name: string; size: number }[]>
  }
  for (const address of new Set(asked)) await answer(place, version, address, collections.ask ?? [])
  const third = await runChild(orderOf(place, version, 0))
  expect(third.report, `${third.stderr} after answers at boundary ${killAt}`).toMatchObject({ exitCode: 0, errors: [] })
}

async function answer(
  place: Place,
  version: 1 | 2,
  address: string,
  objects: readonly { id: string; name: string; size: number }[],
): Promise<void> {
  const at = address.match(/object(\d)/)?.[1]
  const size = version === 2 && at === "2" ? 2 : 1
  const made = objects.find((each) => each.name === `ask${at}` && each.size === size)
  await editState(
    {
      home: fileHome(join(place.folder, ".fettle", "thirty.dev.db")),
      holder: { who: "test", host: "here", pid: process.pid, command: "settle" },
    },
    (edit) => settleIntent(edit, address, made === undefined ? {} : { made: made.id }, 1),
  )
}

/** Exactly what the program says, and nothing besides. */
function expectWorld({ folder, seed }: Place, version: 1 | 2, when: string): void {
  const second = version === 2
  const files = Array.from({ length: second ? 5 : 6 }, (_, at) => `file ${at}`)
  expect(readdirSync(join(folder, "files")).sort(), when).toEqual([...files, "link0", "link1"])
  for (const [at, name] of files.entries())
    expect(readFileSync(join(folder, "files", name), "utf8"), when).toBe(
      second && at < 2 ? `changed ${at}\n` : `content ${at}\n`,
    )
  expect(readlinkSync(join(folder, "files", "link0"))).toBe(second ? "elsewhere" : "file 0")
  expect(world(join(folder, "world")).names(), when).toEqual(
    second ? ["renamed", "thing0", "thing2", "thing3"] : ["thing0", "thing1", "thing2", "thing3"],
  )
  const dump = farSide.namespace(seed).dump() as unknown as {
    byName: Record<string, number>
    counters: { duplicates: number }
  }
  const wanted = ["unique", "token", "mark", "ask"].flatMap((prefix) =>
    Array.from({ length: second ? 3 : 4 }, (_, at) => [`${prefix}${at}`, 1] as const),
  )
  expect(dump.byName, when).toEqual(Object.fromEntries(wanted))
  expect(existsSync(join(folder, ".fettle"))).toBe(true)
}
