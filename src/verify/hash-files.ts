import { createHash } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { FettleError } from "../errors.ts"
import { cpu } from "./cpu.ts"

/** Up to this size a file is hashed on the main thread: at 800 MB/s it holds the thread for 5 ms in all, in small steps. */
const LARGE_BYTES = 4 << 20
/** More files than this go to worker threads in batches: one message then pays for many files. */
const MANY = 200
/** Files of one batch. */
const BATCH = 250
/** Files open at once on the main thread. */
const OPEN_MAX = 32
/** Bytes read at once. */
const CHUNK_BYTES = 256 << 10
/** A fifo must not make us wait for its writer. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/** What a file holds, as text: `SIZE:SHA256`, or "absent", "folder", "special". Equal exactly where the contents are. */
export type FileToken = string

export const ABSENT: FileToken = "absent"

/**
 * Hashes the contents of files; nothing is concluded from their times. Each file is read once in the life of a hasher,
 * large or many files on worker threads.
 */
export class FileHasher {
  readonly #signal: AbortSignal
  readonly #known = new Map<string, Promise<FileToken>>()
  readonly #waiting: (() => void)[] = []
  #open = 0

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /**
   * One token for each path, in their order.
   * @throws FettleError `READ_FAILED` where a file is there and cannot be read
   */
  async hash(paths: readonly string[]): Promise<readonly FileToken[]> {
    const fresh = [...new Set(paths)].filter((path) => !this.#known.has(path))
    if (fresh.length > MANY) this.#hashMany(fresh)
    else for (const path of fresh) this.#remember(path, this.#hashOne(path))
    return Promise.all(paths.map((path) => this.#known.get(path) as Promise<FileToken>))
  }

  #remember(path: string, token: Promise<FileToken>): void {
    token.catch(() => {}) // whoever asks for it sees the error
    this.#known.set(path, token)
  }

  #hashMany(paths: readonly string[]): void {
    for (let at = 0; at < paths.length; at += BATCH) {
      const batch = paths.slice(at, at + BATCH)
      const tokens = inWorker(batch, this.#signal)
      for (const [index, path] of batch.entries())
        this.#remember(
          path,
          tokens.then((all) => all[index] as FileToken),
        )
    }
  }

  async #hashOne(path: string): Promise<FileToken> {
    if (this.#open >= OPEN_MAX) await new Promise<void>((go) => this.#waiting.push(go))
    else this.#open += 1
    try {
      return await hashHere(path, this.#signal)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#open -= 1
      else next()
    }
  }
}

async function inWorker(paths: readonly string[], signal: AbortSignal): Promise<readonly FileToken[]> {
  const hashAll = cpu<typeof hashFiles>(new URL(import.meta.url), "hashFiles", { signal })
  try {
    return await hashAll(paths)
  } catch (error) {
    if (signal.aborted) throw error
    throw unreadable(error)
  }
}

/** One file on this thread, in steps; a large one on a worker thread. */
async function hashHere(path: string, signal: AbortSignal): Promise<FileToken> {
  signal.throwIfAborted()
  let handle: FileHandle
  try {
    handle = await open(path, FLAGS)
  } catch (error) {
    return tokenOfFailure(path, error)
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return stat.isDirectory() ? "folder" : "special"
    if (stat.size > LARGE_BYTES) return (await inWorker([path], signal))[0] as FileToken
    return token(await handle.readFile({ signal }))
  } catch (error) {
    if (signal.aborted) throw error
    throw unreadable(error)
  } finally {
    await handle.close()
  }
}

function token(content: Uint8Array): FileToken {
  return `${content.length}:${createHash("sha256").update(content).digest("hex")}`
}

/** Run by worker threads: the tokens of files, one after another. */
export function hashFiles(paths: readonly string[]): readonly FileToken[] {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  return paths.map((path) => hashSync(path, buffer))
}

function hashSync(path: string, buffer: Buffer): FileToken {
  let file: number
  try {
    file = openSync(path, FLAGS)
  } catch (error) {
    return tokenOfFailure(path, error)
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) return stat.isDirectory() ? "folder" : "special"
    const hash = createHash("sha256")
    let size = 0
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, read))
      size += read
    }
    return `${size}:${hash.digest("hex")}`
  } finally {
    closeSync(file)
  }
}

/** A file that is not there is an answer; one that may not be read is not. */
function tokenOfFailure(path: string, error: unknown): FileToken {
  const code = (error as { code?: unknown }).code
  if (code === "ENOENT" || code === "ENOTDIR") return ABSENT
  if (code === "ENXIO") return "special" // a socket
  throw unreadable(error, path)
}

function unreadable(error: unknown, path?: string): FettleError {
  if (error instanceof FettleError) return error
  const words = error instanceof Error ? error.message : String(error)
  return new FettleError(
    "READ_FAILED",
    `an input or output cannot be read${path === undefined ? "" : ` (${path})`}: ${words}`,
    { cause: error },
  )
}
