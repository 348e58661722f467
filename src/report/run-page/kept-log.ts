import { linesOf } from "../log-tail.ts"

/** Lines kept of the beginning and of the end of one node's log: enough to see how it began and why it ended. */
const HEAD_MAX = 500
const TAIL_MAX = 1_500

export interface LogLine {
  readonly stream: "stdout" | "stderr" | "fettle"
  readonly text: string
}

/** What a report keeps of one node's log: its beginning and its end. */
export class KeptLog {
  readonly #head: LogLine[] = []
  #tail: LogLine[] = []
  #left = 0

  add(stream: LogLine["stream"], text: string): void {
    for (const line of linesOf(text)) this.#addLine({ stream, text: line })
  }

  get head(): readonly LogLine[] {
    return this.#head
  }

  get tail(): readonly LogLine[] {
    this.#shorten()
    return this.#tail
  }

  /** How many lines stood between the two. */
  get left(): number {
    this.#shorten()
    return this.#left
  }

  #addLine(line: LogLine): void {
    if (this.#head.length < HEAD_MAX) {
      this.#head.push(line)
      return
    }
    this.#tail.push(line)
    if (this.#tail.length > 2 * TAIL_MAX) this.#shorten()
  }

  #shorten(): void {
    const over = this.#tail.length - TAIL_MAX
    if (over <= 0) return
    this.#left += over
    this.#tail = this.#tail.slice(over)
  }
}
