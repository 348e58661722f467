import { FettleError } from "../../errors.ts"

const HEADER_BYTES = 8
const SYSTEM = 3
/** Of an error that the Engine puts into the stream, this much is shown. */
const ERROR_CHARACTERS = 2_000

/** Which output a piece belongs to. */
export type OutputStream = "stdout" | "stderr"

/**
 * Takes one piece of a frame. `isLast` says that its frame ends with it: a frame is one entry of a log.
 * The bytes are a view of the chunk they came in; who keeps them copies them.
 */
export type OnPiece = (stream: OutputStream, bytes: Buffer, isLast: boolean) => void

/**
 * Parts the one stream of a container without a terminal into its two outputs. Each frame has a header of eight bytes: the stream,
 * three zeros, the length. Nothing is copied or kept, so a frame may be of any length and cut anywhere; time is linear in the bytes.
 */
export class Demultiplexer {
  readonly #onPiece: OnPiece
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #leftBytes = 0
  #stream = 0
  #error = ""

  constructor(onPiece: OnPiece) {
    this.#onPiece = onPiece
  }

  /** @throws FettleError `DOCKER_PROTOCOL` for what is no frame, `DOCKER_FAILED` for an error in the stream */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#leftBytes === 0) {
        at = this.#takeHeader(chunk, at)
        continue
      }
      const to = Math.min(chunk.length, at + this.#leftBytes)
      this.#leftBytes -= to - at
      this.#give(chunk.subarray(at, to))
      at = to
    }
  }

  /** Says that nothing more comes. @throws FettleError `DOCKER_FAILED` where that is in the middle of a frame */
  end(): void {
    if (this.#leftBytes > 0 || this.#headerBytes > 0)
      throw new FettleError("DOCKER_FAILED", "the stream of a container broke off in the middle of a frame", {
        details: { cut: true },
      })
  }

  /** Reads what is there of a header; gives where it ends. */
  #takeHeader(chunk: Buffer, from: number): number {
    if (this.#headerBytes === 0 && from + HEADER_BYTES <= chunk.length) {
      this.#begin(chunk, from)
      return from + HEADER_BYTES
    }
    const to = Math.min(chunk.length, from + HEADER_BYTES - this.#headerBytes)
    chunk.copy(this.#header, this.#headerBytes, from, to)
    this.#headerBytes += to - from
    if (this.#headerBytes < HEADER_BYTES) return to
    this.#headerBytes = 0
    this.#begin(this.#header, 0)
    return to
  }

  #begin(bytes: Buffer, at: number): void {
    const word = bytes.readUInt32BE(at)
    if ((word & 0x00_ff_ff_ff) !== 0 || word >>> 24 > SYSTEM)
      throw new FettleError("DOCKER_PROTOCOL", "what came is not the stream of a container without a terminal")
    this.#stream = word >>> 24
    this.#leftBytes = bytes.readUInt32BE(at + 4)
    if (this.#leftBytes === 0) this.#give(bytes.subarray(0, 0))
  }

  #give(bytes: Buffer): void {
    const isLast = this.#leftBytes === 0
    if (this.#stream !== SYSTEM) {
      this.#onPiece(this.#stream === 2 ? "stderr" : "stdout", bytes, isLast)
      return
    }
    this.#error = (this.#error + bytes.toString("utf8")).slice(0, ERROR_CHARACTERS)
    if (isLast) throw new FettleError("DOCKER_FAILED", `the Engine ended the stream: ${this.#error}`)
  }
}
