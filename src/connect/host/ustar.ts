import { createReadStream } from "node:fs"
import { TAR_BLOCK, tarHeader, tarPadded } from "../tar-header.ts"

/** A regular file in a tar stream. */
export interface TarEntry {
  /** Relative, as the target shall name it. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  readonly content: Uint8Array | { readonly local: string; readonly sizeBytes: number }
}

/** A tar stream, and its length before any of it is read. */
export function tar(entries: readonly TarEntry[]): {
  readonly length: number
  readonly chunks: AsyncIterable<Uint8Array>
} {
  return { length: bytesOf(entries) + 2 * TAR_BLOCK, chunks: chunks(entries) }
}

/** How long these entries are in a stream, without its end. */
export function bytesOf(entries: readonly TarEntry[]): number {
  return entries.reduce((all, entry) => all + headersOf(entry).length + tarPadded(sizeOf(entry)), 0)
}

/** Small files go out together: one write for a header of 512 bytes would be most of the work. */
const FLUSH_BYTES = 262_144

async function* chunks(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = []
  let size = 0
  for (const entry of entries) {
    const headers = headersOf(entry)
    pending.push(headers)
    size += headers.length
    if (entry.content instanceof Uint8Array) {
      pending.push(entry.content)
      size += entry.content.length
    } else {
      yield Buffer.concat(pending)
      pending = []
      size = 0
      yield* exactly(entry.content.local, entry.content.sizeBytes)
    }
    const padding = tarPadded(sizeOf(entry)) - sizeOf(entry)
    if (padding > 0) pending.push(Buffer.alloc(padding))
    size += padding
    if (size < FLUSH_BYTES) continue
    yield Buffer.concat(pending)
    pending = []
    size = 0
  }
  pending.push(Buffer.alloc(2 * TAR_BLOCK))
  yield Buffer.concat(pending)
}

/** A local file, cut or filled up to the length that was announced: the hash on the far side tells that it changed. */
async function* exactly(path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let left = sizeBytes
  if (left > 0)
    for await (const chunk of createReadStream(path, {
      end: sizeBytes - 1,
      highWaterMark: FLUSH_BYTES,
    }) as AsyncIterable<Buffer>) {
      left -= chunk.length
      yield chunk
    }
  for (; left > 0; left -= Math.min(left, FLUSH_BYTES)) yield Buffer.alloc(Math.min(left, FLUSH_BYTES))
}

function sizeOf(entry: TarEntry): number {
  return entry.content instanceof Uint8Array ? entry.content.length : entry.content.sizeBytes
}

function headersOf(entry: TarEntry): Buffer {
  return tarHeader({ path: entry.path, mode: entry.mode, sizeBytes: sizeOf(entry) })
}
