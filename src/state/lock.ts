import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { causeText, FettleError } from "../errors.ts"
import { makeStateFolder } from "./folder.ts"
import { isAlive } from "./machine.ts"

/** Who holds a lock: told to whoever does not get it. */
export interface Holder {
  readonly who: string
  readonly host: string
  readonly pid: number
  readonly command: string
  /** ISO 8601. */
  readonly since: string
  /** Of a lock that machines share: its run was begun in this folder of this machine. */
  readonly isFromHere?: boolean
}

/** Hears whose lock is waited for, and how long that may take. */
export type OnWait = (holder: Holder, mostMs: number) => void

export interface Lock {
  /** Who had it and ended without letting it go. */
  readonly overtook: Holder | undefined
  release(): void
}

/** Locks that this process holds: a database that nobody refers to is closed by the garbage collector, and its lock is gone. */
const held = new Set<DatabaseSync>()

/** SQLite's result codes for a database that another process has locked. */
const BUSY = new Set([5, 6])
/** Longest wait for the gate, in milliseconds: who is in it takes the lock and writes a note, which lasts a few. */
const GATE_MS = 5_000
/** How often, and after how many milliseconds each, is looked again at a lock without a note: its owner is letting it go. */
const LOOKS = { most: 50, pauseMs: 10 }

/**
 * Takes the lock of a stage: an exclusive transaction on a file of its own, which the kernel ends when its process ends, however it ends.
 *
 * Beside it lies a note of its owner. A killed owner leaves its note behind, so a note proves nothing until the next owner
 * has written its own. That is why the lock is taken and the note written behind a gate, a second lock of the same sort:
 * whoever stands in the gate and finds the lock held knows that its owner has passed, and that the note is the owner's.
 *
 * @throws FettleError `STATE_LOCKED` saying who, where and since when
 */
export function takeLock(file: string, holder: Holder): Lock {
  try {
    makeStateFolder(dirname(file))
    return inGate(`${file}.gate`, () => take(file, holder))
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    if (isBusy(thrown)) throw locked(undefined)
    throw new FettleError("STATE_WRITE", `${file}: ${causeText(thrown)}`, { cause: thrown })
  }
}

function inGate<T>(file: string, work: () => T): T {
  const gate = new DatabaseSync(file)
  try {
    gate.exec(`pragma busy_timeout = ${GATE_MS}; begin exclusive`)
    return work()
  } finally {
    gate.close()
  }
}

function take(file: string, holder: Holder): Lock {
  for (let looks = 1; ; looks += 1) {
    const database = tryLock(file)
    if (database !== undefined) return noted(database, file, holder)
    const owner = noteOf(file)
    if (owner !== undefined || looks === LOOKS.most) throw locked(owner)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOKS.pauseMs)
  }
}

/** Undefined where another process has it. */
function tryLock(file: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file)
    database.exec("pragma busy_timeout = 0; pragma journal_mode = delete; begin exclusive")
    return database
  } catch (thrown) {
    database?.close()
    if (isBusy(thrown)) return undefined
    throw thrown
  }
}

function noted(database: DatabaseSync, file: string, holder: Holder): Lock {
  const overtook = noteOf(file)
  try {
    writeFileSync(`${file}.holder`, JSON.stringify(holder))
  } catch (thrown) {
    database.close()
    throw thrown
  }
  held.add(database)
  return {
    overtook,
    release: () => {
      held.delete(database)
      rmSync(`${file}.holder`, { force: true })
      database.exec("rollback")
      database.close()
    },
  }
}

function isBusy(thrown: unknown): boolean {
  return BUSY.has(((thrown as { errcode?: number }).errcode ?? 0) & 0xff)
}

/** That somebody else holds a lock. */
export function locked(holder: Holder | undefined, next?: string): FettleError {
  const words =
    holder === undefined
      ? "another process"
      : `${holder.who} on ${holder.host} (pid ${holder.pid}, fettle ${holder.command}, since ${holder.since})`
  return new FettleError("STATE_LOCKED", `${words} holds the lock`, {
    details: holder === undefined ? {} : { ...holder },
    next,
  })
}

/**
 * Who seems to hold a lock, by the note and whether its process lives: to try the lock would be in the way of a run.
 * @param host the name of this machine; of a process on another one nothing can be told, so it counts as alive
 */
export function ownerOf(file: string, host: string): Holder | undefined {
  const holder = noteOf(file)
  return holder === undefined || (holder.host === host && !isAlive(holder.pid)) ? undefined : holder
}

/**
 * Who holds a lock for certain, looked at behind the gate: no run is kept from it. Undefined where it is free, or its owner left no note.
 * @throws FettleError `STATE_WRITE` where the lock's file cannot be opened
 */
export function holderOf(file: string): Holder | undefined {
  if (!existsSync(file)) return undefined
  try {
    return inGate(`${file}.gate`, () => {
      const free = tryLock(file)
      free?.close()
      return free === undefined ? noteOf(file) : undefined
    })
  } catch (thrown) {
    throw new FettleError("STATE_WRITE", `${file}: ${causeText(thrown)}`, { cause: thrown })
  }
}

/** What the last owner of a lock wrote of itself; of one that was killed it stays. */
function noteOf(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(`${file}.holder`, "utf8")) as Holder
  } catch {
    return undefined
  }
}
