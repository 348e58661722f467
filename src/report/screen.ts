import { stripVTControlCharacters } from "node:util"
import { displayWidth } from "./width.ts"

/**
 * The lower end of a terminal: finished lines scroll above, an area below them is drawn anew. The cursor always rests
 * at the start of the line under the area and is never hidden, so that nothing has to be put right after a crash.
 * Only "cursor up" and "erase line" are used.
 */
export class Screen {
  readonly #write: (text: string) => void
  readonly #columns: () => number
  /** Columns that each line of the area takes. */
  #area: readonly number[] = []
  #drawn = ""

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write
    this.#columns = columns
  }

  /** Puts lines above the area and draws the area anew; writes nothing where nothing changed. */
  draw(above: readonly string[], area: readonly string[]): void {
    const drawn = area.map((line) => `${line}\n`).join("")
    if (above.length === 0 && drawn === this.#drawn) return
    const erase = "\x1b[1A\x1b[2K".repeat(this.#rows())
    this.#write(erase + above.map((line) => `${line}\n`).join("") + drawn)
    this.#area = area.map((line) => displayWidth(stripVTControlCharacters(line)))
    this.#drawn = drawn
  }

  /** Rows that the area takes now: a terminal that has become narrower has broken its lines. */
  #rows(): number {
    const columns = Math.max(1, this.#columns())
    return this.#area.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
  }
}
