import { randomUUID } from "node:crypto"
import { FettleError } from "../errors.ts"
import type { StateHome } from "../state/home.ts"
import type { Holder } from "../state/lock.ts"
import { type Batch, EMPTY, type Run, type Snapshot, type Store } from "../state/store.ts"
import { type Accounting, byHand } from "./account.ts"

/** Whose state is meant, and who asks. */
export interface StatePlace {
  readonly home: StateHome
  readonly holder: Omit<Holder, "since">
  /** How it is recorded who changed it. */
  readonly accounting?: Accounting | undefined
}

/** State while its lock is held. */
export interface StateEdit {
  readonly snapshot: Snapshot
  /** One synced transaction. @throws FettleError `STATE_WRITE` */
  write(batch: Batch): Promise<readonly number[]>
}

interface EditOptions {
  readonly make?: boolean
  readonly keyId?: string | undefined
  /** What is done, in the words of its command line. Default: the command. */
  readonly what?: string
  /** Flags by which a person overrides a refusal. */
  readonly forced?: readonly string[]
}

/** What state says, read without writing a byte. @throws FettleError `STATE_CORRUPT`, `STATE_NEWER` */
export async function readState(home: StateHome): Promise<Snapshot> {
  return (await home.read((store) => store.load())) ?? EMPTY
}

/** The last runs, newest first. @throws FettleError as `readState` */
export async function readRuns(home: StateHome): Promise<readonly Run[]> {
  return (await home.read((store) => store.runs())) ?? []
}

/**
 * Changes state by hand: takes the lock of the stage, and notes the change as a run, so that `fettle runs` says who did it.
 * @param options `make`: the state may be made here, else there must be one already; `keyId`: the data key of what is written
 * @throws FettleError `STATE_NOT_FOUND`, `STATE_LOCKED`, `STATE_CORRUPT`, `STATE_NEWER`, `STATE_WRITE` and what `work` throws
 * @example await editState(place, (edit) => moveRow(edit, "host.file[a]", "host.file[b]"))
 */
export async function editState<T>(
  place: StatePlace,
  work: (edit: StateEdit) => T | Promise<T>,
  options: EditOptions = {},
): Promise<T> {
  const { home, holder, accounting } = place
  if (options.make !== true && !(await home.exists()))
    throw new FettleError("STATE_NOT_FOUND", `there is no state yet: ${home.name}`)
  const held = await home.take(holder)
  const edit = (): Promise<T> => editing(held.store, holder, work, options.keyId)
  try {
    if (accounting === undefined) return await edit()
    const { what = holder.command, forced = [] } = options
    return await byHand(accounting, what, forced, async (trail) => {
      if (held.overtook !== undefined) await trail.note({ type: "lock.overtaken", from: held.overtook })
      return edit()
    })
  } finally {
    await held.release()
  }
}

async function editing<T>(
  store: Store,
  holder: StatePlace["holder"],
  work: (edit: StateEdit) => T | Promise<T>,
  keyId: string | undefined,
): Promise<T> {
  const snapshot = await store.load()
  let run: number | undefined
  const write = async (batch: Batch): Promise<readonly number[]> => {
    if (run === undefined) {
      const { command, who } = holder
      run = await store.beginRun({ id: randomUUID(), command, who, startedAt: Date.now(), keyId })
    }
    return store.commit(run, batch)
  }
  let outcome = "failed"
  try {
    const result = await work({ snapshot, write })
    outcome = "done"
    return result
  } finally {
    if (run !== undefined) await store.endRun(run, outcome, Date.now())
  }
}
