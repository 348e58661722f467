import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { FettleError } from "../errors.ts"
import { type Holder, takeLock } from "../state/lock.ts"
import { readStore } from "../state/read-store.ts"
import { openStore } from "../state/sqlite.ts"
import { type Batch, EMPTY, type Run, type Snapshot, type Store } from "../state/store.ts"

/** Whose state is meant, and who asks. */
export interface StatePlace {
  /** The state file of a stage. */
  readonly file: string
  readonly holder: Omit<Holder, "since">
}

/** State while its lock is held. */
export interface StateEdit {
  readonly snapshot: Snapshot
  /** One synced transaction. @throws FettleError `STATE_WRITE` */
  write(batch: Batch): readonly number[]
}

interface EditOptions {
  readonly make?: boolean
  readonly keyId?: string | undefined
}

/** What state says, read without writing a byte. @throws FettleError `STATE_CORRUPT`, `STATE_NEWER` */
export function readState(file: string): Snapshot {
  return readStore(file, (store) => store.load()) ?? EMPTY
}

/** The last runs, newest first. @throws FettleError as `readState` */
export function readRuns(file: string): readonly Run[] {
  return readStore(file, (store) => store.runs()) ?? []
}

/**
 * Changes state by hand: takes the lock of the stage, and notes the change as a run, so that `fettle runs` says who did it.
 * @param options `make`: the state may be made here, else there must be one already; `keyId`: the data key of what is written
 * @throws FettleError `STATE_NOT_FOUND`, `STATE_LOCKED`, `STATE_CORRUPT`, `STATE_NEWER`, `STATE_WRITE` and what `work` throws
 * @example editState(place, (edit) => moveRow(edit, "host.file[a]", "host.file[b]"))
 */
export function editState<T>(place: StatePlace, work: (edit: StateEdit) => T, options: EditOptions = {}): T {
  const { file, holder } = place
  if (options.make !== true && !existsSync(file))
    throw new FettleError("STATE_NOT_FOUND", `there is no state yet: ${file}`)
  const lock = takeLock(file.replace(/\.db$/, ".lock"), { ...holder, since: new Date().toISOString() })
  let store: Store | undefined
  try {
    store = openStore(file)
    return editing(store, holder, work, options.keyId)
  } finally {
    store?.close()
    lock.release()
  }
}

function editing<T>(
  store: Store,
  holder: StatePlace["holder"],
  work: (edit: StateEdit) => T,
  keyId: string | undefined,
): T {
  const snapshot = store.load()
  let run: number | undefined
  const write = (batch: Batch): readonly number[] => {
    if (run === undefined) {
      const { command, who } = holder
      run = store.beginRun({ id: randomUUID(), command, who, startedAt: Date.now(), keyId })
    }
    return store.commit(run, batch)
  }
  let outcome = "failed"
  try {
    const result = work({ snapshot, write })
    outcome = "done"
    return result
  } finally {
    if (run !== undefined) store.endRun(run, outcome, Date.now())
  }
}
