/** One who waits in a line. */
export interface Waiting<T> {
  readonly item: T
  before: Waiting<T> | undefined
  behind: Waiting<T> | undefined
  gone: boolean
}

/** First come, first served; anyone may leave from the middle. Each step costs the same however long the line is. */
export class Line<T> {
  #first: Waiting<T> | undefined
  #last: Waiting<T> | undefined
  #length = 0

  get first(): Waiting<T> | undefined {
    return this.#first
  }

  get length(): number {
    return this.#length
  }

  join(item: T): Waiting<T> {
    const waiting: Waiting<T> = { item, before: this.#last, behind: undefined, gone: false }
    if (this.#last === undefined) this.#first = waiting
    else this.#last.behind = waiting
    this.#last = waiting
    this.#length += 1
    return waiting
  }

  /** Takes one out of this line; false where it had already left. */
  leave(waiting: Waiting<T>): boolean {
    if (waiting.gone) return false
    waiting.gone = true
    const { before, behind } = waiting
    if (before === undefined) this.#first = behind
    else before.behind = behind
    if (behind === undefined) this.#last = before
    else behind.before = before
    this.#length -= 1
    return true
  }
}
