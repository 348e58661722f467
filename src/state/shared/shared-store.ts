import type { DataKey } from "../../secrets/key.ts"
import type { Batch, EndedLine, NewRun, Run, Snapshot, Store, Whole } from "../store.ts"
import { linkOf, sealed } from "./chain.ts"
import { Lease, now, patienceOf } from "./lease.ts"
import type { Entry, Head, Ledger } from "./ledger.ts"
import { type LinkAt, type Operation, Remembered } from "./remembered.ts"
import { retrying } from "./retry.ts"

/** Characters of one entry that a whole state is written in. */
const PART_CHARACTERS = 1_000_000
/** Entries are folded into one once they hold more than this, and more than what they were last folded into. */
const FOLD_CHARACTERS = 1_000_000

/** Links of dropped entries that are remembered: some months of them, for a machine that was away. */
const LINKS_KEPT = 2_000

/** What a store that is open for writing begins with. */
interface Opened {
  readonly ledger: Ledger
  readonly key: DataKey
  readonly head: Head
  readonly entries: readonly Entry[]
  readonly remembered: Remembered
  readonly fence: number
  readonly leaseMs: number
}

/** State in a ledger, while its lock is held. Each transaction is an entry; its body says the fence, so no two holders write the same. */
export class SharedStore implements Store {
  readonly lease: Lease
  readonly #ledger: Ledger
  #key: DataKey
  readonly #remembered: Remembered
  readonly #fence: number
  readonly #patienceMs: number
  #head: Head
  #links: LinkAt[]
  #turn: Promise<unknown> = Promise.resolve()

  constructor({ ledger, key, head, entries, remembered, fence, leaseMs }: Opened) {
    this.#ledger = ledger
    this.#key = key
    this.#head = head
    this.#links = [...droppedLinks(entries), ...entries.map(({ serial, link }) => [serial, link] as const)]
    this.#remembered = remembered
    this.#fence = fence
    this.#patienceMs = patienceOf(leaseMs)
    this.lease = new Lease(() => this.#inTurn(() => ledger.renew(fence)), leaseMs)
  }

  get head(): Head {
    return this.#head
  }

  async load(): Promise<Snapshot> {
    return this.#remembered.snapshot(this.#head.keyId)
  }

  async beginRun({ id, command, who, startedAt }: NewRun): Promise<number> {
    await this.#write([{ type: "run", run: { id, command, who, startedAt } }])
    return this.#remembered.counts.run
  }

  async endRun(run: number, outcome: string, endedAt: number): Promise<void> {
    await this.#write([{ type: "end", run, outcome, endedAt }])
  }

  async commit(run: number, batch: Batch): Promise<readonly number[]> {
    await this.#write([{ type: "commit", run, batch }])
    const { seq } = this.#remembered.counts
    const count = batch.intents?.length ?? 0
    return Array.from({ length: count }, (_, at) => seq - count + 1 + at)
  }

  async runs(): Promise<readonly Run[]> {
    return this.#remembered.runs()
  }

  async entries(run: number): Promise<readonly EndedLine[]> {
    return this.#remembered.entries(run)
  }

  async dump(): Promise<Whole> {
    return this.#remembered.whole(this.#head.keyId)
  }

  async replace(whole: Whole, key: DataKey): Promise<void> {
    await this.#fold(Remembered.of(whole), { keyId: key.id }, key)
    this.#key = key
  }

  async leave(movedTo: string): Promise<void> {
    await this.#write([], { movedTo })
  }

  /** Writes all that is remembered anew where what led to it has become more than that. */
  async foldWhereLong(entries: readonly Entry[]): Promise<void> {
    const folded = entries.filter(({ body }) => isBase(body))
    const [all, base] = [entries, folded].map((some) => some.reduce((sum, { body }) => sum + body.length, 0))
    if ((all as number) - (base as number) > Math.max(FOLD_CHARACTERS, base as number))
      await this.#fold(this.#remembered)
  }

  /** Writes all of it in entries of its own, and drops those before. */
  #fold(all: Remembered, change: Partial<Pick<Head, "keyId">> = {}, key: DataKey = this.#key): Promise<void> {
    const { serial, link } = this.#head
    const links = this.#links.slice(-LINKS_KEPT)
    const parts = [...all.parts(PART_CHARACTERS)].map((part, at) => (at === 0 ? { ...part, links } : part))
    return this.#write(parts, { ...change, base: serial + 1, baseLink: link }, key)
  }

  /** The lock is let go, and the ledger stays open for who reads it. */
  async close(): Promise<void> {
    this.lease.end()
    await this.#turn.catch(() => {})
    if (!this.lease.lost.aborted) await this.#ledger.release(this.#fence).catch(() => {}) // its lease ends by itself
    await this.#ledger.close()
  }

  /** Writes one transaction after the other; renewing waits for its turn, too. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.catch(() => {}).then(work)
    this.#turn = turn
    return turn
  }

  #write(operations: readonly Operation[], change: Partial<Head> = {}, key = this.#key): Promise<void> {
    return this.#inTurn(async () => {
      if (this.lease.lost.aborted) throw this.lease.lost.reason
      for (const operation of operations) this.#remembered.refuse(operation)
      const { entries, head } = this.#linked(operations, change, key)
      await this.#append(head, entries)
      this.#head = head
      this.#links.push(...entries.map(({ serial, link }) => [serial, link] as const))
      for (const operation of operations) this.#remembered.apply(operation)
    })
  }

  #linked(operations: readonly Operation[], change: Partial<Head>, key: DataKey): { entries: Entry[]; head: Head } {
    let { serial, link } = this.#head
    const entries: Entry[] = []
    for (const operation of operations) {
      serial += 1
      const body = JSON.stringify({ by: this.#fence, ...operation })
      link = linkOf(key, this.#head, link, { serial, body })
      entries.push({ serial, body, link })
    }
    const { seal: _seal, ...open } = this.#head
    return { entries, head: sealed(key, { ...open, ...change, serial, link }) }
  }

  /** What was written although nobody heard the answer is found by its link: no two entries have the same. */
  async #append(to: Head, entries: readonly Entry[]): Promise<void> {
    const asked = now()
    const done = await retrying(this.#patienceMs, async () => {
      if (await this.#ledger.append(this.#fence, this.#head, to, entries)) return true
      return (await this.#ledger.head())?.seal === to.seal
    })
    if (!done) throw this.lease.lose()
    this.lease.renewedAt(asked)
    // It was stopped on the way: what was written stands, but nothing may begin that somebody else has settled by now.
    if (this.lease.isDoubtful && !(await this.#ledger.renew(this.#fence))) throw this.lease.lose()
  }
}

/** The links of entries that were dropped when those were folded that are there. */
export function droppedLinks([first]: readonly Entry[]): readonly LinkAt[] {
  const operation = first !== undefined && isBase(first.body) ? operationIn(first) : undefined
  return operation?.type === "base" ? (operation.links ?? []) : []
}

function isBase(body: string): boolean {
  return /^\{"by":\d+,"type":"base"/.test(body)
}

/** What an entry says was done. */
export function operationIn({ body }: Entry): Operation {
  return JSON.parse(body) as Operation
}
