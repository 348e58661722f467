import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test, vi } from "vitest"
import { AuditChain } from "../../src/audit/chain.ts"
import { migrateState } from "../../src/run/state-migrate.ts"
import { rotateKey } from "../../src/run/state-rotate.ts"
import { DataKey, keyInFile } from "../../src/secrets/key.ts"
import { fileHome } from "../../src/state/file-home.ts"
import type { Held, StateHome } from "../../src/state/home.ts"
import { linkOf } from "../../src/state/shared/chain.ts"
import { sharedHolder, takeLease } from "../../src/state/shared/lease.ts"
import type { Entry, Head, Kept, Ledger } from "../../src/state/shared/ledger.ts"
import type { Store } from "../../src/state/store.ts"
import threeThings from "../fixtures/crash/three-nodes.ts"
import { safes } from "../fixtures/safe.ts"
import { COMPILED, runChild } from "../support/crash.ts"
import { recordContract, said } from "../support/record-contract.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { seeded } from "../support/seeded.ts"
import { intent, row, storeContract, tenRuns, who } from "../support/store-contract.ts"
import { TcpProxy } from "../support/tcp-proxy.ts"
import { world } from "../support/world.ts"

/** The key of the team, in tests. */
export const KEY = Buffer.alloc(32, 7).toString("base64")

export interface HomeOptions {
  /** Of this laptop. Default: a new one. */
  readonly folder?: string
  readonly key?: string | undefined
  /** Default: 4s. */
  readonly lease?: string
  /** Port in the place of the server's own. */
  readonly port?: number
}

/** A real store of a test's own, and its insides, which a test reaches without Fettle. */
export interface SharedWorld {
  readonly port: number
  /** How often what takes long is tried: races for its lock, runs of chance, places where a run is cut off. */
  readonly times: { readonly races: number; readonly tens: number; readonly cuts: number }
  /** What lets a process in. */
  readonly env: Readonly<Record<string, string>>
  address(options?: HomeOptions): string
  homeOf(place: string, options?: HomeOptions): StateHome
  ledger(place: string): Ledger
  raw(place: string): Promise<Kept>
  /** Puts something else in the place of all that is kept; undefined: nothing. */
  put(place: string, kept: Kept | undefined): Promise<void>
}

const HOLDER = fileURLToPath(new URL("../fixtures/shared-holder.ts", import.meta.url))
const begun = { id: "r", command: "apply", who: "ann", startedAt: 5, keyId: undefined }
const code = (name: string) => expect.objectContaining({ code: name })

/** What every store that machines share keeps to besides the contract of all stores. */
export function sharedStoreCases(worldOf: () => SharedWorld): void {
  storeContract(
    (name) => worldOf().homeOf(name),
    () => worldOf().times.tens,
  )
  lockCases(worldOf)
  networkCases(worldOf)
  alteredCases(worldOf)
  keyCases(worldOf)
  movingCases(worldOf)
  crashCases(worldOf)
  recordContract(() => ({
    homeOf: (place, options) => worldOf().homeOf(place, options),
    raw: (place) => worldOf().raw(`${place}/audit`),
    put: (place, kept) => worldOf().put(`${place}/audit`, kept),
  }))
  recordNetworkCases(worldOf)
}

function child(world: SharedWorld, place: string, words: readonly string[], lease = "2s"): ChildProcess {
  const args = [
    "--disable-warning=ExperimentalWarning",
    HOLDER,
    world.address({ lease }),
    place,
    testFolder(),
    ...words,
  ]
  const started = spawn(process.execPath, args, {
    env: { ...process.env, ...COMPILED, ...world.env, FETTLE_STATE_KEY: KEY },
    stdio: ["ignore", "pipe", "inherit"],
  })
  onTestFinished(() => void started.kill("SIGKILL"))
  return started
}

/** Writes a few transactions and lets go. */
async function filled(home: StateHome, names: readonly string[] = ["a", "b", "c"]): Promise<void> {
  const { store, release } = await home.take(who)
  const run = await store.beginRun(begun)
  for (const name of names) await store.commit(run, { rows: [row(name)], intents: [intent(name)] })
  await store.endRun(run, "done", 9)
  await release()
}

