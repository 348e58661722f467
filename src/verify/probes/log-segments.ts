import { createHash } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import type { LogMark } from "../../program/log-probes.ts"

/** One open file that holds a part of the log. */
export interface Segment {
  readonly file: number
  readonly inode: number
  readonly from: number
  readonly sizeBytes: number
  /** True for the file that the log is written to now. */
  readonly current: boolean
}

export interface Segments {
  /** In the order in which they were written. */
  readonly list: readonly Segment[]
  /** True where a part of the log since the mark is in neither file. */
  readonly lost: boolean
}

/**
 * The end of a log as a mark, for `since`: taken before a change, so that a check looks only at what came after it.
 * @example const mark = task("log mark", { run: () => markLog("/srv/shop/shop.log"), always: true })
 */
export async function markLog(path: string): Promise<LogMark> {
  const now = openOne(path)
  if (now === undefined) return NO_FILE
  try {
    return markAt(now.file, now.inode, now.sizeBytes)
  } finally {
    closeSync(now.file)
  }
}

/** Bytes before a mark that it knows again: a log that was truncated and has grown past it holds others there. */
const TAIL_BYTES = 64 << 10

/** A mark in an open file. */
export function markAt(file: number, inode: number, offsetBytes: number): LogMark {
  return { inode, offsetBytes, tail: tailHash(file, offsetBytes) }
}

function tailHash(file: number, offsetBytes: number): string {
  const buffer = Buffer.alloc(Math.min(TAIL_BYTES, offsetBytes))
  const read = readSync(file, buffer, 0, buffer.length, offsetBytes - buffer.length)
  return createHash("sha256").update(buffer.subarray(0, read)).digest("hex")
}

/** Whether an open file holds what stood before the mark. */
function holdsMark({ file, sizeBytes }: Opened, { offsetBytes, tail }: LogMark): boolean {
  return offsetBytes <= sizeBytes && (tail === undefined || tail === tailHash(file, offsetBytes))
}

/** A mark taken when there was no log: all that it will hold comes after. */
const NO_FILE: LogMark = { inode: 0, offsetBytes: 0 }

/** Where to look from: a mark, or an offset in a file of which nothing else is known. */
export type FileSince = "start" | number | LogMark

/**
 * Opens the files that hold the log since a mark: the log itself, and before it `PATH.1` where it was rotated meanwhile.
 * Undefined where there is no log. Whoever opens them closes them with `closeSegments`.
 */
export function openSegments(path: string, since: FileSince): Segments | undefined {
  const now = openOne(path)
  if (now === undefined) return undefined
  const mark = asMark(since, now.inode)
  const { inode, offsetBytes } = mark
  if (inode === now.inode && holdsMark(now, mark))
    return { list: [{ ...now, from: offsetBytes, current: true }], lost: false }
  const whole = { ...now, from: 0, current: true }
  if (inode === NO_FILE.inode) return { list: [whole], lost: false }
  const old = openOne(`${path}.1`)
  if (old === undefined) return { list: [whole], lost: true }
  // Renamed: it keeps its inode. Copied and truncated: the log keeps it, and the copy holds at least what was there.
  const holds = (inode === old.inode || inode === now.inode) && holdsMark(old, mark)
  return { list: [{ ...old, from: holds ? offsetBytes : 0, current: false }, whole], lost: !holds }
}

/** A bare offset can only be meant for the file that was there; above its size, that file was rotated. */
function asMark(since: FileSince, inode: number): LogMark {
  if (since === "start") return { inode, offsetBytes: 0 }
  return typeof since === "number" ? { inode, offsetBytes: since } : since
}

export function closeSegments({ list }: Segments): void {
  for (const { file } of list) closeSync(file)
}

/** How large an open file is by now. */
export function sizeNow(file: number): number {
  return fstatSync(file).size
}

type Opened = Pick<Segment, "file" | "inode" | "sizeBytes">

function openOne(path: string): Opened | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined
    throw error
  }
  const { ino, size, isFile } = withKind(file)
  if (isFile) return { file, inode: ino, sizeBytes: size }
  closeSync(file)
  throw new Error(`${path} is not a file`)
}

function withKind(file: number): { ino: number; size: number; isFile: boolean } {
  const found = fstatSync(file)
  return { ino: found.ino, size: found.size, isFile: found.isFile() }
}

/** Bytes read at once while looking for the end of a line. */
const STEP_BYTES = 65_536

/** Cuts a part of a file into ranges of whole lines of about `partBytes` each. */
export function lineRanges(
  file: number,
  from: number,
  to: number,
  partBytes: number,
): readonly { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = []
  let start = from
  while (start < to) {
    const end = start + partBytes >= to ? to : lineEndAfter(file, start + partBytes, to)
    ranges.push({ from: start, to: end })
    start = end
  }
  return ranges
}

function lineEndAfter(file: number, position: number, to: number): number {
  const buffer = Buffer.allocUnsafe(STEP_BYTES)
  for (let at = position; at < to; ) {
    const read = readSync(file, buffer, 0, Math.min(STEP_BYTES, to - at), at)
    if (read === 0) return to
    const found = buffer.subarray(0, read).indexOf(10)
    if (found >= 0) return at + found + 1
    at += read
  }
  return to
}
