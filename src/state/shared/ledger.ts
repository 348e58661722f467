import type { Holder } from "../lock.ts"

/** What every shared state begins with. All of it but the seal is in the seal. */
export interface Head {
  readonly format: number
  /** Which state it is: PROGRAM.STAGE. */
  readonly place: string
  /** Random: a state that is made anew is another one. */
  readonly lineage: string
  readonly keyId: string
  /** The first entry that is kept, and the link of the one before it. */
  readonly base: number
  readonly baseLink: string
  /** The last entry and its link; 0 and empty where there is none. */
  readonly serial: number
  readonly link: string
  /** Where it lives now: nobody goes on here. */
  readonly movedTo?: string | undefined
  /** Of a record that is sent to others: the last entry that each of them has. */
  readonly delivered?: Readonly<Record<string, number>> | undefined
  readonly seal: string
}

/** One transaction. Its link authenticates it and all before it. */
export interface Entry {
  readonly serial: number
  readonly body: string
  readonly link: string
}

/** All that a store holds of one state. */
export interface Kept {
  readonly head: Head
  readonly entries: readonly Entry[]
}

/** Who holds a shared lock, with what tells its process from every other one. */
export interface SharedHolder extends Omit<Holder, "since"> {
  /** Random: whoever hears no answer finds itself by it. */
  readonly nonce: string
  /** The machine and its space of process numbers. */
  readonly machine: string
}

/** A lock as it was seen. */
export interface SeenLock {
  /** Undefined where it is free. */
  readonly holder: SharedHolder | undefined
  /** ISO 8601, by the server's clock. */
  readonly since: string
  /** How long ago it was taken or renewed, by the server's clock alone. */
  readonly ageMs: number
  readonly leaseMs: number
  /** Grows each time it is taken: who was overtaken writes nothing. */
  readonly fence: number
  /** Another one after each renewal. */
  readonly version: string
}

/**
 * What keeps the entries of one chain. It neither reads nor believes what it keeps. Each write says what it follows and takes place as
 * a whole or not at all; one that finds something else gives false. Where no answer came, repeating it is harmless: it then gives false
 * although it was done, and who asked looks.
 * @throws FettleError `STATE_UNREACHABLE` where trying again may help, and others where it does not
 */
export interface Keeper {
  /** For people, without a password. */
  readonly name: string
  /** Undefined where there is none. */
  read(): Promise<Kept | undefined>
  /** Its head alone. */
  head(): Promise<Head | undefined>
  /** The entries from this one on. */
  since(serial: number): Promise<readonly Entry[]>
  /** Begins a chain where there is none. */
  make(head: Head): Promise<void>
  /** Writes entries behind the one of `from`; what is before the new base is dropped. @param fence of the lock that is renewed with it; undefined where there is none */
  append(fence: number | undefined, from: Head, to: Head, entries: readonly Entry[]): Promise<boolean>
  /** Takes all of it away. */
  drop(): Promise<void>
  close(): Promise<void>
}

/** A far store that keeps the entries of one state and its lock. */
export interface Ledger extends Keeper {
  /** Undefined where there is no state. */
  look(): Promise<SeenLock | undefined>
  /** Takes a lock that nobody renewed since it was seen. */
  seize(seen: SeenLock, holder: SharedHolder, leaseMs: number): Promise<boolean>
  renew(fence: number): Promise<boolean>
  release(fence: number): Promise<void>
}
