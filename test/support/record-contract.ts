import { expect, onTestFinished, test, vi } from "vitest"
import { AuditChain } from "../../src/audit/chain.ts"
import type { Said } from "../../src/audit/fact.ts"
import { oddities } from "../../src/run/audit.ts"
import { DataKey } from "../../src/secrets/key.ts"
import type { StateHome } from "../../src/state/home.ts"
import type { Entry, Kept } from "../../src/state/shared/ledger.ts"
import { CHANGES, type Change } from "../live/shared-store-cases.ts"
import { testFolder } from "./runs.ts"
import { seeded } from "./seeded.ts"

/** A place of records, and its insides, which a test reaches without Fettle. */
export interface RecordWorld {
  homeOf(place: string, options?: { readonly folder?: string }): StateHome
  raw(place: string): Promise<Kept>
  /** Puts something else in the place of all that is kept; undefined: nothing. */
  put(place: string, kept: Kept | undefined): Promise<void>
}

const KEY = new DataKey(new Uint8Array(32).fill(7))
const code = (name: string) => expect.objectContaining({ code: name })

/** An entry of a test. */
export const said = (what: string, more: Partial<Said> = {}): Said => ({
  at: new Date().toISOString(),
  run: "run",
  who: "ann@here",
  host: "here",
  pid: 1,
  command: "apply",
  fact: { type: "by.hand", what },
  ...more,
})

/** What every record of who did what keeps to, whatever it lies in. */
export function recordContract(worldOf: () => RecordWorld): void {
  const chainAt = (place: string, folder = testFolder(), key = KEY): AuditChain => {
    const chain = new AuditChain(worldOf().homeOf(place, { folder }).record, key)
    onTestFinished(() => chain.close())
    return chain
  }
  const whats = async (chain: AuditChain): Promise<readonly string[]> =>
    (await chain.since(0)).map(({ fact }) => ("what" in fact ? fact.what : fact.type))

  keepingCases(worldOf, chainAt, whats)
  forgedCases(worldOf, chainAt, whats)
  keyCases(worldOf, chainAt, whats)
}

type ChainAt = (place: string, folder?: string, key?: DataKey) => AuditChain
type Whats = (chain: AuditChain) => Promise<readonly string[]>

function keepingCases(worldOf: () => RecordWorld, chainAt: ChainAt, whats: Whats): void {
  test("what is recorded is there for the next one as it was said, whatever stands in it; of none nothing is made", async () => {
    const none = chainAt("no-record")
    expect([await none.head(), await none.since(0)]).toEqual([undefined, []])
    const hostile = JSON.parse('{"__proto__": "p", "1": "one", "a": "\\u0000\\r\\n\\u202e\\ud83d\\ude00\\u001b[2J"}')
    const facts: Said[] = [
      said("a\r\n\u2028b"),
      said("x", { fact: { type: "targets.seen", targets: hostile }, ci: { actor: "<b>\u0007" } }),
    ]
    await chainAt("as-said").append(facts)
    const read = await chainAt("as-said").since(0)
    expect(read.map(({ serial, link, ...rest }) => ({ serial, linked: link.length > 20, rest }))).toEqual(
      facts.map((rest, at) => ({ serial: at + 1, linked: true, rest })),
    )
    expect(await chainAt("as-said").since(1)).toEqual(read.slice(1))
    expect(await chainAt("as-said").since(2)).toEqual([])
  })

  test("three write at once without a lock: all of it is there, each in its own order, in one chain", {
    timeout: 120_000,
  }, async () => {
    await Promise.all(
      ["a", "b", "c"].map(async (name) => {
        const chain = chainAt("at-once")
        for (let at = 0; at < 8; at += 1) await chain.append([said(`${name}${at}`), said(`${name}${at}'`)])
      }),
    )
    const all = await whats(chainAt("at-once"))
    expect(all).toHaveLength(48)
    for (const name of ["a", "b", "c"])
      expect(all.filter((what) => what.startsWith(name))).toEqual(
        Array.from({ length: 8 }, (_, at) => [`${name}${at}`, `${name}${at}'`]).flat(),
      )
  })

  test("how far a sink is is remembered, only grows, and is sealed", async () => {
    const chain = chainAt("sinks")
    await chain.append([said("a"), said("b")])
    await chain.delivered("one", 2)
    await chain.delivered("one", 1)
    await chain.delivered("two", 1)
    await chain.append([said("c")])
    expect(await chainAt("sinks").head()).toMatchObject({ serial: 3, delivered: { one: 2, two: 1 } })
    const kept = await worldOf().raw("sinks")
    await worldOf().put("sinks", { ...kept, head: { ...kept.head, delivered: { one: 3, two: 3 } } })
    await expect(chainAt("sinks").head()).rejects.toThrowError(code("AUDIT_ALTERED"))
  })

  test("a clock that was set back changes no order, and is told", async () => {
    const chain = chainAt("clock-back")
    await chain.append([said("before")])
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())
    await chain.append([said("yesterday")])
    vi.useRealTimers()
    await chain.append([said("after")])
    const records = await chainAt("clock-back").since(0)
    expect(records.map(({ fact }) => "what" in fact && fact.what)).toEqual(["before", "yesterday", "after"])
    expect(oddities(records).setBack.map(({ serial }) => serial)).toEqual([2])
  })
}

