import { randomUUID } from "node:crypto"
import { FettleError } from "../../errors.ts"
import { type DataKey, findKey, type KeyPlaces } from "../../secrets/key.ts"
import type { Held, RecordPlace, StateHome } from "../home.ts"
import type { Holder, OnWait } from "../lock.ts"
import type { Whole } from "../store.ts"
import { refuseAltered, sealed } from "./chain.ts"
import { HolderNote } from "./holder-note.ts"
import { holderIn, patienceOf, sharedHolder, takeLease } from "./lease.ts"
import type { Head, Kept, Ledger } from "./ledger.ts"
import { Remembered } from "./remembered.ts"
import { retrying } from "./retry.ts"
import { operationIn, SharedStore } from "./shared-store.ts"
import { type Seen, Witness } from "./witness.ts"

/** The version of what stands in heads and entries. */
const FORMAT = 1

/** What a shared state is reached with. */
export interface SharedParts {
  /** PROGRAM.STAGE. */
  readonly place: string
  /** For people, without a password. */
  readonly name: string
  /** Opens a way to what is kept under a name; it is closed after each use. */
  readonly open: (place: string) => Ledger
  readonly leaseMs: number
  readonly keys: KeyPlaces
  /** Folder of state on this machine. */
  readonly folder: string
}

/** State in a store that machines share. Nothing of it is believed that its key does not prove. */
export class SharedHome implements StateHome {
  readonly isShared = true
  readonly name: string
  readonly record: RecordPlace
  readonly #parts: SharedParts
  readonly #witness: Witness
  readonly #note: HolderNote

  constructor(parts: SharedParts) {
    this.#parts = parts
    this.name = `${parts.name} (${parts.place})`
    this.#witness = new Witness(parts.folder, parts.place, parts.name)
    this.#note = new HolderNote(parts.folder, parts.place)
    const record = `${parts.place}/audit` // no name of a program or stage holds a slash
    this.record = {
      place: record,
      name: `${parts.name} (${record})`,
      open: () => parts.open(record),
      witness: new Witness(parts.folder, `${parts.place}.audit`, parts.name, "AUDIT_ROLLED_BACK"),
      patienceMs: patienceOf(parts.leaseMs),
    }
  }

  exists(): Promise<boolean> {
    return this.#with(async (ledger) => (await this.#asked(() => ledger.head())) !== undefined)
  }

  owner(): Promise<Holder | undefined> {
    return this.holder()
  }

