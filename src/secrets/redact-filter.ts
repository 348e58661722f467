import type { Pattern } from "./redact-automaton.ts"

/** Four bytes are looked at in one place of a text. */
const GRAM = 4
/** A longer beginning would allow larger steps, but 8 is the length of the shortest secret. */
const MAX_PREFIX = 8

/**
 * Finds the places of a text where a pattern may begin, at a fraction of the automaton's cost.
 *
 * All patterns have at least `prefix` bytes. The text is sampled every `stride` bytes, so that each beginning of a
 * pattern has a sample inside; a bit set tells whether the sample's four bytes occur there in any pattern. Where they
 * do, a second bit set is asked for whole beginnings. Both err only to the safe side.
 */
export class Filter {
  /** How many first bytes of the patterns are compared. */
  readonly prefix: number
  readonly #stride: number
  readonly #grams: Int32Array
  readonly #gramShift: number
  readonly #prefixes: Int32Array
  readonly #prefixShift: number
  readonly #seam = new Uint8Array(2 * (MAX_PREFIX - 1))

  /** Undefined where a pattern is too short to skip anything. */
  static of(patterns: readonly Pattern[]): Filter | undefined {
    const shortest = patterns.reduce((least, { bytes }) => Math.min(least, bytes.length), MAX_PREFIX)
    return shortest < GRAM ? undefined : new Filter(patterns, shortest)
  }

  private constructor(patterns: readonly Pattern[], prefix: number) {
    this.prefix = prefix
    this.#stride = prefix - GRAM + 1
    this.#gramShift = shiftFor(patterns.length * this.#stride * 32)
    this.#prefixShift = shiftFor(patterns.length * 64)
    this.#grams = new Int32Array(2 ** (32 - this.#gramShift - 5))
    this.#prefixes = new Int32Array(2 ** (32 - this.#prefixShift - 5))
    for (const { bytes } of patterns) {
      for (let at = 0; at < this.#stride; at++) setBit(this.#grams, gramHash(bytes, at) >>> this.#gramShift)
      setBit(this.#prefixes, prefixHash(bytes, 0, prefix) >>> this.#prefixShift)
    }
  }

  /** The first place in `from` to `stop` where a pattern may begin and has its prefix before `end`; else -1. */
  find(text: Uint8Array, from: number, stop: number, end: number): number {
    const stride = this.#stride
    const grams = this.#grams
    const shift = this.#gramShift
    const last = Math.min(stop + stride - 1, end - GRAM + 1)
    for (let at = from; at < last; at += stride) {
      const hash = gramHash(text, at) >>> shift
      if (((grams[hash >>> 5] as number) & (1 << hash)) === 0) continue
      const found = this.#beginning(text, Math.max(from, at - stride + 1), Math.min(at, stop - 1, end - this.prefix))
      if (found !== -1) return found
    }
    return -1
  }

  /** Whether a pattern may begin before `lineEnd` and go on at `lineStart`; true where too little text is there to tell. */
  mayCross(text: Uint8Array, lineEnd: number, lineStart: number): boolean {
    const reach = this.prefix - 1
    if (lineEnd < reach || lineStart + reach > text.length) return true
    for (let i = 0; i < reach; i++) {
      this.#seam[i] = text[lineEnd - reach + i] as number
      this.#seam[reach + i] = text[lineStart + i] as number
    }
    return this.#beginning(this.#seam, 0, reach - 1) !== -1
  }

  #beginning(text: Uint8Array, first: number, last: number): number {
    for (let at = first; at <= last; at++) {
      const hash = prefixHash(text, at, this.prefix) >>> this.#prefixShift
      if (((this.#prefixes[hash >>> 5] as number) & (1 << hash)) !== 0) return at
    }
    return -1
  }
}

/** For a bit set of about so many bits: between 4 KiB and 1 MiB, so that it stays in the processor's caches. */
function shiftFor(bits: number): number {
  return 32 - Math.min(23, Math.max(15, Math.ceil(Math.log2(bits + 1))))
}

function setBit(bits: Int32Array, index: number): void {
  bits[index >>> 5] = (bits[index >>> 5] as number) | (1 << index)
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

// The high bits of a product depend on all bits of the word.
function gramHash(bytes: Uint8Array, at: number): number {
  return Math.imul(word(bytes, at), 0x9e3779b1)
}

function prefixHash(bytes: Uint8Array, at: number, prefix: number): number {
  const first = Math.imul(word(bytes, at), 0x85ebca6b)
  return Math.imul(first ^ (first >>> 15) ^ word(bytes, at + prefix - GRAM), 0x9e3779b1)
}
