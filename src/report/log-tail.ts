/** Longest line kept, in characters: about what a screen shows of it. */
const LINE_MAX = 500

/** The last lines of a log. */
export class LogTail {
  readonly #most: number
  #lines: string[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** Adds whole lines. */
  add(text: string): void {
    for (const line of linesOf(text, this.#most)) this.#lines.push(line)
    if (this.#lines.length > this.#most) this.#lines = this.#lines.slice(-this.#most)
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** The last line that says something. */
  get last(): string {
    return this.#lines.findLast((line) => line.trim() !== "") ?? ""
  }
}

/** The lines of a text, at most the last `most`; a progress bar that overwrites itself is as it was last. */
export function linesOf(text: string, most = Number.POSITIVE_INFINITY): readonly string[] {
  const end = text.endsWith("\n") ? text.length - 1 : text.length
  const lines: string[] = []
  for (let to = end; lines.length < most; ) {
    const from = to === 0 ? -1 : text.lastIndexOf("\n", to - 1)
    lines.push(asLastDrawn(text.slice(from + 1, to)))
    if (from === -1) break
    to = from
  }
  return lines.reverse()
}

function asLastDrawn(line: string): string {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line
  const drawn = text.slice(text.lastIndexOf("\r") + 1).replaceAll("\t", "    ")
  return drawn.length <= LINE_MAX ? drawn : `${drawn.slice(0, LINE_MAX)}…`
}