  holder(): Promise<Holder | undefined> {
    return this.#with(async (ledger) => {
      const seen = await this.#asked(() => ledger.look())
      const holder = holderIn(seen)
      const isFromHere = holder !== undefined && this.#note.read() === seen?.holder?.nonce
      return holder === undefined ? undefined : { ...holder, isFromHere }
    })
  }

  read<T>(read: Parameters<StateHome["read"]>[0] & ((store: never) => Promise<T>)): Promise<T | undefined> {
    return this.#with(async (ledger) => {
      const seen = this.#witness.look()
      const kept = await this.#asked(() => ledger.read())
      if (kept === undefined) {
        this.#witness.refuseOlder(undefined, seen)
        return undefined
      }
      const { remembered } = this.#checked(kept, seen)
      const reader = {
        load: async () => remembered.snapshot(kept.head.keyId),
        runs: async () => remembered.runs(),
        entries: async (run: number) => remembered.entries(run),
        dump: async () => remembered.whole(kept.head.keyId),
      }
      return (await read(reader)) as T
    })
  }

  async readUnproven(): Promise<Whole | undefined> {
    const kept = await this.#with((ledger) => this.#asked(() => ledger.read()))
    return kept === undefined ? undefined : rememberedIn(kept).whole(kept.head.keyId)
  }

  async take(holder: Omit<Holder, "since">, onWait?: OnWait): Promise<Held> {
    const { leaseMs } = this.#parts
    const ledger = this.#parts.open(this.#parts.place)
    try {
      await this.#makeWhereNone(ledger)
      const taker = sharedHolder(holder)
      let overtook: Holder | undefined
      const fence = await takeLease(ledger, taker, leaseMs, onWait, (before) => {
        overtook = before
      })
      try {
        return { ...(await this.#opened(ledger, fence, this.#note.write(taker))), overtook }
      } catch (thrown) {
        await ledger.release(fence).catch(() => {})
        throw thrown
      }
    } catch (thrown) {
      await ledger.close()
      throw thrown
    }
  }

  async #opened(ledger: Ledger, fence: number, ended: () => void): Promise<Held> {
    const seen = this.#witness.look()
    const kept = await this.#asked(() => ledger.read())
    if (kept === undefined) throw new FettleError("STATE_WRITE", `${this.name} was removed while it was opened`)
    const { remembered, key } = this.#checked(kept, seen)
    const store = new SharedStore({ ledger, key, ...kept, remembered, fence, leaseMs: this.#parts.leaseMs })
    await store.foldWhereLong(kept.entries)
    this.#witness.remember(store)
    const release = async (): Promise<void> => {
      await store.close()
      ended()
      this.#witness.remember(store)
    }
    return { store, lost: store.lease.lost, release }
  }

  async #makeWhereNone(ledger: Ledger): Promise<void> {
    const seen = this.#witness.look()
    if ((await this.#asked(() => ledger.head())) !== undefined) return
    this.#witness.refuseOlder(undefined, seen)
    const key = this.#givenKey()
    const empty = { base: 1, baseLink: "", serial: 0, link: "" }
    const { place } = this.#parts
    const head = sealed(key, { format: FORMAT, place, lineage: randomUUID(), keyId: key.id, ...empty })
    await this.#asked(() => ledger.make(head))
  }

  /** What is kept, once all of it is proven. */
  #checked(kept: Kept, seen: Seen | undefined): { remembered: Remembered; key: DataKey } {
    const { head } = kept
    if (!(head.format <= FORMAT))
      throw new FettleError("STATE_NEWER", `${this.name} has format ${head.format}; this Fettle knows ${FORMAT}`)
    const key = this.#keyOf(head)
    refuseAltered(key, this.#parts.place, kept, this.name)
    this.#witness.refuseOlder(kept, seen)
    if (head.movedTo !== undefined) throw new FettleError("STATE_MOVED", `${this.name} was moved to ${head.movedTo}`)
    return { remembered: rememberedIn(kept), key }
  }

  #keyOf({ keyId }: Head): DataKey {
    const key = findKey(this.#parts.keys)
    const next = "set FETTLE_STATE_KEY, or FETTLE_STATE_KEY_FILE, to the key that the team shares"
    if (key === undefined)
      throw new FettleError("STATE_KEY_MISSING", `${this.name} needs its data key ${keyId}, and there is none here`, {
        next,
      })
    if (key.id !== keyId)
      throw new FettleError(
        "STATE_KEY_WRONG",
        `${this.name} is kept with data key ${keyId}; the one here is ${key.id}`,
        { next },
      )
    return key
  }

  /** A key that was made on this machine alone would keep everybody else out. */
  #givenKey(): DataKey {
    const key = this.#parts.keys.isGiven === true ? findKey(this.#parts.keys) : undefined
    if (key !== undefined) return key
    throw new FettleError("STATE_KEY_MISSING", `${this.name} is to be shared, and no data key was given for it`, {
      next: "openssl rand -base64 32 makes one; give it to everybody as FETTLE_STATE_KEY, or as a file with FETTLE_STATE_KEY_FILE",
    })
  }

  #asked<T>(work: () => Promise<T>): Promise<T> {
    return retrying(patienceOf(this.#parts.leaseMs), work)
  }

  async #with<T>(use: (ledger: Ledger) => Promise<T>): Promise<T> {
    const ledger = this.#parts.open(this.#parts.place)
    try {
      return await use(ledger)
    } finally {
      await ledger.close()
    }
  }
}

function rememberedIn({ entries }: Kept): Remembered {
  const remembered = new Remembered()
  for (const entry of entries) remembered.apply(operationIn(entry))
  return remembered
}
