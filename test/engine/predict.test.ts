import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { program, resource } from "fettle"
import { type Connection, type Driver, FettleError, plainDriver, provider, type Read, type Seen } from "fettle/provider"
import { afterEach, expect, test, vi } from "vitest"
import { z } from "zod"
import { outcomesOf, runsIn, type TestRun, testFolder } from "../support/runs.ts"

// A kind that copies a file of this machine knows its hash from the read, before anything is made: what uses the hash is planned with
// it and travels with it. Where the file moves meanwhile nothing may be recorded that was never so.

const props = z.strictObject({ name: z.string(), from: z.string(), note: z.string().default("") })
const outputs = z.object({ name: z.string(), hash: z.string(), note: z.string() })
type Given = z.output<typeof outputs>
type Far = Map<string, Given>

const hashOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex")
const foundIn = (seen: Seen<Given> | undefined): string | undefined =>
  seen !== undefined && "shown" in seen ? (seen.shown?.wanted as string | undefined) : undefined

/** A copy; `lie` is added to the hash that it tells of before. */
function copyKind(lie = "") {
  return provider({
    kind: "test.copy",
    version: 1,
    about: "A copy of a file.",
    connects: "copies",
    props,
    outputs,
    settles: "unique",
    id: (want) => want.name,
    predict: (want, seen) => {
      const hash = foundIn(seen)
      return { name: want.name, note: want.note, ...(hash === undefined ? {} : { hash: `${hash}${lie}` }) }
    },
    read: async (keys, call: Read<Far>) =>
      new Map(
        keys.map((key): [(typeof key)["address"], Seen<Given>] => {
          const there = call.connection.get(key.id ?? "")
          const shown = key.want === undefined ? {} : { shown: { wanted: hashOf(key.want.from) } }
          return [key.address, there === undefined ? { absent: true, ...shown } : { outputs: there, ...shown }]
        }),
      ),
    plan: (want, seen) => {
      if (!("outputs" in seen)) return { action: "create" }
      if (seen.outputs.hash === foundIn(seen) && seen.outputs.note === want.note) return { action: "none" }
      return { action: "update", props: ["from"], because: "it is another" }
    },
    ensure: async (want, seen, _change, call) => {
      const made = { name: want.name, hash: hashOf(want.from), note: want.note }
      if (made.hash !== foundIn(seen)) throw new FettleError("STALE", "it moved", { details: { notMade: true } })
      call.connection.set(want.name, made)
      return made
    },
    delete: async (seen, _last, call) => {
      if ("outputs" in seen) call.connection.delete(seen.outputs.name)
    },
  })
}

/** A far side that takes chains and does not guard itself, and how many changes each of its calls had. */
function copies(): { readonly far: Far; readonly calls: number[]; readonly on: Connection<Far> } {
  const far: Far = new Map()
  const calls: number[] = []
  const open = async (): Promise<Driver> => {
    const plain = plainDriver(far, { identity: "copies:test" })
    return {
      ...plain,
      chains: true,
      change: async (items, settle) => {
        calls.push(items.length)
        const failed = new Set<unknown>()
        for (const item of items) {
          const by = item.after?.find((need) => failed.has(need))
          if (by !== undefined) settle(item, { skipped: by.address })
          else
            await plain.change([item], (each, result) => {
              if (!("outputs" in result)) failed.add(item)
              settle(each, result)
            })
        }
      },
    }
  }
  return { far, calls, on: { type: "copies", name: "copies", target: "a map", secrets: [], open } }
}

/** A copy and one that is made with its hash; `meanwhile` runs once the plan has been made. */
function world(lie = "") {
  const folder = testFolder()
  const [from, other] = [join(folder, "from"), join(folder, "other")]
  const { far, calls, on } = copies()
  const kind = copyKind(lie)
  const build = () => {
    const first = resource(kind, { name: "first", from }, { on })
    resource(kind, "second", { name: "second", from: other, note: first.hash }, { on })
  }
  const copied = program("copies", {}, build, { providers: [kind] })
  writeFileSync(from, "one")
  writeFileSync(other, "other")
  const apply = (meanwhile = () => {}): Promise<TestRun> =>
    runsIn(folder, { subscribers: [({ type }) => type === "plan.made" && meanwhile()] }).apply(copied)
  return { from, far, calls, apply, write: (text: string) => writeFileSync(from, text) }
}

afterEach(() => void vi.restoreAllMocks())

test("what uses an output that the read foretells is known in the plan, and goes in one call with it", async () => {
  const { from, far, calls, apply, write } = world()
  const made = await apply()
  expect(made.plan?.changes.map(({ action }) => action)).toEqual(["create", "create"])
  expect(outcomesOf(made)).toEqual(["done create test.copy[first]", "done create test.copy[second]"])
  expect(calls).toEqual([2])
  expect(far.get("second")?.note).toBe(hashOf(from))
  expect((await apply()).outcome).toBe("unchanged")

  write("two")
  expect((await apply()).outcome).toBe("done")
  expect(calls).toEqual([2, 2])
  expect(far.get("second")?.note).toBe(hashOf(from))
})

test("what moved between the plan and its turn is refused, and nothing is told of it", async () => {
  const { from, far, apply, write } = world()
  const moved = await apply(() => write("two"))
  expect(outcomesOf(moved)).toEqual(["failed create test.copy[first]", "skipped create test.copy[second]"])
  expect(moved.applied?.outcomes[0]?.error?.code).toBe("STALE")
  expect([...far.keys()]).toEqual([])
  expect((await apply()).outcome).toBe("done")
  expect(far.get("second")?.note).toBe(hashOf(from))
})

test("where it is looked at again before its turn, what uses it is made with what it came to", async () => {
  const { from, far, calls, apply, write } = world()
  const now = Date.now.bind(Date)
  let laterMs = 0
  vi.spyOn(Date, "now").mockImplementation(() => now() + laterMs)
  const later = await apply(() => {
    write("two")
    laterMs = 60_000 // a person read the plan for a minute
  })
  expect(later.outcome).toBe("done")
  expect(calls).toEqual([1, 1])
  expect(far.get("second")?.note).toBe(hashOf(from))
  expect((await apply()).outcome).toBe("unchanged")
})

test("a kind that foretells something else than it gives is told so", async () => {
  const lied = await world("0").apply()
  const [first] = lied.applied?.outcomes ?? []
  expect(first?.error).toMatchObject({
    code: "OUTPUT_WRONG",
    fact: expect.stringContaining("predicted another hash than it gave"),
  })
})
