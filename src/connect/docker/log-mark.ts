/** Times within so many seconds may be out of order: two outputs are stamped before they take turns at the file. */
const WINDOW_S = 2

interface Checkpoint {
  readonly from: string
  /** Records seen whose time is `from` or later. */
  count: number
}

/**
 * Remembers how far the log of a container was read, so that after a lost connection nothing is missed and nothing comes twice.
 *
 * The Engine can only be asked for what is not older than a time. So the mark goes a little back and passes over as many records as it has seen
 * since: the Engine filters one file in its own order, and what was seen is the beginning of what comes again.
 */
export class LogMark {
  #older: Checkpoint | undefined
  #newer: Checkpoint | undefined
  #newest = ""
  /** Records seen whose time is the newest. */
  #atNewest = 0
  #skip = 0

  /** From when to ask again, as the Engine takes it: seconds and nanoseconds. Undefined where nothing was seen. */
  get since(): string | undefined {
    return this.#older === undefined ? undefined : unixTime(this.#older.from)
  }

  /** Says that what was seen comes again. */
  again(): void {
    this.#skip = this.#older?.count ?? 0
  }

  /** Whether the next record was not seen before. A record without a time always counts as new. */
  isNew(time: string): boolean {
    if (time === "") return true
    if (this.#skip > 0) {
      // Where the beginning is missing (the log was rotated), what is newer than all that was seen is certainly new.
      if (time <= this.#newest) {
        if (this.#older !== undefined && time >= this.#older.from) this.#skip -= 1
        return false
      }
      this.#skip = 0
    }
    return true
  }

  /** Takes in the time of a record that was new and has come whole. */
  seen(time: string): void {
    if (time === "") return
    if (time > this.#newest) {
      this.#newest = time
      this.#atNewest = 1
    } else if (time === this.#newest) this.#atNewest += 1
    this.#older ??= { from: time, count: 0 }
    this.#newer ??= this.#older
    if (time >= this.#older.from) this.#older.count += 1
    if (this.#newer !== this.#older && time >= this.#newer.from) this.#newer.count += 1
    if (secondsOf(this.#newest) - secondsOf(this.#newer.from) < WINDOW_S) return
    this.#older = this.#newer
    this.#newer = { from: this.#newest, count: this.#atNewest }
  }
}

function secondsOf(time: string): number {
  return Date.parse(`${time.slice(0, 19)}Z`) / 1_000
}

function unixTime(time: string): string {
  return `${secondsOf(time)}.${time.slice(20, 29)}`
}
