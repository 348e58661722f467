import { mergeRegions, type Region } from "./redact-regions.ts"
import { joined, type Marker } from "./redact-rewrite.ts"
import { encodedBefore, type PatternSet, Scan } from "./redact-scan.ts"

/** What a stream asks of its redactor. */
export interface Patterns {
  /** The same array as long as no secret was added. */
  sets(): readonly PatternSet[]
  readonly markers: readonly Marker[]
  hit(): void
}

export interface RedactorStream {
  /** What can be given on: all but a tail that may be the beginning of a form. May share memory with `chunk`. */
  write(chunk: Uint8Array): Uint8Array
  /**
   * The rest; the stream can then be used for another text. `cutOff`: its writer may have been stopped inside a
   * secret, so that a rest of 8 bytes or more, which is the beginning of one, is told as `[cut off…]`. Default: false.
   */
  end(how?: { readonly cutOff?: boolean }): Uint8Array
}

/** This many bytes are not the beginning of a secret by chance. */
const CUT_OFF_BYTES = 8

const CUT_OFF = Buffer.from("[cut off where a secret may begin]")

/**
 * Redacts a text that comes in chunks; the result does not depend on where they are cut. It holds back only bytes
 * that may be the beginning of a form: fewer than the longest form has, and its line breaks.
 */
export class ChunkRedactor implements RedactorStream {
  readonly #patterns: Patterns
  #sets: readonly PatternSet[] = []
  #scans: Scan[] = []
  /** The text from the first byte that may still become part of a match; all places below count from there. */
  readonly #tail = new Tail()
  #regions: Region[] = []
  /** Up to here everything was given out or hidden. */
  #done = 0
  /** The end of the last marker's text: what touches it needs no marker of its own. */
  #hiddenEnd = -1
  #encodedBefore = 0

  constructor(patterns: Patterns) {
    this.#patterns = patterns
  }

  write(chunk: Uint8Array): Uint8Array {
    const text = this.#tail.with(chunk)
    this.#useNewSets()
    let safe = text.length
    for (const scan of this.#scans) {
      scan.run(text, this.#encodedBefore)
      safe = Math.min(safe, scan.safe)
    }
    return this.#give(text, safe)
  }

  end({ cutOff = false }: { readonly cutOff?: boolean } = {}): Uint8Array {
    const text = this.#tail.with(new Uint8Array())
    const rest = this.#give(text, text.length, cutOff)
    this.#done = 0
    this.#hiddenEnd = -1
    this.#encodedBefore = 0
    for (const scan of this.#scans) scan.restart()
    return rest
  }

  /** After an `add` the held text is read again; what was found in it will be found once more, which does no harm. */
  #useNewSets(): void {
    const sets = this.#patterns.sets()
    if (sets === this.#sets) return
    this.#sets = sets
    this.#scans = sets.map((set) => new Scan(set))
  }

  #give(text: Uint8Array, safe: number, cutOff = false): Uint8Array {
    const found = this.#scans.some(({ regions }) => regions.length > 0)
    if (found) this.#regions = mergeRegions([this.#regions, ...this.#scans.map(({ regions }) => regions.splice(0))])
    const hidden = this.#regions.length === 0 ? [] : this.#hide(text, safe)
    const open = text.subarray(this.#done, Math.max(this.#done, safe))
    const rest = cutOff && open.length >= CUT_OFF_BYTES ? CUT_OFF : open
    this.#done = Math.max(this.#done, safe)
    const given = hidden.length === 0 ? this.#tail.own(rest) : joined([...hidden, rest])
    this.#drop(text, safe)
    return given
  }

  /** The markers that are certain by now, each with the text before it. */
  #hide(text: Uint8Array, safe: number): Uint8Array[] {
    const pieces: Uint8Array[] = []
    for (const { start, end, owner } of this.#regions) {
      if (start >= safe) break // a match still growing may begin before it
      if (start > this.#hiddenEnd) {
        pieces.push(text.subarray(this.#done, start), (this.#patterns.markers[owner] as Marker).bytes)
        this.#patterns.hit()
      }
      this.#done = Math.max(this.#done, end)
      this.#hiddenEnd = this.#done
    }
    this.#regions = this.#regions.filter(({ start }) => start >= safe)
    return pieces
  }

  #drop(text: Uint8Array, bytes: number): void {
    this.#encodedBefore = encodedBefore(text, bytes, this.#encodedBefore)
    this.#tail.keep(text, bytes)
    this.#done -= bytes
    this.#hiddenEnd -= bytes
    for (const scan of this.#scans) scan.drop(bytes)
    for (const region of this.#regions) {
      region.start -= bytes
      region.end -= bytes
      region.nameEnd -= bytes
    }
  }
}

/** A buffer above this is let go when it is empty. */
const KEPT_BYTES = 1 << 16

/** The bytes that are held back, in memory of its own: a chunk's memory is the caller's. Small chunks cost no more. */
class Tail {
  #buffer = new Uint8Array()
  #start = 0
  #end = 0

  /** What is held, then the chunk. Shares memory with one of both. */
  with(chunk: Uint8Array): Uint8Array {
    if (this.#start === this.#end) return chunk
    this.#append(chunk)
    return this.#buffer.subarray(this.#start, this.#end)
  }

  /** Holds what stands from `from` on in the text that `with` gave. */
  keep(text: Uint8Array, from: number): void {
    if (this.#start !== this.#end) {
      this.#start += from
    } else if (from < text.length) {
      this.#start = 0
      this.#end = 0
      this.#append(text.subarray(from))
    }
    if (this.#start === this.#end && this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array()
  }

  /** The same bytes in memory that the next chunk does not overwrite. */
  own(bytes: Uint8Array): Uint8Array {
    return bytes.buffer === this.#buffer.buffer ? bytes.slice() : bytes
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#end - this.#start + chunk.length
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(needed)
    this.#buffer.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** Twice what is needed, so that a byte is moved only a few times however small the chunks are. */
  #makeRoom(needed: number): void {
    const held = this.#buffer.subarray(this.#start, this.#end)
    const room = 2 * needed <= this.#buffer.length ? this.#buffer : new Uint8Array(2 * needed)
    room.set(held)
    this.#buffer = room
    this.#start = 0
    this.#end = held.length
  }
}