/** Takes the lock as soon as it is free. */
async function overtake(home: StateHome): Promise<Held> {
  for (;;) {
    try {
      return await home.take(who)
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== "STATE_LOCKED") throw thrown
      await sleep(50)
    }
  }
}

const rowsOf = async (home: StateHome): Promise<readonly string[] | undefined> =>
  (await home.read((store) => store.load()))?.rows.map(({ id }) => id ?? "")

function lockCases(worldOf: () => SharedWorld): void {
  test("1,000 races, or as many as its time allows, have one winner each", { timeout: 240_000 }, async () => {
    const place = "raced"
    await filled(worldOf().homeOf(place))
    const racers = Array.from({ length: 3 }, () => worldOf().ledger(place))
    for (let race = 0; race < worldOf().times.races; race += 1) {
      const ends = await Promise.allSettled(racers.map((ledger) => takeLease(ledger, sharedHolder(who), 60_000)))
      const won = ends.flatMap((end, at) => (end.status === "fulfilled" ? [{ at, fence: end.value }] : []))
      expect(won).toHaveLength(1)
      for (const end of ends) if (end.status === "rejected") expect(end.reason).toMatchObject({ code: "STATE_LOCKED" })
      expect(won[0]?.fence).toBe(race + 2) // it grows by one each time
      await racers[won[0]?.at as number]?.release(won[0]?.fence as number)
    }
    await Promise.all(racers.map((each) => each.close()))
  })

  test("processes that count up a number, each while it holds the lock, lose no count", {
    timeout: 60_000,
  }, async () => {
    const file = join(testFolder(), "number")
    writeFileSync(file, "0")
    await filled(worldOf().homeOf("counted"))
    const children = [1, 2, 3].map(() => child(worldOf(), "counted", ["count", file, "15"], "20s"))
    const codes = await Promise.all(children.map((each) => once(each, "exit")))
    expect(codes.map(([exit]) => exit)).toEqual([0, 0, 0])
    expect(readFileSync(file, "utf8")).toBe("45")
  })

  test("a holder that was stopped is overtaken when its lease ends, and writes nothing when it comes back", {
    timeout: 60_000,
  }, async () => {
    const world = worldOf()
    const home = world.homeOf("stopped", { lease: "2s" })
    await filled(home)
    const stopped = child(world, "stopped", ["hold"])
    const says = createInterface({ input: stopped.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    expect((await says.next()).value).toBe("holds")
    await expect(home.take(who)).rejects.toThrowError(/^the child on here/)
    stopped.kill("SIGSTOP")
    const begunAt = performance.now()
    const { store, release } = await overtake(home)
    expect(performance.now() - begunAt, "it is waited for: its lease lasts").toBeGreaterThan(500)
    await store.commit(await store.beginRun(begun), { rows: [row("d")] })
    await release()
    const before = await world.raw("stopped")
    stopped.kill("SIGCONT")
    expect((await says.next()).value).toMatch(/^STATE_(LOCK_LOST|UNREACHABLE) /)
    await once(stopped, "exit")
    expect(await world.raw("stopped")).toEqual(before)
  })

  test("the lock of a process that was killed here is taken at once", { timeout: 60_000 }, async () => {
    const killed = child(worldOf(), "killed", ["hold"], "60s")
    await once(killed.stdout as NodeJS.ReadableStream, "data")
    killed.kill("SIGKILL")
    await once(killed, "exit")
    const begunAt = performance.now()
    await filled(worldOf().homeOf("killed"))
    expect(performance.now() - begunAt).toBeLessThan(30_000)
  })
}

function networkCases(worldOf: () => SharedWorld): void {
  test("a holder whose network was cut is overtaken by the server's clock, whatever clocks say here, and writes nothing when it is back", {
    timeout: 60_000,
  }, async () => {
    const world = worldOf()
    const proxy = await TcpProxy.start(world.port)
    onTestFinished(() => proxy.stop())
    const cut = await world.homeOf("cut", { lease: "2s", port: proxy.port }).take({ ...who, who: "cut off" })
    const run = await cut.store.beginRun(begun)
    proxy.stall()
    const late = cut.store.commit(run, { rows: [row("never")] }).catch((error) => error)
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())
    const other = await overtake(world.homeOf("cut", { lease: "2s" }))
    expect(await late).toMatchObject({ code: expect.stringMatching(/^STATE_(UNREACHABLE|LOCK_LOST)$/) })
    await vi.waitUntil(() => cut.lost?.aborted, { timeout: 20_000, interval: 20 }) // it must not go on: others may begin
    await other.store.commit(await other.store.beginRun(begun), { rows: [row("theirs")] })
    proxy.resume()
    await expect(cut.store.commit(run, { rows: [row("never")] })).rejects.toThrowError(
      code(expect.stringMatching(/LOCK_LOST|UNREACHABLE/) as never),
    )
    await cut.release()
    await other.store.commit(1, { rows: [row("theirs too")] })
    await other.release()
    expect(await rowsOf(world.homeOf("cut"))).toEqual(["theirs too", "theirs"])
  })

  test("what was written though its answer was lost is known as our own", { timeout: 60_000 }, async () => {
    const world = worldOf()
    const proxy = await TcpProxy.start(world.port)
    onTestFinished(() => proxy.stop())
    const { store, release } = await world.homeOf("lost", { lease: "20s", port: proxy.port }).take(who)
    const run = await store.beginRun(begun)
    const { head } = await world.raw("lost")
    proxy.isMuffled = true
    const writing = store.commit(run, { intents: [intent("a")] })
    await vi.waitUntil(async () => (await world.raw("lost")).head.serial === head.serial + 1, { timeout: 10_000 })
    proxy.isMuffled = false
    proxy.cut()
    expect(await writing).toEqual([1])
    expect(await store.commit(run, { intents: [intent("b")] })).toEqual([2])
    await release()
    const read = await world.homeOf("lost").read((each) => each.load())
    expect(read?.open.map(({ seq, address }) => [seq, address])).toEqual([
      [1, "test.thing[a]"],
      [2, "test.thing[b]"],
    ])
  })

  test("a store that is away is a clear error that says so, at the start and in the middle", {
    timeout: 60_000,
  }, async () => {
    const world = worldOf()
    const proxy = await TcpProxy.start(world.port)
    const home = world.homeOf("away", { lease: "2s", port: proxy.port })
    const { store, release } = await home.take(who)
    const run = await store.beginRun(begun)
    await store.commit(run, { rows: [row("a")] })
    await proxy.stop()
    await expect(store.commit(run, { rows: [row("b")] })).rejects.toThrowError(code("STATE_UNREACHABLE"))
    await release()
    const uses = [home.read((each) => each.load()), home.take(who), home.holder(), home.exists()]
    for (const end of await Promise.allSettled(uses))
      expect(end).toMatchObject({ reason: { code: "STATE_UNREACHABLE" } })
    expect(await rowsOf(world.homeOf("away"))).toEqual(["a"])
  })
}

function recordNetworkCases(worldOf: () => SharedWorld): void {
  test("what was recorded though its answer was lost stands in the audit once, also where others went on from it", {
    timeout: 60_000,
  }, async () => {
    const world = worldOf()
    const proxy = await TcpProxy.start(world.port)
    onTestFinished(() => proxy.stop())
    const key = new DataKey(Buffer.from(KEY, "base64"))
    const chain = new AuditChain(world.homeOf("answers", { lease: "20s", port: proxy.port }).record, key)
    onTestFinished(() => chain.close())
    await chain.append([said("first")])
    proxy.isMuffled = true
    const writing = chain.append([said("second")])
    await vi.waitUntil(async () => (await world.raw("answers/audit")).head.serial === 2, { timeout: 10_000 })
    const other = new AuditChain(world.homeOf("answers").record, key)
    await other.append([said("third")])
    proxy.isMuffled = false
    proxy.cut()
    await writing
    await chain.append([said("fourth")])
    const all = (await other.since(0)).map(({ fact }) => (fact as { what: string }).what)
    await other.close()
    expect(all).toEqual(["first", "second", "third", "fourth"])
  })
}

/** One way to change what is kept, by chance. Nothing of it has the key. */
export type Change = (kept: Kept, random: (below: number) => number) => Kept | undefined

const at = (kept: Kept, where: number, change: (entry: Entry) => Entry): Kept => ({
  ...kept,
  entries: kept.entries.map((entry, place) => (place === where ? change(entry) : entry)),
})
const headed = (kept: Kept, change: Partial<Head>): Kept => ({ ...kept, head: { ...kept.head, ...change } })
/** Ends earlier, with the head changed as far as it can be without the key. */
const cutTo = (kept: Kept, count: number): Kept => {
  const entries = kept.entries.slice(0, count)
  return headed({ ...kept, entries }, { serial: entries.at(-1)?.serial ?? 0, link: entries.at(-1)?.link ?? "" })
}
const FORGED = new DataKey(new Uint8Array(32))

export const CHANGES: readonly (readonly [what: string, change: Change])[] = [
  [
    "one character of a body",
    (kept, random) => {
      return at(kept, random(kept.entries.length), (entry) => {
        const where = random(entry.body.length)
        return { ...entry, body: `${entry.body.slice(0, where)}~${entry.body.slice(where + 1)}` }
      })
    },
  ],
  [
    "a body with another value",
    (kept, random) =>
      at(kept, 1 + random(3), (entry) => ({ ...entry, body: entry.body.replace("test.thing", "test.other") })),
  ],
  [
    "a link",
    (kept, random) =>
      at(kept, random(kept.entries.length), (entry) => ({ ...entry, link: entry.link.replace(/^./, "~") })),
  ],
  [
    "two bodies in each other's place",
    (kept) => {
      const [, second, third] = kept.entries as [Entry, Entry, Entry]
      return at(
        at(kept, 1, (entry) => ({ ...entry, body: third.body })),
        2,
        (entry) => ({ ...entry, body: second.body }),
      )
    },
  ],
  [
    "two entries in each other's place",
    (kept) => {
      const [, second, third] = kept.entries as [Entry, Entry, Entry]
      return at(
        at(kept, 1, ({ serial }) => ({ ...third, serial })),
        2,
        ({ serial }) => ({ ...second, serial }),
      )
    },
  ],
  [
    "an entry left out",
    (kept, random) => {
      const gone = random(kept.entries.length)
      return { ...kept, entries: kept.entries.filter((_, place) => place !== gone) }
    },
  ],
  [
    "an entry left out and the rest moved up",
    (kept) => {
      const entries = kept.entries
        .filter((_, place) => place !== 1)
        .map((entry, place) => ({ ...entry, serial: place + 1 }))
      return headed({ ...kept, entries }, { serial: entries.length })
    },
  ],
  ["the end cut off", (kept, random) => ({ ...kept, entries: kept.entries.slice(0, random(kept.entries.length)) })],
  ["the end cut off, and the head with it", (kept, random) => cutTo(kept, random(kept.entries.length))],
  [
    "the beginning cut off",
    (kept) => headed({ ...kept, entries: kept.entries.slice(2) }, { base: 3, baseLink: kept.entries[1]?.link ?? "" }),
  ],
  [
    "an entry written again behind the last",
    (kept) => {
      const serial = kept.head.serial + 1
      const again = { ...(kept.entries[1] as Entry), serial }
      return headed({ ...kept, entries: [...kept.entries, again] }, { serial, link: again.link })
    },
  ],
  [
    "an entry forged behind the last",
    (kept) => {
      const serial = kept.head.serial + 1
      const body = JSON.stringify({ by: 9, type: "commit", run: 1, batch: { rows: [row("forged")] } })
      const link = linkOf(FORGED, kept.head, kept.head.link, { serial, body })
      return headed({ ...kept, entries: [...kept.entries, { serial, body, link }] }, { serial, link })
    },
  ],
  ["a head of another place", (kept) => headed(kept, { place: "elsewhere" })],
  ["a head that moved", (kept) => headed(kept, { movedTo: "postgres://theirs/db" })],
  ["a head of another key", (kept) => headed(kept, { keyId: FORGED.id })],
  ["another head", (kept) => headed(kept, { lineage: "another" })],
  ["a seal", (kept) => headed(kept, { seal: "another" })],
  ["nothing left", () => undefined],
]

function alteredCases(worldOf: () => SharedWorld): void {
  test("what was edited, forged, reordered, cut off or put back is refused, 100 of 100", {
    timeout: 120_000,
  }, async () => {
    const world = worldOf()
    const folder = testFolder()
    const home = world.homeOf("altered", { folder })
    await filled(home)
    const old = await world.raw("altered")
    await filled(home, ["d", "e"])
    const kept = await world.raw("altered")
    await filled(world.homeOf("other"), ["x", "y", "z", "u"])
    const foreign = await world.raw("other")
    const more: readonly (readonly [string, Change])[] = [
      ["all of it as it was before", () => old],
      ["an old head with new entries", () => ({ ...kept, head: old.head })],
      ["all of another state", () => foreign],
      ["another state's entries", () => ({ ...kept, entries: foreign.entries })],
    ]
    const random = seeded(100)
    const changes = [...CHANGES, ...more]
    for (let time = 0; time < 100; time += 1) {
      const [what, change] = changes[time % changes.length] as (typeof changes)[number]
      const altered = change(kept, (below) => Math.floor(random() * below))
      await world.put("altered", altered)
      const refused = code(expect.stringMatching(/^STATE_(ALTERED|ROLLED_BACK|KEY_WRONG|CORRUPT)$/) as never)
      await expect(
        home.read((store) => store.load()),
        `${time}: ${what}`,
      ).rejects.toThrowError(refused)
      if (time < changes.length)
        await expect(home.take(who), `${time}: ${what}, to write`).rejects.toThrowError(refused)
    }
    await world.put("altered", kept)
    expect(await rowsOf(home)).toEqual(["a", "b", "c", "d", "e"])
    await filled(home, ["f"])
  })

  test("an old state is refused where a newer one was seen, also once others went on from it; elsewhere it cannot be known", async () => {
    const world = worldOf()
    const folder = testFolder()
    await filled(world.homeOf("old", { folder }))
    const old = await world.raw("old")
    await filled(world.homeOf("old", { folder }), ["d"])
    await world.put("old", old)
    await expect(world.homeOf("old", { folder }).take(who)).rejects.toThrowError(code("STATE_ROLLED_BACK"))
    await filled(world.homeOf("old"), ["e", "f"])
    const seen = () =>
      world
        .homeOf("old", { folder })
        .read((store) => store.load())
        .catch((thrown) => thrown)
    const refused = { code: "STATE_ROLLED_BACK", fact: expect.stringContaining("is another one") }
    expect(await seen()).toMatchObject(refused)
    await filled(
      world.homeOf("old"),
      Array.from({ length: 6 }, () => "e".repeat(60_000)),
    ) // so much that it is folded
    await filled(world.homeOf("old"), ["f"])
    expect((await world.raw("old")).head.base).toBeGreaterThan(old.head.serial)
    const error = await seen()
    expect(error).toMatchObject(refused)
    rmSync(/rm (.+)$/.exec(error.next)?.[1] as string)
    const rows = await rowsOf(world.homeOf("old", { folder }))
    expect(rows?.map((name) => name.slice(0, 2))).toEqual(["a", "b", "c", "e", "ee", "f"])
  })

  test("a long state is folded, and stays one chain", { timeout: 60_000 }, async () => {
    const world = worldOf()
    const home = world.homeOf("folded")
    const large = (at: number) => row("large", { props: JSON.stringify({ at, value: "x".repeat(200_000) }) })
    for (let time = 0; time < 3; time += 1) {
      const { store, release } = await home.take(who)
      const run = await store.beginRun(begun)
      for (let at = 0; at < 4; at += 1)
        await store.commit(run, { rows: [large(4 * time + at)], intents: [intent(`${at}`)] })
      await release()
    }
    const { head, entries } = await world.raw("folded")
    expect(head.base).toBeGreaterThan(1)
    expect(entries[0]?.body).toMatch(/"type":"base"/)
    expect(entries.length).toBeLessThan(15)
    const read = await home.read((store) => store.load())
    expect(read?.rows).toEqual([large(11)])
    expect(read?.open).toHaveLength(12)
  })
}

function keyCases(worldOf: () => SharedWorld): void {
  test("without the key of the team nothing is begun, read or written", async () => {
    const world = worldOf()
    await expect(world.homeOf("keyed", { key: undefined }).take(who)).rejects.toThrowError(code("STATE_KEY_MISSING"))
    expect(await world.homeOf("keyed").exists()).toBe(false)
    await filled(world.homeOf("keyed"))
    const other = Buffer.alloc(32, 8).toString("base64")
    for (const [key, refused] of [
      [undefined, "STATE_KEY_MISSING"],
      [other, "STATE_KEY_WRONG"],
    ] as const) {
      await expect(world.homeOf("keyed", { key }).read((store) => store.load())).rejects.toThrowError(code(refused))
      await expect(world.homeOf("keyed", { key }).take(who)).rejects.toThrowError(code(refused))
    }
    expect(await world.homeOf("keyed", { key: undefined }).holder()).toBeUndefined()
    expect(JSON.stringify(await world.raw("keyed"))).not.toContain(KEY)
  })
}

const THREE = fileURLToPath(new URL("../fixtures/crash/three-nodes.ts", import.meta.url))

/** How somebody else goes on: with nothing but the address and the key. */
function envOf(world: SharedWorld, options: HomeOptions = { lease: "2s" }): Record<string, string> {
  return { ...world.env, FETTLE_STORE: world.address(options), FETTLE_STATE_KEY: KEY }
}

function crashCases(worldOf: () => SharedWorld): void {
  test("SIGKILL in the middle: another laptop goes on, and nothing is made twice or lost", {
    timeout: 120_000,
  }, async () => {
    const shared = worldOf()
    for (const killAt of [5, 2, 8].slice(0, shared.times.cuts)) {
      const far = world(join(testFolder(), "world"))
      const order = (command: "apply" | "plan", at = 0) =>
        ({ command, module: THREE, options: { folder: far.folder }, folder: testFolder(), killAt: at }) as const
      expect((await runChild(order("apply", killAt), envOf(shared))).signal).toBe("SIGKILL")
      const { report, stderr } = await runChild(order("apply"), envOf(shared))
      expect(report, `${killAt}: ${stderr}`).toMatchObject({ exitCode: 0, errors: [] })
      expect(far.names()).toEqual(["a", "b", "c"])
      expect(["a", "b", "c"].map((name) => far.get(name)?.serial)).toEqual([1, 2, 3])
      expect((await runChild(order("plan"), envOf(shared))).report).toMatchObject({ outcome: "unchanged", errors: [] })
      await shared.put("three.dev", undefined)
    }
  })

  test("a store that goes away in the middle of an apply: what is not in its journal is not begun, and the next one goes on", {
    timeout: 60_000,
  }, async () => {
    const shared = worldOf()
    for (const cutAt of [2, 1, 3].slice(0, shared.times.cuts)) {
      const proxy = await TcpProxy.start(shared.port)
      const far = world(join(testFolder(), "world"))
      let commits = 0
      const wrapStore = (store: Store): Store => {
        const commit = store.commit.bind(store)
        store.commit = async (run, batch) => {
          commits += 1
          if (commits === cutAt) await proxy.stop()
          return commit(run, batch)
        }
        return store
      }
      const cut = runsIn(testFolder(), { env: envOf(shared, { lease: "2s", port: proxy.port }), wrapStore })
      const first = await cut.apply(threeThings({ folder: far.folder }))
      expect(first).toMatchObject({ outcome: "failed", exitCode: 1, error: { code: "STATE_UNREACHABLE" } })
      const bodies = (await shared.raw("three.dev")).entries.map(({ body }) => body).join()
      for (const name of far.names()) expect(bodies).toContain(`test.thing[${name}]`)
      await waitFree(shared.homeOf("three.dev"))
      const second = await runsIn(testFolder(), { env: envOf(shared) }).apply(threeThings({ folder: far.folder }))
      expect(second).toMatchObject({ outcome: "done", error: undefined })
      expect(["a", "b", "c"].map((name) => far.get(name)?.serial)).toEqual([1, 2, 3])
      await shared.put("three.dev", undefined)
    }
  })
}

/** Waits until a lock was let go or its lease is over. */
async function waitFree(home: StateHome): Promise<void> {
  await vi.waitUntil(async () => (await home.holder()) === undefined, { timeout: 10_000, interval: 50 })
}

function movingCases(worldOf: () => SharedWorld): void {
  test("state moves from a file into the store and on into another file, whole; where it was nobody goes on", {
    timeout: 60_000,
  }, async () => {
    const home = worldOf().homeOf("moved")
    const [first, last] = [fileHome(join(testFolder(), "state.db")), fileHome(join(testFolder(), "state.db"))]
    const key = new DataKey(Buffer.from(KEY, "base64"))
    const random = seeded(11)
    for (let run = 0; run < 2; run += 1) {
      const { store, release } = await first.take(who)
      await tenRuns(store, random)
      await release()
    }
    const whole = { ...(await first.read((store) => store.dump())), keyId: key.id }
    expect(await migrateState(first, home, key, who)).toMatchObject({ rows: whole.rows?.length, runs: 20 })
    expect(await home.read((store) => store.dump())).toEqual(whole)
    for (const use of [() => first.read((store) => store.load()), () => first.take(who)])
      await expect(use()).rejects.toThrowError(
        expect.objectContaining({ code: "STATE_MOVED", fact: expect.stringContaining(home.name) }),
      )
    await expect(migrateState(home, first, key, who)).rejects.toThrowError(code("STATE_MOVED"))

    await migrateState(home, last, key, who)
    expect(await last.read((store) => store.dump())).toEqual(whole)
    await expect(home.read((store) => store.load())).rejects.toThrowError(code("STATE_MOVED"))
    await expect(home.take(who)).rejects.toThrowError(code("STATE_MOVED"))
  })

  test("a store that holds something is not moved into; a move that was cut off before its mark goes on", async () => {
    const key = new DataKey(Buffer.from(KEY, "base64"))
    const from = fileHome(join(testFolder(), "state.db"))
    await filled(from)
    const full = worldOf().homeOf("moved into")
    await filled(full, ["x"])
    await expect(migrateState(from, full, key, who)).rejects.toThrowError(code("STATE_IMPORT"))
    expect(await rowsOf(from)).toEqual(["a", "b", "c"])

    const to = worldOf().homeOf("moved halfway")
    const { store, release } = await to.take(who)
    await store.replace((await from.read((each) => each.dump())) as never, key)
    await release()
    expect(await migrateState(from, to, key, who)).toMatchObject({ rows: 3 })
    await expect(from.take(who)).rejects.toThrowError(code("STATE_MOVED"))
  })

  test("with another key all is sealed anew, nothing looks changed, and the old key opens nothing", {
    timeout: 60_000,
  }, async () => {
    const shared = worldOf()
    const [folder, file] = [testFolder(), join(testFolder(), "next.key")]
    const old = new DataKey(Buffer.from(KEY, "base64"))
    const env = { ...envOf(shared), SAFE_PASSWORD: "a password that is given" }
    expect(await runsIn(testFolder(), { env }).apply(safes(folder))).toMatchObject({ outcome: "done" })
    const before = (await shared.raw("safes.dev")).head.serial
    expect(await rotateKey(shared.homeOf("safes.dev"), old, keyInFile(file), who)).toBe(3)
    const { head, entries } = await shared.raw("safes.dev")
    expect(head.base).toBeGreaterThan(before)
    expect(JSON.stringify(entries)).not.toMatch(/a password that|token of/)
    const [refused, planned] = await Promise.all(
      [env, { ...env, FETTLE_STATE_KEY: "", FETTLE_STATE_KEY_FILE: file }].map((each) =>
        runsIn(testFolder(), { env: each }).plan(safes(folder)),
      ),
    )
    expect(refused?.error).toMatchObject({ code: "STATE_KEY_WRONG" })
    expect(planned).toMatchObject({ outcome: "unchanged", error: undefined })
    const third = join(testFolder(), "third.key")
    await rotateKey(
      shared.homeOf("safes.dev", { key: readFileSync(file, "utf8").trim() }),
      keyInFile(file),
      keyInFile(third),
      who,
    )
    const again = { ...env, FETTLE_STATE_KEY: "", FETTLE_STATE_KEY_FILE: third }
    expect(await runsIn(testFolder(), { env: again }).plan(safes(folder))).toMatchObject({ outcome: "unchanged" })
  })
}
