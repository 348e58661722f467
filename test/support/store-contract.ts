import { join } from "node:path"
import { expect, test } from "vitest"
import { fileHome } from "../../src/state/file-home.ts"
import type { Held, StateHome } from "../../src/state/home.ts"
import type { Batch, NewIntent, Row, Store } from "../../src/state/store.ts"
import { testFolder } from "./runs.ts"
import { seeded } from "./seeded.ts"

/** Makes the home of a new state; called again with the same name it is the same state, as another process sees it. */
export type HomeMaker = (name: string) => StateHome

export const row = (name: string, more: Partial<Row> = {}): Row => ({
  address: `test.thing[${name}]`,
  deposed: "",
  kind: "test.thing",
  version: 1,
  connection: "",
  id: name,
  owned: true,
  protect: false,
  retain: false,
  unfinished: false,
  props: JSON.stringify({ name, value: "x".repeat(30) }),
  outputs: JSON.stringify({ name }),
  carry: undefined,
  needs: [],
  ...more,
})

export const intent = (name: string): NewIntent => ({
  address: `test.thing[${name}]`,
  deposed: "",
  action: "update",
  kind: "test.thing",
  connection: "",
  id: name,
  token: "t",
  want: '{"a":"\\u0000 \\ud83d ünï"}',
  needs: ["a"],
  startedAt: 1,
})

export const who = { who: "ann", host: "here", pid: process.pid, command: "apply" }
const begun = { id: "r", command: "apply", who: "ann", startedAt: 5, keyId: undefined }

/** Works on a state and lets it go, as one run does. */
async function held<T>(home: StateHome, work: (store: Store, held: Held) => Promise<T>): Promise<T> {
  const one = await home.take(who)
  try {
    return await work(one.store, one)
  } finally {
    await one.release()
  }
}

/** What every store of state keeps to, whatever it lies in. */
export function storeContract(homeOf: HomeMaker, tens: () => number = () => 6): void {
  test("what commit has returned from is there for the next one, and closes as results say", async () => {
    await held(homeOf("kept"), async (store) => {
      const run = await store.beginRun(begun)
      const seqs = await store.commit(run, { intents: [intent("a"), intent("b")], rows: [row("a"), row("b")] })
      expect(seqs).toEqual([1, 2])
      await store.commit(run, {
        progress: [{ seq: 1, json: { at: [1, "two"] } }],
        orphaned: [{ seq: 2, at: 7 }],
        targets: [{ connection: "c", identity: "i" }],
        secrets: [{ name: "s", sealed: "first" }],
      })
    })
    await held(homeOf("kept"), async (store) => {
      expect(await store.load()).toMatchObject({
        rows: [row("a"), row("b")],
        open: [
          { ...intent("a"), seq: 1, run: 1, progress: { at: [1, "two"] }, orphanedAt: undefined },
          { ...intent("b"), seq: 2, run: 1, progress: undefined, orphanedAt: 7 },
        ],
        targets: new Map([["c", "i"]]),
        secrets: new Map([["s", "first"]]),
        serial: 3,
      })
      const run = await store.beginRun({ ...begun, id: "r2" })
      expect(run).toBe(2)
      await store.commit(run, {
        results: [
          { seq: 1, outcome: "done", endedAt: 8, closes: true },
          { seq: 2, outcome: "maybe", endedAt: 9, error: "E: it", closes: false },
        ],
        removed: [{ address: "test.thing[a]", deposed: "" }],
        secrets: [{ name: "s", sealed: "second" }],
      })
      await store.endRun(run, "done", 10)
    })
    const read = await homeOf("kept").read(async (store) => ({
      ...(await store.load()),
      runs: await store.runs(),
      entries: await store.entries(1),
    }))
    expect(read).toMatchObject({ rows: [row("b")], open: [{ seq: 2 }], secrets: new Map([["s", "first"]]), serial: 3 })
    expect(read?.runs).toMatchObject([
      { run: 2, id: "r2", who: "ann", endedAt: 10, outcome: "done" },
      { run: 1, id: "r", startedAt: 5, endedAt: undefined, outcome: undefined },
    ])
    expect(read?.entries).toMatchObject([
      { seq: 1, outcome: "done", endedAt: 8, error: undefined },
      { seq: 2, outcome: "maybe", endedAt: 9, error: "E: it" },
    ])
  })

  test("where there is none nothing is read and nothing made", async () => {
    const home = homeOf("none")
    expect(await home.exists()).toBe(false)
    expect(await home.read((store) => store.load())).toBeUndefined()
    expect(await home.exists()).toBe(false)
    expect(await home.holder()).toBeUndefined()
  })

  test("a batch that cannot be written is not written in part", async () => {
    await held(homeOf("whole"), async (store) => {
      const run = await store.beginRun(begun)
      await store.commit(run, { rows: [row("a"), row("b"), row("a", { deposed: "old" })] })
      const moved = [{ from: "test.thing[a]", to: "test.thing[b]" }]
      await expect(store.commit(run, { moved, targets: [{ connection: "c", identity: "i" }] })).rejects.toThrowError(
        expect.objectContaining({ code: "STATE_WRITE" }),
      )
      expect(await store.load()).toMatchObject({
        rows: [row("a"), row("a", { deposed: "old" }), row("b")],
        targets: new Map(),
      })
      await store.commit(run, { moved: [{ from: "test.thing[b]", to: "test.thing[c]" }, ...moved] })
      expect((await store.load()).rows.map(({ address, deposed }) => address + deposed)).toEqual([
        "test.thing[b]",
        "test.thing[b]old",
        "test.thing[c]",
      ])
    })
  })

  test("one holds the lock, the others are told who, where and since when; it is read beside that", async () => {
    const home = homeOf("locked")
    await held(home, async (store) => {
      await store.commit(await store.beginRun(begun), { rows: [row("a")] })
      await expect(homeOf("locked").take({ ...who, who: "bob" })).rejects.toThrowError(
        /^ann on here \(pid \d+, fettle apply, since 20\d\d-[-\dT:.]+Z\) holds the lock$/,
      )
      expect(await homeOf("locked").holder()).toMatchObject({ ...who })
      expect(await homeOf("locked").owner("here")).toMatchObject({ ...who })
      expect((await homeOf("locked").read((each) => each.load()))?.rows).toEqual([row("a")])
    })
    expect(await home.holder()).toBeUndefined()
    expect(await home.owner("here")).toBeUndefined()
    await (await home.take({ ...who, who: "bob" })).release()
  })

  test("runs of chance end as they do in a file; with sixty of them, the oldest are forgotten alike", {
    timeout: 60_000,
  }, async () => {
    const file = fileHome(join(testFolder(), "state.db"))
    for (const home of [file, homeOf("chance")]) {
      const random = seeded(7)
      for (let run = 0; run < tens(); run += 1) await held(home, (store) => tenRuns(store, random))
    }
    const all = (home: StateHome) =>
      home.read(async (store) => ({
        ...(await store.load()),
        keyId: undefined,
        runs: await store.runs(),
        entries: await Promise.all(Array.from({ length: 61 }, (_, at) => store.entries(at))),
      }))
    const [expected, found] = [await all(file), await all(homeOf("chance"))]
    expect(expected?.runs, "fifty, and the one that began").toHaveLength(Math.min(51, 10 * tens()))
    expect(expected?.rows.length).toBeGreaterThan(5)
    expect(found).toEqual(expected)
  })
}

