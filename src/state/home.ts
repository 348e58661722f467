import type { Holder, OnWait } from "./lock.ts"
import type { Keeper } from "./shared/ledger.ts"
import type { Witness } from "./shared/witness.ts"
import type { Store, Whole } from "./store.ts"

/** What can be asked of state that is only read. */
export type Reader = Pick<Store, "load" | "runs" | "entries" | "dump">

/** Where the state of one stage lives: in a file of this machine, or in a store that others use too. */
export interface StateHome {
  /** For people: a path, or an address without its password. */
  readonly name: string
  /** Others use it too: then its data key must be theirs as well. */
  readonly isShared: boolean
  /** Whether there is state. */
  exists(): Promise<boolean>
  /**
   * Reads without writing a byte, also beside a run; undefined where there is no state.
   * @throws FettleError `STATE_CORRUPT`, `STATE_NEWER`, `STATE_WRITE`, and of a shared one `STATE_UNREACHABLE`, `STATE_ALTERED`, `STATE_ROLLED_BACK`
   */
  read<T>(read: (store: Reader) => Promise<T>): Promise<T | undefined>
  /**
   * Takes the lock and opens state for writing, making it where there is none.
   * @param onWait is told once whose lock is waited for: a holder that seems to be gone
   * @throws FettleError `STATE_LOCKED`, and what `read` throws
   */
  take(holder: Omit<Holder, "since">, onWait?: OnWait): Promise<Held>
  /** Who seems to hold the lock; where that is told by a note, whether its process lives is asked on this machine alone. */
  owner(host: string): Promise<Holder | undefined>
  /** What is there, though nothing proves it: for who has lost the key. */
  readUnproven(): Promise<Whole | undefined>
  /** Who holds the lock for certain; nobody is kept from it. */
  holder(): Promise<Holder | undefined>
  /** Where the record of who did what lies: a chain of its own, beside the state. */
  readonly record: RecordPlace
}

/** Where the record of a stage lies. It has no lock: whoever writes says what he follows. */
export interface RecordPlace {
  /** Whose it is, in the seal of its head. */
  readonly place: string
  /** For people. */
  readonly name: string
  open(): Keeper
  readonly witness: Witness
  /** How long a store that does not answer is asked again, in milliseconds. */
  readonly patienceMs: number
}

/** State whose lock is held. */
export interface Held {
  readonly store: Store
  /** Who had the lock and did not let it go: a run that was killed or cut off. */
  readonly overtook?: Holder | undefined
  /** Aborted with the error that says it when the lock is somebody else's; a lock that only its owner's end frees has none. */
  readonly lost?: AbortSignal
  /** Closes state, and lets the lock go. */
  release(): Promise<void>
}
