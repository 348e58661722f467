import { type ChildProcess, fork } from "node:child_process"
import { existsSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { asFettleError, causeText, FettleError } from "../errors.ts"

/** How long a read waits for a writer that holds the whole file, in milliseconds. */
const READ_BUSY_MS = 10_000
const READ_PAUSE_MS = 20
/** A file that was written this lately may be written again within the same tick of its clock. */
const SETTLED_MS = 50
/** A file that never settles is in use, and is read under SQLite's locks, as files in use are. */
const SETTLE_MS = 500
/** SQLite's primary result codes for "another connection is in the way": SQLITE_BUSY, SQLITE_LOCKED. */
const BUSY = new Set([5, 6])
/** SQLITE_READONLY_ROLLBACK: a writer died, and the file must be put back before it can be read. */
const HOT_JOURNAL = 776
/** Of what a child that dies writes to its standard error, this much is shown. */
const STDERR_CHARACTERS = 2_000
/** So much is kept until secrets are hidden in it. */
const STDERR_KEPT = 65_536

/**
 * Reads a database file in this thread: quick questions only. Makes no file, and waits while a writer holds the database.
 * The one thing it may write is the roll-back that SQLite owes after a writer was killed.
 * @returns undefined where there is no file
 * @throws FettleError `READ_FAILED` with SQLite's words
 */
export async function readDatabase<T>(
  path: string,
  signal: AbortSignal,
  ask: (database: DatabaseSync) => T,
): Promise<T | undefined> {
  const startedMs = performance.now()
  for (;;) {
    const waitedMs = performance.now() - startedMs
    try {
      return isThere(path) ? readOnce(path, waitedMs < SETTLE_MS, ask) : undefined
    } catch (thrown) {
      if (!isBusy(thrown) || waitedMs > READ_BUSY_MS)
        throw asFettleError(thrown, "READ_FAILED", `${path}: ${causeText(thrown)}`)
    }
    await sleep(READ_PAUSE_MS, undefined, { signal })
  }
}

function isThere(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return false
  if (stat.isFile()) return true // SQLite would wait for ever for the writer of a fifo
  throw new FettleError("READ_FAILED", `${path} is ${stat.isDirectory() ? "a directory" : "not a file"}`)
}

/** The file is written just now. */
class Unsettled extends Error {}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Unsettled || BUSY.has(codeOf(thrown) & 0xff)
}

function codeOf(thrown: unknown): number {
  return (thrown as { readonly errcode?: number } | undefined)?.errcode ?? 0
}

/**
 * Never by `fs`: closing a file gives up all locks that this process holds on it, those of SQLite's connections too.
 * Opening a quiet database in WAL mode would make files beside it, so what is quiet is read without locks.
 */
function readOnce<T>(path: string, mayWait: boolean, ask: (database: DatabaseSync) => T): T {
  if (mayWait && !isInUse(path)) return readUnlocked(path, ask)
  try {
    return asking(new DatabaseSync(path, { readOnly: true }), ask)
  } catch (thrown) {
    if (codeOf(thrown) !== HOT_JOURNAL) throw thrown
    return asking(new DatabaseSync(path), ask)
  }
}

function asking<T>(database: DatabaseSync, ask: (database: DatabaseSync) => T): T {
  try {
    return ask(database)
  } finally {
    database.close()
  }
}

/** @throws Unsettled where the file was written meanwhile, or so lately that its time might not tell */
function readUnlocked<T>(path: string, ask: (database: DatabaseSync) => T): T {
  const before = statSync(path, { bigint: true })
  if (Date.now() - Number(before.mtimeMs) < SETTLED_MS) throw new Unsettled(`${path} was written just now`)
  const url = new URL(`${pathToFileURL(path).href}?immutable=1`)
  const answer = asking(new DatabaseSync(url, { readOnly: true }), ask)
  const after = statSync(path, { bigint: true })
  const isSame = before.ino === after.ino && before.size === after.size && before.mtimeNs === after.mtimeNs
  if (!isSame || isInUse(path)) throw new Unsettled(`${path} was written while it was read`)
  return answer
}

/** Whether a connection, or one that was killed, has left its log beside the file. */
function isInUse(path: string): boolean {
  return existsSync(`${path}-wal`) || existsSync(`${path}-journal`)
}

/**
 * Runs a script of ours in a process of its own, hands it one message, and gives what it answers. Long statements of SQLite
 * cannot be interrupted in a thread; a process can be ended, and SQLite puts right what it leaves.
 * @param onMessage called for each message before the last
 * @param hide for what it writes to its standard error, which an error shows cut
 * @returns the message that has `end: true`
 * @throws FettleError `CHANGE_FAILED` where it ends without one
 */
export function runChild(
  script: URL,
  order: object,
  signal: AbortSignal,
  onMessage: (message: object) => void,
  hide: (text: string) => string = (text) => text,
): Promise<object> {
  signal.throwIfAborted()
  // detached: a Ctrl-C on the terminal is for us to judge. It ends by itself when this process does (its channel closes).
  const child = fork(script, {
    detached: true,
    env: {},
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  })
  return new Promise((resolve, reject) => {
    const stderr = tailOf(child)
    const kill = (): void => void child.kill("SIGKILL")
    signal.addEventListener("abort", kill, { once: true })
    child.on("message", (message: { readonly end?: boolean }) =>
      message.end === true ? resolve(message) : onMessage(message),
    )
    child.on("error", reject)
    child.on("exit", (code, killed) => {
      signal.removeEventListener("abort", kill)
      const said = hide(stderr()).slice(-STDERR_CHARACTERS).trim()
      const words = said === "" ? "" : `: ${said}`
      reject(
        new FettleError(
          "CHANGE_FAILED",
          `the process that works on the database ended with ${killed ?? `code ${code}`}${words}`,
        ),
      )
    })
    child.send(order)
  })
}

function tailOf(child: ChildProcess): () => string {
  let text = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-STDERR_KEPT)
  })
  return () => text
}
