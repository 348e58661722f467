import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { openStore } from "../src/state/sqlite.ts"
import type { NewIntent, Row, Store } from "../src/state/store.ts"
import type { Bench } from "./context.ts"
import { withFolder } from "./measure.ts"

const SMALL = 1_000
const LARGE = 100_000
/** Changes between two looks; few enough that the log is not checkpointed between them. */
const CHANGES = 200
const ROUNDS = 5

/** What one change (an intent, then its result and the row) writes into a store of 100,000 rows, beside one of 1,000. */
export default async function bench({ row, interleave }: Bench): Promise<void> {
  await withFolder("state", async (folder) => {
    const small = await filled(join(folder, "small.db"), SMALL)
    const large = await filled(join(folder, "large.db"), LARGE)
    const otherName = "1,000 rows"
    const logged = await interleave(ROUNDS, {
      ours: () => loggedPerChange(large, LARGE),
      other: () => loggedPerChange(small, SMALL),
    })
    const target = "ours <= 16384, ratio <= 1.1, ratio >= 0.9"
    row({ name: "one change at 100,000 rows, into the log", unit: "bytes", ...logged, otherName, target })
    const times = await interleave(ROUNDS, {
      ours: () => changeMs(large, LARGE),
      other: () => changeMs(small, SMALL),
    })
    row({ name: "one change at 100,000 rows, two syncs", unit: "ms", ...times, otherName })
    if (process.platform === "linux") {
      const all = { ours: await writtenPerChange(large, LARGE), other: await writtenPerChange(small, SMALL) }
      row({ name: "the same with checkpoints, 2,000 changes", unit: "bytes", ...all, otherName })
    }
  })
}

interface Filled {
  readonly file: string
  /** Grows, so that no two measures change the same rows. */
  changed: number
}

async function filled(file: string, count: number): Promise<Filled> {
  const store = openStore(file)
  await store.commit(await begin(store), { rows: Array.from({ length: count }, (_, at) => thing(`n${at}`)) })
  await store.close()
  return { file, changed: 0 }
}

function loggedPerChange(filled: Filled, count: number): Promise<number> {
  return opened(filled, async (store, run) => {
    const before = statSync(`${filled.file}-wal`).size
    await change(store, run, filled, count, CHANGES)
    return (statSync(`${filled.file}-wal`).size - before) / CHANGES
  })
}

function changeMs(filled: Filled, count: number): Promise<number> {
  return opened(filled, async (store, run) => {
    const begun = performance.now()
    await change(store, run, filled, count, CHANGES)
    return (performance.now() - begun) / CHANGES
  })
}

/** All bytes that this process hands to the kernel, the copying of the log into the file included. */
function writtenPerChange(filled: Filled, count: number): Promise<number> {
  const changes = 10 * CHANGES
  const written = (): number => Number(/^wchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1])
  return opened(filled, async (store, run) => {
    const before = written()
    await change(store, run, filled, count, changes)
    return (written() - before) / changes
  })
}

async function opened(filled: Filled, work: (store: Store, run: number) => Promise<number>): Promise<number> {
  const store = openStore(filled.file)
  try {
    return await work(store, await begin(store))
  } finally {
    await store.close()
  }
}

const begin = (store: Store): Promise<number> =>
  store.beginRun({ id: "r", command: "apply", who: "bench", startedAt: 1, keyId: undefined })

async function change(store: Store, run: number, filled: Filled, count: number, changes: number): Promise<void> {
  for (const last = filled.changed + changes; filled.changed < last; filled.changed += 1) {
    const name = `n${(filled.changed * 7_919) % count}` // a prime: spread over the store
    const [seq] = await store.commit(run, { intents: [intent(name)] })
    const result = { seq: seq as number, outcome: "done", endedAt: 2, closes: true } as const
    await store.commit(run, { results: [result], rows: [thing(name)] })
  }
}

const props = (name: string): string => JSON.stringify({ name, value: "x".repeat(300) })

const thing = (name: string): Row => ({
  address: `bench.thing[${name}]`,
  deposed: "",
  kind: "bench.thing",
  version: 1,
  connection: "",
  id: name,
  owned: true,
  protect: false,
  retain: false,
  unfinished: false,
  props: props(name),
  outputs: JSON.stringify({ name }),
  carry: undefined,
  needs: [],
})

const intent = (name: string): NewIntent => ({
  address: `bench.thing[${name}]`,
  deposed: "",
  action: "update",
  kind: "bench.thing",
  connection: "",
  id: name,
  token: "t".repeat(32),
  want: props(name),
  needs: [],
  startedAt: 1,
})
