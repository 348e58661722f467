import { createReadStream } from "node:fs"

/** Bytes of a tar block. */
const BLOCK = 512
/** Longest name and prefix of a ustar header; longer paths travel in a GNU long-name entry, which busybox reads too. */
const NAME_MAX = 100
const PREFIX_MAX = 155

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
  const length = entries.reduce((all, entry) => all + headersOf(entry).length + padded(sizeOf(entry)), 2 * BLOCK)
  return { length, chunks: chunks(entries) }
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
    const padding = padded(sizeOf(entry)) - sizeOf(entry)
    if (padding > 0) pending.push(Buffer.alloc(padding))
    size += padding
    if (size < FLUSH_BYTES) continue
    yield Buffer.concat(pending)
    pending = []
    size = 0
  }
  pending.push(Buffer.alloc(2 * BLOCK))
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

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

function headersOf(entry: TarEntry): Buffer {
  const path = Buffer.from(entry.path)
  const split = splitPath(path)
  if (split !== undefined) return header(split.name, split.prefix, entry.mode, sizeOf(entry), "0")
  const long = Buffer.alloc(padded(path.length + 1))
  path.copy(long)
  const announce = header(Buffer.from("././@LongLink"), undefined, 0, path.length + 1, "L")
  return Buffer.concat([announce, long, header(path.subarray(0, NAME_MAX), undefined, entry.mode, sizeOf(entry), "0")])
}

/** Name and prefix of a ustar header, split at a slash; undefined where the path does not fit. */
function splitPath(path: Buffer): { name: Buffer; prefix: Buffer | undefined } | undefined {
  if (path.length <= NAME_MAX) return { name: path, prefix: undefined }
  const at = path.indexOf(47, path.length - NAME_MAX - 1)
  if (at < 1 || at > PREFIX_MAX || at === path.length - 1) return undefined
  return { name: path.subarray(at + 1), prefix: path.subarray(0, at) }
}

function header(name: Buffer, prefix: Buffer | undefined, mode: number, size: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK)
  name.copy(block, 0)
  block.write(octal(mode, 8), 100, "latin1")
  block.write(octal(0, 8), 108, "latin1")
  block.write(octal(0, 8), 116, "latin1")
  writeSize(block, size)
  block.write(octal(0, 12), 136, "latin1")
  block.write(" ".repeat(8), 148, "latin1")
  block.write(type, 156, "latin1")
  block.write(type === "L" ? "ustar  \0" : "ustar\x0000", 257, "latin1")
  prefix?.copy(block, 345)
  const sum = block.reduce((all, byte) => all + byte, 0)
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
  return block
}

/** Eleven octal digits hold 8 GB; above that the number is written in base 256, as GNU and busybox read it. */
function writeSize(block: Buffer, size: number): void {
  if (size < 8 ** 11) {
    block.write(octal(size, 12), 124, "latin1")
    return
  }
  block.writeUInt32BE(0x80000000, 124)
  block.writeBigUInt64BE(BigInt(size), 128)
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`
}