/** Ten runs that change what they find, by chance. */
export async function tenRuns(store: Store, random: () => number): Promise<void> {
  const pick = <T>(some: readonly T[]): T | undefined => some[Math.floor(random() * some.length)]
  for (let at = 0; at < 10; at += 1) {
    const run = await store.beginRun({ ...begun, id: `run ${at}` })
    for (let each = 0; each < 4; each += 1) await store.commit(run, chance(await store.load(), random, pick))
    if (random() < 0.8) await store.endRun(run, "done", at)
  }
}

function chance(
  { rows, open }: Awaited<ReturnType<Store["load"]>>,
  random: () => number,
  pick: <T>(some: readonly T[]) => T | undefined,
): Batch {
  const name = `n${Math.floor(random() * 20)}`
  const old = pick(rows)
  const line = pick(open)
  const to = `test.thing[moved ${Math.floor(random() * 1e6)}]`
  return pick<Batch>([
    {
      rows: [
        row("one"),
        row(`${name} two`),
        row(`${name} three`, { allowed: "[]", needs: [name] }),
        row(name, {
          deposed: random() < 0.2 ? "t" : "",
          protect: random() < 0.5,
          carry: pick(["{}", "1"]),
          refreshed: true,
        }),
      ],
    },
    { intents: [intent(name), intent("z")], targets: [{ connection: name, identity: "i" }] },
    line === undefined ? {} : { results: [{ seq: line.seq, outcome: "done", endedAt: 3, closes: random() < 0.9 }] },
    line === undefined
      ? {}
      : { progress: [{ seq: line.seq, json: { at: name } }], orphaned: [{ seq: line.seq, at: 4 }] },
    old === undefined ? {} : { removed: [old] },
    old === undefined ? {} : { moved: [{ from: old.address, to }] },
    { secrets: [{ name, sealed: String(random()) }] },
  ]) as Batch
}
