/** Entries that wait at most for a slow reader, for all sources together. */
const WAITING_MAX = 4_096

/**
 * Brings what many sources give into one line for one reader. Who gives waits while the line is full, so a slow reader slows the
 * sources and memory stays as it is.
 */
export class Turnstile<T> {
  #batches: (readonly T[])[] = []
  #waiting = 0
  #sources = 0
  #failed: { readonly error: unknown } | undefined
  #wakeReader = (): void => {}
  #wakeGivers: (() => void)[] = []

  /** Adds a source; the line ends when all of them have. */
  source(work: Promise<void>): void {
    this.#sources += 1
    const ended = (): void => {
      this.#sources -= 1
      this.#wakeReader()
    }
    work.then(ended, (error) => {
      this.#failed ??= { error }
      ended()
    })
  }

  /** Puts a batch into the line; resolves when there is room for more. */
  give(batch: readonly T[]): Promise<void> | undefined {
    if (batch.length === 0) return undefined
    this.#batches.push(batch)
    this.#waiting += batch.length
    this.#wakeReader()
    if (this.#waiting < WAITING_MAX) return undefined
    return new Promise((resolve) => this.#wakeGivers.push(resolve))
  }

  /** Lets everybody go who waits: nobody reads any more. */
  close(): void {
    for (const wake of this.#wakeGivers.splice(0)) wake()
  }

  /** The next batches, in the order they came; undefined at the end. @throws what the first source failed with */
  async take(): Promise<readonly (readonly T[])[] | undefined> {
    while (this.#batches.length === 0) {
      if (this.#failed !== undefined) throw this.#failed.error
      if (this.#sources === 0) return undefined
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
    const taken = this.#batches
    const givers = this.#wakeGivers
    this.#batches = []
    this.#wakeGivers = []
    this.#waiting = 0
    for (const wake of givers) wake()
    return taken
  }
}
