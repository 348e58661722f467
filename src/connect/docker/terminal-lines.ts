import type { OnPiece } from "./demultiplexer.ts"

const NEWLINE = 0x0a

/** Parts the stream of a container with a terminal into its lines, in the place of frames: a terminal has one output. */
export class TerminalLines {
  readonly #onPiece: OnPiece
  #isInLine = false

  constructor(onPiece: OnPiece) {
    this.#onPiece = onPiece
  }

  push(chunk: Buffer): void {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#onPiece("stdout", chunk.subarray(from, at + 1), true)
      from = at + 1
      this.#isInLine = false
    }
    if (from === chunk.length) return
    this.#onPiece("stdout", chunk.subarray(from), false)
    this.#isInLine = true
  }

  /** Says that nothing more comes: the last line may have no end. */
  end(): void {
    if (this.#isInLine) this.#onPiece("stdout", Buffer.alloc(0), true)
    this.#isInLine = false
  }
}