/** What is said of an entry that was changed. */
const ENTRY = /entry \d+|its head|is kept with data key|there is nothing|another one than|entries 1 to/

function forgedCases(worldOf: () => RecordWorld, chainAt: ChainAt, whats: Whats): void {
  test("an audit that was edited, forged, reordered, inserted into, cut off, forked or put back is refused, 100 of 100", {
    timeout: 120_000,
  }, async () => {
    const world = worldOf()
    const folder = testFolder()
    await chainAt("forged", folder).append(["a", "b", "c", "d"].map((what) => said(`test.thing ${what}`)))
    const old = await world.raw("forged")
    await chainAt("forged", folder).append([said("test.thing e"), said("test.thing f")])
    const kept = await world.raw("forged")
    await chainAt("foreign").append(["x", "y", "z", "u", "v", "w"].map((what) => said(what)))
    const foreign = await world.raw("foreign")
    const inserted = (place: number): Kept => {
      const entries = [...kept.entries]
      entries.splice(place, 0, { ...(kept.entries[place] as Entry), body: JSON.stringify(said("slipped in")) })
      return { ...kept, entries: entries.map((entry, at) => ({ ...entry, serial: at + 1 })) }
    }
    const more: readonly (readonly [string, Change])[] = [
      ["all of it as it was before", () => old],
      ["an old head with new entries", () => ({ ...kept, head: old.head })],
      ["all of another record", () => foreign],
      ["another record's entries", () => ({ ...kept, entries: foreign.entries })],
      ["an entry slipped in", (_, random) => inserted(random(5))],
      [
        "who did it",
        (_, random) => {
          const where = random(kept.entries.length)
          const entries = kept.entries.map((entry, at) =>
            at === where ? { ...entry, body: entry.body.replace("ann@here", "bob@here") } : entry,
          )
          return { ...kept, entries }
        },
      ],
    ]
    const random = seeded(200)
    const changes = [...CHANGES, ...more]
    for (let time = 0; time < 100; time += 1) {
      const [what, change] = changes[time % changes.length] as (typeof changes)[number]
      await world.put(
        "forged",
        change(kept, (below) => Math.floor(random() * below)),
      )
      const refused = expect.objectContaining({
        code: expect.stringMatching(/^(AUDIT_ALTERED|AUDIT_ROLLED_BACK|STATE_KEY_WRONG|STATE_ALTERED|STATE_CORRUPT)$/),
        fact: expect.stringMatching(ENTRY),
      })
      const chain = new AuditChain(world.homeOf("forged", { folder }).record, KEY)
      await expect(chain.since(0), `${time}: ${what}`).rejects.toThrowError(refused)
      await chain.close()
    }
    await world.put("forged", kept)
    expect(await whats(chainAt("forged", folder))).toEqual(
      ["a", "b", "c", "d", "e", "f"].map((what) => `test.thing ${what}`),
    )
  })

  test("the entry that was changed is named", async () => {
    await chainAt("named").append(["a", "b", "c"].map((what) => said(what)))
    const kept = await worldOf().raw("named")
    const entries = kept.entries.map((each) =>
      each.serial === 2 ? { ...each, body: each.body.replace('"b"', '"B"') } : each,
    )
    await worldOf().put("named", { ...kept, entries })
    await expect(chainAt("named").since(0)).rejects.toThrowError(/: entry 2 is not as Fettle wrote it$/)
  })

  test("a fork is refused where the other branch was seen, and cannot be written on", async () => {
    const world = worldOf()
    const folder = testFolder()
    await chainAt("fork").append([said("a"), said("b")])
    const old = await world.raw("fork")
    await chainAt("fork", folder).append([said("true")])
    await world.put("fork", old)
    await chainAt("fork").append([said("forked"), said("on")]) // a machine that never saw the other
    const refused = { code: "AUDIT_ROLLED_BACK", fact: expect.stringContaining("entry 3 is another one") }
    for (const use of [(chain: AuditChain) => chain.since(0), (chain: AuditChain) => chain.append([said("c")])]) {
      const thrown = await use(chainAt("fork", folder)).catch((error: unknown) => error)
      expect(thrown).toMatchObject(refused)
    }
    expect(await whats(chainAt("fork"))).toEqual(["a", "b", "forked", "on"])
  })

  test("what is not as it was is set aside, and the next record says so", async () => {
    const world = worldOf()
    const folder = testFolder()
    const first = chainAt("anew", folder)
    await first.append([said("a"), said("b")])
    const kept = await world.raw("anew")
    await world.put("anew", { ...kept, head: { ...kept.head, seal: "another" } })
    await expect(chainAt("anew", folder).append([said("c")])).rejects.toThrowError(code("AUDIT_ALTERED"))
    let asideCount = 0
    await chainAt("anew", folder).beginAnew((there) => {
      asideCount = there?.entries.length ?? 0
      return said("begun anew")
    })
    expect(asideCount).toBe(2)
    await chainAt("anew", folder).append([said("c")])
    expect(await whats(chainAt("anew", folder))).toEqual(["begun anew", "c"])
  })
}

