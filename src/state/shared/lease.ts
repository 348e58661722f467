import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import { type Holder, locked, type OnWait } from "../lock.ts"
import { isAlive, machineHere } from "../machine.ts"
import type { Ledger, SeenLock, SharedHolder } from "./ledger.ts"
import { retrying } from "./retry.ts"

/** A lock is renewed so many times in its lease: two renewals may get lost. */
const RENEWALS = 3
/** A clock is taken as set back where a lock seems to be renewed so far in the future: seconds may be rounded. */
const AHEAD_MS = 2_000
/** How often a lock whose holder seems to be gone is looked at, in parts of its lease. */
const LOOKS = 8

const LOOK_MAX_MS = 5_000

/** Who takes a lock from here. */
export function sharedHolder(given: Omit<Holder, "since">): SharedHolder {
  return { ...given, nonce: randomUUID(), machine: machineHere() }
}

/** How long one may wait for a store that does not answer: no longer than others leave one its lock. */
export function patienceOf(leaseMs: number): number {
  return leaseMs / 2
}

/**
 * Takes the lock of a shared state. Whether a holder is gone is told by the server's clock alone: it renews its lease, and who has
 * not for as long as that is overtaken. Who has missed a renewal is waited for, since it is dead or will be back in a moment.
 * @param onOvertake is told who had it and did not let it go
 * @returns the fence: every write says it, so that who was overtaken writes nothing
 * @throws FettleError `STATE_LOCKED` saying who, where and since when
 */
export async function takeLease(
  ledger: Ledger,
  holder: SharedHolder,
  leaseMs: number,
  onWait: OnWait = () => {},
  onOvertake: (holder: Holder) => void = () => {},
): Promise<number> {
  let waitedFor: { readonly version: string; readonly from: number } | undefined
  for (;;) {
    const seen = await retrying(patienceOf(leaseMs), () => ledger.look())
    if (seen === undefined) throw new FettleError("STATE_WRITE", `${ledger.name} was removed while its lock was taken`)
    if (seen.holder?.nonce === holder.nonce) return seen.fence
    if (isFree(seen) || isOver(waitedFor, seen)) {
      if (await retrying(patienceOf(leaseMs), () => ledger.seize(seen, holder, leaseMs))) {
        if (seen.holder !== undefined) onOvertake(told(seen.holder, seen.since))
        return seen.fence + 1
      }
      waitedFor = undefined
      continue // who won is looked at: it may be us, where the first answer was lost
    }
    if (isFresh(seen) || (waitedFor !== undefined && waitedFor.version !== seen.version)) throw lockedBy(seen)
    if (waitedFor === undefined) onWait(holderIn(seen) as Holder, seen.leaseMs)
    waitedFor ??= { version: seen.version, from: performance.now() }
    await sleep(Math.min(seen.leaseMs / LOOKS || LOOK_MAX_MS, LOOK_MAX_MS)) // what a store says of a lease may be anything
  }
}

function isFree({ holder, ageMs, leaseMs }: SeenLock): boolean {
  return holder === undefined || ageMs >= leaseMs || isDeadHere(holder)
}

/** It was killed here: nobody needs to wait for its lease to end. */
function isDeadHere({ machine, pid }: SharedHolder): boolean {
  return machine === machineHere() && !isAlive(pid)
}

/** A server's clock that was set back never says that a lease is over: so it counts as over once it was watched for as long. */
function isOver(waited: { readonly version: string; readonly from: number } | undefined, seen: SeenLock): boolean {
  return waited?.version === seen.version && performance.now() - waited.from >= seen.leaseMs
}

function isFresh({ ageMs, leaseMs }: SeenLock): boolean {
  return ageMs > -AHEAD_MS && ageMs < (2 * leaseMs) / RENEWALS
}

function lockedBy(seen: SeenLock): FettleError {
  const seconds = Math.ceil(seen.leaseMs / 1_000)
  return locked(
    holderIn(seen),
    `wait for it to end; where it is dead or cut off, its lock frees itself within ${seconds} s`,
  )
}

/** Who holds a lock now. */
export function holderIn(seen: SeenLock | undefined): Holder | undefined {
  if (seen?.holder === undefined || isFree(seen)) return undefined
  return told(seen.holder, seen.since)
}

function told({ who, host, pid, command }: SharedHolder, since: string): Holder {
  return { who, host, pid, command, since }
}

/** A lock that is kept by renewing it. */
export class Lease {
  readonly #renew: () => Promise<boolean>
  readonly #leaseMs: number
  readonly #lost = new AbortController()
  readonly #timer: NodeJS.Timeout
  #renewed = now()

  /** @param renew gives false where the lock is somebody else's */
  constructor(renew: () => Promise<boolean>, leaseMs: number) {
    this.#renew = renew
    this.#leaseMs = leaseMs
    this.#timer = setInterval(() => void this.#beat(), leaseMs / RENEWALS)
    this.#timer.unref()
  }

  /** Aborted with an error when the lock is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** A write that was done has renewed it. @param asked when it was sent: it counts from there */
  renewedAt(asked: number): void {
    this.#renewed = Math.max(this.#renewed, asked)
  }

  /** Whether so long has passed that somebody else may have it: then it must be asked before anything begins. */
  get isDoubtful(): boolean {
    return now() - this.#renewed >= this.#leaseMs
  }

  /** Asks now. @throws FettleError `STATE_LOCK_LOST`, `STATE_UNREACHABLE` */
  async confirm(): Promise<void> {
    const asked = now()
    if (!(await this.#renew())) throw this.lose()
    this.renewedAt(asked)
  }

  /** An answer that does not come is none: at the end of its lease others may begin, so nothing may go on here. */
  async #beat(): Promise<void> {
    const late = sleep(this.#leaseMs / RENEWALS, undefined, { ref: false }).then(() => "late")
    const failed = await Promise.race([
      this.confirm().then(
        () => undefined,
        (thrown) => thrown,
      ),
      late,
    ])
    if (failed === undefined || !this.isDoubtful) return
    this.lose(
      failed instanceof FettleError ? failed : lockLost("the store has not answered for the whole of the lease"),
    )
  }

  lose(error: FettleError = lockLost()): FettleError {
    if (!this.#lost.signal.aborted) this.#lost.abort(error)
    this.end()
    return this.#lost.signal.reason as FettleError
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

/** Milliseconds that only grow, also while the machine sleeps or the process is stopped. */
export function now(): number {
  return Math.max(performance.now(), Date.now() - BEGUN)
}

const BEGUN = Date.now() - performance.now()

function lockLost(fact = "another run took the lock while this one was cut off"): FettleError {
  return new FettleError("STATE_LOCK_LOST", fact)
}
