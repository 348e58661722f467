import { randomUUID } from "node:crypto"
import type { DataKey } from "../secrets/key.ts"
import type { RecordPlace } from "../state/home.ts"
import { linkOf, sealed } from "../state/shared/chain.ts"
import type { Entry, Head, Keeper, Kept } from "../state/shared/ledger.ts"
import { retrying, unreachable } from "../state/shared/retry.ts"
import type { Recorded, Said } from "./fact.ts"
import { altered, FORMAT, hashOfEntries, proveEntries, proveHead } from "./proof.ts"

/** How often a write gives way to others before it is an error; each time somebody else has written. */
const TRIES_MAX = 200

/** A write: what it puts behind a head, and the key that proves it. */
interface Step {
  readonly entries: readonly Entry[]
  readonly change: Partial<Head>
}

/**
 * The record of who did what: a chain of entries that only grows. Each link is an HMAC over the entry and the link before, and the head
 * is sealed. There is no lock: an entry that follows another one than it says is written anew behind what is there by then.
 */
export class AuditChain {
  readonly #place: RecordPlace
  readonly #keeper: Keeper
  #key: DataKey
  #head: Head | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(place: RecordPlace, key: DataKey) {
    this.#place = place
    this.#key = key
    this.#keeper = place.open()
  }

  /** For people. */
  get name(): string {
    return this.#place.name
  }

  /** Writes entries in one transaction, synced before it returns. @throws FettleError those of the store, and of `proven` */
  append(said: readonly Said[]): Promise<void> {
    const bodies = said.map((each) => JSON.stringify(each))
    return this.#write(this.#key, async (head) => linked(this.#key, head, bodies))
  }

  /** Remembers that a sink has all up to an entry. */
  delivered(sink: string, serial: number): Promise<void> {
    return this.#write(this.#key, async ({ delivered }) => {
      if ((delivered?.[sink] ?? 0) >= serial) return undefined
      return { entries: [], change: { delivered: { ...delivered, [sink]: serial } } }
    })
  }

  /** Goes on with another key; what was proven by this one is proven by a hash from then on. @param said makes what is written of it */
  async changeKey(next: DataKey, said: (before: string) => Said): Promise<void> {
    await this.#write(next, async (head) => {
      const all = await this.#entries(head, 0)
      return linked(next, head, [JSON.stringify(said(hashOfEntries(all)))], { keyId: next.id })
    })
    this.#key = next
  }

  /** Its end, proven as far as this machine has not seen it; undefined where there is none. @throws FettleError `AUDIT_ALTERED`, `AUDIT_ROLLED_BACK`, `STATE_KEY_WRONG` */
  head(): Promise<Head | undefined> {
    return this.#inTurn(() => this.#opened())
  }

  /** Entries behind one, proven; all with 0. @throws FettleError as `head` */
  since(serial: number): Promise<readonly Recorded[]> {
    return this.#inTurn(async () => {
      const head = await this.#opened()
      return head === undefined ? [] : (await this.#entries(head, serial)).map(recordedIn)
    })
  }

  /**
   * Sets aside what cannot be proven, or is no more wanted, and begins another record.
   * @param keep is given what is there, before it goes
   */
  async beginAnew(keep: (kept: Kept | undefined) => Said): Promise<void> {
    await this.#inTurn(async () => {
      const said = keep(await this.#asked(() => this.#keeper.read()))
      await this.#asked(() => this.#keeper.drop())
      await this.#asked(() => this.#keeper.make(this.#first()))
      this.#head = await this.#asked(() => this.#keeper.head())
      this.#place.witness.remember({ head: this.#head as Head })
      return said
    }).then((said) => this.append([said]))
  }

  /** Goes on as a copy of another record, or as what such a copy lacks. @returns false where there is a record of its own, or of another place */
  async copyOf(other: AuditChain): Promise<boolean> {
    const from = await other.head()
    if (from === undefined) return true
    if (from.place !== this.#place.place) return false
    const entries = await other.#entries(from, 0)
    const first = sealed(this.#key, { ...this.#first(), lineage: from.lineage })
    const there = (await this.head()) ?? first
    if (there === first) await this.#asked(() => this.#keeper.make(first))
    if (there.seal === from.seal) return true
    const isCopy = there.lineage === from.lineage && (entries[there.serial - 1]?.link ?? "") === there.link
    if (!isCopy || there.serial > from.serial) return false
    return this.#asked(() => this.#keeper.append(undefined, there, from, entries.slice(there.serial)))
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => {})
    await this.#keeper.close()
  }

  #write(key: DataKey, step: (head: Head) => Promise<Step | undefined>): Promise<void> {
    return this.#inTurn(async () => {
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const from = this.#head ?? (await this.#opened()) ?? (await this.#made())
        const next = await step(from)
        if (next === undefined) return
        const { seal: _seal, ...open } = from
        const to = sealed(key, { ...open, ...next.change })
        if (await this.#put(from, to, next.entries)) return
        this.#head = undefined // somebody else has written
      }
      throw unreachable(this.name, "it gave way to others again and again", true)
    })
  }

  /** What was written though nobody heard the answer is found by its links, also where others went on from it. */
  async #put(from: Head, to: Head, entries: readonly Entry[]): Promise<boolean> {
    const last = entries.at(-1)
    const isDone = await this.#asked(async () => {
      if (await this.#keeper.append(undefined, from, to, entries)) return true
      if ((await this.#keeper.head())?.seal === to.seal) return true
      if (last === undefined) return false
      return (await this.#keeper.since(last.serial))[0]?.link === last.link ? "passed" : false
    })
    if (isDone === false) return false
    this.#head = isDone === true ? to : undefined
    if (isDone === true) this.#place.witness.remember({ head: to })
    return true
  }

  async #opened(): Promise<Head | undefined> {
    const { witness } = this.#place
    const seen = witness.look()
    const head = await this.#asked(() => this.#keeper.head())
    if (head === undefined) witness.refuseOlder(undefined, seen)
    if (head === undefined) return undefined
    proveHead(this.#key, this.#place, head)
    witness.refuseOlder({ head, entries: [] }, seen)
    if (seen !== undefined && seen.serial > 0)
      witness.refuseOlder({ head, entries: await this.#anchored(head, seen.serial) }, seen)
    this.#head = head
    return head
  }

  /** Entries behind one, proven. */
  async #entries(head: Head, serial: number): Promise<readonly Entry[]> {
    return serial === 0 ? this.#all(head) : (await this.#anchored(head, serial)).slice(1)
  }

  async #all(head: Head): Promise<readonly Entry[]> {
    const entries = await this.#read(head, 1)
    proveEntries(this.#key, this.name, head, { serial: 0, link: "" }, entries)
    return entries
  }

  /** An entry and those behind it. Its link is proven by the one after it, or by the head. */
  async #anchored(head: Head, serial: number): Promise<readonly Entry[]> {
    const [anchor, ...entries] = await this.#read(head, serial)
    if (anchor?.serial !== serial) throw altered(this.name, `entry ${serial} is missing`)
    if (proveEntries(this.#key, this.name, head, anchor, entries)) return [anchor, ...entries]
    return (await this.#all(head)).slice(serial - 1)
  }

  /** What came while it was read belongs to a later head. */
  async #read(head: Head, serial: number): Promise<readonly Entry[]> {
    const entries = await this.#asked(() => this.#keeper.since(serial))
    const more = entries.filter((each) => each.serial > head.serial)
    if (more.length > 0 && (await this.#asked(() => this.#keeper.head()))?.seal === head.seal)
      throw altered(this.name, `there is an entry ${more[0]?.serial} behind the last one`)
    return entries.filter((each) => each.serial <= head.serial)
  }

  async #made(): Promise<Head> {
    await this.#asked(() => this.#keeper.make(this.#first()))
    const made = await this.#opened()
    if (made === undefined) throw altered(this.name, "it was removed while it was begun")
    return made
  }

  #first(): Head {
    const empty = { base: 1, baseLink: "", serial: 0, link: "" }
    const { place } = this.#place
    return sealed(this.#key, { format: FORMAT, place, lineage: randomUUID(), keyId: this.#key.id, ...empty })
  }

  #asked<T>(work: () => Promise<T>): Promise<T> {
    return retrying(this.#place.patienceMs, work)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.catch(() => {}).then(work)
    this.#turn = turn
    return turn
  }
}

function linked(key: DataKey, head: Head, bodies: readonly string[], change: Partial<Head> = {}): Step {
  let { serial, link } = head
  const entries = bodies.map((body) => {
    serial += 1
    link = linkOf(key, head, link, { serial, body })
    return { serial, body, link }
  })
  return { entries, change: { ...change, serial, link } }
}

/** What a proven entry says. */
export function recordedIn({ serial, link, body }: Entry): Recorded {
  return { serial, link, ...(JSON.parse(body) as Said) }
}