function keyCases(worldOf: () => RecordWorld, chainAt: ChainAt, whats: Whats): void {
  test("with another key all that was recorded before stays proven, and with the old one nothing is written", async () => {
    const world = worldOf()
    const folder = testFolder()
    const [second, third] = [1, 2].map((each) => new DataKey(new Uint8Array(32).fill(each))) as [DataKey, DataKey]
    const changed = (from: DataKey, to: DataKey) => (before: string) =>
      said("", { fact: { type: "key.changed", from: from.id, to: to.id, before } })
    await chainAt("keys", folder).append([said("a"), said("b")])
    const turning = chainAt("keys", folder)
    await turning.changeKey(second, changed(KEY, second))
    await turning.append([said("c")])
    await chainAt("keys", folder, second).append([said("d")])
    await chainAt("keys", folder, second).changeKey(third, changed(second, third))
    await chainAt("keys", testFolder(), third).append([said("e")])
    const all = ["a", "b", "key.changed", "c", "d", "key.changed", "e"]
    expect(await whats(chainAt("keys", folder, third))).toEqual(all)
    for (const old of [KEY, second])
      await expect(chainAt("keys", folder, old).append([said("late")])).rejects.toThrowError(code("STATE_KEY_WRONG"))
    const kept = await world.raw("keys")
    for (const serial of [1, 2, 3, 4, 5, 6, 7]) {
      const change = (entry: Entry): Entry =>
        entry.serial === serial ? { ...entry, body: entry.body.replace("ann@here", "eve@here") } : entry
      await world.put("keys", { ...kept, entries: kept.entries.map(change) })
      await expect(chainAt("keys", folder, third).since(0), `entry ${serial}`).rejects.toThrowError(
        code("AUDIT_ALTERED"),
      )
    }
    await world.put("keys", kept)
    expect(await whats(chainAt("keys", folder, third))).toEqual(all)
  })

  test("a record of another place is none of this one", async () => {
    await chainAt("mine").append([said("a")])
    await chainAt("theirs").append([said("b")])
    await worldOf().put("theirs", await worldOf().raw("mine"))
    await expect(chainAt("theirs").since(0)).rejects.toThrowError(/its head is the one of mine\/audit/)
  })

  test("a record goes elsewhere as it is, again where that was cut off, and not over another one", async () => {
    const from = chainAt("from")
    await from.append([said("a"), said("b")])
    const { record } = worldOf().homeOf("from", { folder: testFolder() })
    const here = { ...record, open: () => worldOf().homeOf("to").record.open(), place: record.place }
    const to = new AuditChain(here, KEY)
    onTestFinished(() => to.close())
    expect([await to.copyOf(from), await to.copyOf(from)]).toEqual([true, true])
    await from.append([said("since then")])
    expect(await to.copyOf(from)).toBe(true)
    expect(await to.since(0)).toEqual(await from.since(0))
    await to.append([said("c")])
    expect(await to.copyOf(from)).toBe(false)
  })
}
