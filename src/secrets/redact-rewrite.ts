import type { Region } from "./redact-regions.ts"

/** What stands in the place of a secret, in both shapes. */
export interface Marker {
  readonly text: string
  readonly bytes: Uint8Array
}

/** The text with a marker for each region. */
export function rewriteBytes(text: Uint8Array, regions: readonly Region[], markers: readonly Marker[]): Uint8Array {
  const pieces: Uint8Array[] = []
  let done = 0
  for (const { start, end, owner } of regions) {
    pieces.push(text.subarray(done, start), (markers[owner] as Marker).bytes)
    done = end
  }
  pieces.push(text.subarray(done))
  return joined(pieces)
}

/** The same for a string. Regions count the bytes of its UTF-8; half a character is hidden as a whole. */
export function rewriteText(text: string, regions: readonly Region[], markers: readonly Marker[]): string {
  const places = new CharacterPlaces(text)
  let rewritten = ""
  let done = 0
  for (const { start, end, owner } of regions) {
    rewritten += text.slice(done, places.before(start)) + (markers[owner] as Marker).text
    done = places.after(end)
  }
  return rewritten + text.slice(done)
}

/** The pieces in new memory: one of them may be a marker, which must stay as it is. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** Turns places in the UTF-8 of a text into places in the text; each question lies behind the one before. */
class CharacterPlaces {
  readonly #text: string
  #bytes = 0
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  before(bytes: number): number {
    while (this.#bytes + this.#sizeBytes() <= bytes && this.#at < this.#text.length) this.#next()
    return this.#at
  }

  after(bytes: number): number {
    while (this.#bytes < bytes) this.#next()
    return this.#at
  }

  #next(): void {
    const size = this.#sizeBytes()
    this.#bytes += size
    this.#at += size === 4 ? 2 : 1
  }

  #sizeBytes(): number {
    const code = this.#text.codePointAt(this.#at) ?? 0
    if (code < 0x80) return 1
    if (code < 0x800) return 2
    return code < 0x10000 ? 3 : 4 // half a surrogate pair becomes U+FFFD: 3 bytes
  }
}
