/** Bytes kept of the end of each stream where the caller does not say: what fits on a few screens. */
const TAIL_BYTES = 65_536

/** The last bytes of a stream of any length. */
export class Tail {
  readonly #limit: number
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(limit: number = TAIL_BYTES) {
    this.#limit = limit
  }

  add(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#size += bytes.length
    if (this.#size > 2 * this.#limit + bytes.length) this.#trim()
  }

  bytes(): Uint8Array {
    this.#trim()
    return this.#chunks[0] ?? new Uint8Array()
  }

  #trim(): void {
    const all = Buffer.concat(this.#chunks)
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - this.#limit)))
    this.#chunks = [kept]
    this.#size = kept.length
  }
}
