import { FettleError } from "../errors.ts"
import type { Batch, NewIntent, Result, Row, Store } from "../state/store.ts"

interface Entry {
  readonly batch: Batch
  readonly resolve: (seqs: readonly number[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * The journal of one run. What is written in the same turn of the event loop, or while the transaction before it is on its way, goes into one synced transaction;
 * a promise resolves only when its lines are on the disk. After a failed sync nothing more is written: the run is over.
 */
export class Journal {
  readonly #store: Pick<Store, "commit">
  readonly #run: number
  #entries: Entry[] = []
  #isWriting = false
  #failure: unknown

  constructor(store: Pick<Store, "commit">, run: number) {
    this.#store = store
    this.#run = run
  }

  /** True after a write failed: nothing can be recorded any more. */
  get broken(): boolean {
    return this.#failure !== undefined
  }

  /** Writes intents; effects may start when it resolves. */
  begin(intents: readonly NewIntent[], also: Omit<Batch, "intents"> = {}): Promise<readonly number[]> {
    return this.write({ ...also, intents })
  }

  /** Writes how changes ended and what is known now. */
  end(results: readonly Result[], rows: readonly Row[], removed: Batch["removed"] = []): Promise<unknown> {
    return this.write({ results, rows, removed })
  }

  write(batch: Batch): Promise<readonly number[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      if (this.#entries.length === 0 && !this.#isWriting) setImmediate(() => void this.#flush())
      this.#entries.push({ batch, resolve, reject })
    })
  }

  /** What comes while a far store still writes goes into the next transaction. */
  async #flush(): Promise<void> {
    this.#isWriting = true
    while (this.#entries.length > 0) await this.#writeNow()
    this.#isWriting = false
  }

  async #writeNow(): Promise<void> {
    const entries = this.#entries
    this.#entries = []
    try {
      if (this.#failure !== undefined) throw this.#failure
      const seqs = await this.#store.commit(this.#run, joined(entries.map((each) => each.batch)))
      let at = 0
      for (const { batch, resolve } of entries) {
        const own = batch.intents?.length ?? 0
        resolve(seqs.slice(at, at + own))
        at += own
      }
    } catch (thrown) {
      this.#failure =
        thrown instanceof FettleError ? thrown : new FettleError("STATE_WRITE", String(thrown), { cause: thrown })
      for (const each of entries) each.reject(this.#failure)
    }
  }
}

function joined(batches: readonly Batch[]): Batch {
  if (batches.length === 1) return batches[0] as Batch
  return {
    intents: batches.flatMap((each) => each.intents ?? []),
    progress: batches.flatMap((each) => each.progress ?? []),
    results: batches.flatMap((each) => each.results ?? []),
    rows: batches.flatMap((each) => each.rows ?? []),
    removed: batches.flatMap((each) => each.removed ?? []),
    moved: batches.flatMap((each) => each.moved ?? []),
    targets: batches.flatMap((each) => each.targets ?? []),
    secrets: batches.flatMap((each) => each.secrets ?? []),
    orphaned: batches.flatMap((each) => each.orphaned ?? []),
  }
}
