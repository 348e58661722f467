import { closeSync, constants, openSync, readSync } from "node:fs"
import { open } from "node:fs/promises"
import { FettleError } from "../../errors.ts"
import { type ContextEntry, unreadable } from "./context-walk.ts"

/** Up to here a file is read in one call: a turn of the event loop costs more than reading it. */
export const WHOLE_MAX_BYTES = 262_144
const PIECE_BYTES = 1_048_576

/** A link or a pipe that took a file's place since it was listed is neither followed nor waited for. */
const HOW = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Reads a small file into `bytes`, which has room for one byte more: that it stays unread proves that the file did not grow.
 * @throws FettleError `BUILD_CONTEXT_UNREADABLE` where it cannot be read or is no longer as long as when it was listed
 */
export function readInto(bytes: Buffer, at: number, context: string, entry: ContextEntry): void {
  let read = 0
  try {
    const file = openSync(`${context}/${entry.path}`, HOW)
    try {
      // Less than was asked for is the end of a regular file.
      read = readSync(file, bytes, at, entry.sizeBytes + 1, null)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw unreadable(entry.path, error)
  }
  if (read !== entry.sizeBytes) throw changed(entry, read)
}

/**
 * The contents of a file of any size, piece by piece and no faster than they are taken.
 * @throws FettleError `BUILD_CONTEXT_UNREADABLE` where it cannot be read, or changed meanwhile
 */
export async function* piecesOf(context: string, entry: ContextEntry): AsyncGenerator<Buffer> {
  if (entry.sizeBytes <= WHOLE_MAX_BYTES) {
    const bytes = Buffer.allocUnsafe(entry.sizeBytes + 1)
    readInto(bytes, 0, context, entry)
    if (entry.sizeBytes > 0) yield bytes.subarray(0, entry.sizeBytes)
    return
  }
  const file = await open(`${context}/${entry.path}`, HOW).catch((error: unknown) => {
    throw unreadable(entry.path, error)
  })
  try {
    let left = entry.sizeBytes
    while (left > 0) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(left, PIECE_BYTES))
      const { bytesRead } = await file.read(bytes, 0, bytes.length)
      if (bytesRead === 0) throw changed(entry, entry.sizeBytes - left)
      left -= bytesRead
      yield bytes.subarray(0, bytesRead)
    }
    const now = await file.stat()
    if (now.size !== entry.sizeBytes || now.mtimeMs !== entry.mtimeMs) throw changed(entry, now.size)
  } catch (error) {
    throw error instanceof FettleError ? error : unreadable(entry.path, error)
  } finally {
    await file.close()
  }
}

function changed({ path, sizeBytes }: ContextEntry, now: number): FettleError {
  const how = now === sizeBytes ? "its contents changed" : now < sizeBytes ? "it became shorter" : "it grew"
  return new FettleError("BUILD_CONTEXT_UNREADABLE", `${path} changed while it was being read: ${how}`, {
    details: { path },
    next: "let nothing write there during a build, or name it in .dockerignore; then build again",
  })
}
