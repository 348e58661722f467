import type { OutputStream } from "./demultiplexer.ts"

/** Longest piece of a line that is given at once: four of the Engine's own. What is longer goes on in the next entry. */
export const LINE_MAX_BYTES = 65_536
/** A time of the Engine has 30 to 35 characters. */
const TIME_MAX_BYTES = 64
const SPACE = 0x20
const NEWLINE = 0x0a
const RETURN = 0x0d

/** A line that a container wrote. */
export interface LogEntry {
  /** The container, as it was named to `logs`. */
  readonly container: string
  readonly stream: OutputStream
  /** When the Engine took it, in nanoseconds: "2026-11-26T05:13:36.123456789Z". */
  readonly time: string
  /** Without its end of line. */
  readonly text: string
  /** True where the line goes on in the next entry of the same stream: it is longer than 64 KiB, or was not ended. */
  readonly more: boolean
}

/** Knows which records were seen before. */
export interface Records {
  /** Asked once for each record, in order, with its time. */
  isNew(time: string): boolean
  /** Told when a record has come whole. */
  seen(time: string): void
}

interface Line {
  time: string
  pieces: Buffer[]
  sizeBytes: number
}

/**
 * Makes entries of the records of one container. A record begins with its time; the Engine cuts a long line into several records, of
 * which only the last ends with a newline, and they are joined again. Keeps at most one bounded line of each stream.
 */
export class EntryReader {
  readonly #container: string
  readonly #records: Records
  readonly #give: (entry: LogEntry) => void
  readonly #lines: Record<OutputStream, Line> = {
    stdout: { time: "", pieces: [], sizeBytes: 0 },
    stderr: { time: "", pieces: [], sizeBytes: 0 },
  }
  /** The beginning of a record whose time has not come whole. */
  #head: Buffer | undefined
  /** Where a record is: before its time, in its text, or being passed over. */
  #at: "time" | "text" | "known" = "time"
  /** The time of the record that is being read. */
  #time = ""
  /** Bytes of its text that were taken. */
  #takenBytes = 0
  /** Bytes of the next record's text that were taken before its stream broke off. */
  #passBytes = 0

  constructor(container: string, records: Records, give: (entry: LogEntry) => void) {
    this.#container = container
    this.#records = records
    this.#give = give
  }

  /** Takes one piece of a record. */
  take(stream: OutputStream, bytes: Buffer, isLast: boolean): void {
    const text = this.#at === "time" ? this.#afterTime(stream, bytes, isLast) : bytes
    if (text !== undefined && this.#at === "text") this.#add(stream, this.#untaken(text), isLast)
    if (!isLast) return
    if (this.#at === "text") this.#records.seen(this.#time)
    this.#at = "time"
  }

  /** Gives what was not ended, because nothing more comes. */
  end(): void {
    for (const stream of ["stdout", "stderr"] as const)
      if (this.#lines[stream].sizeBytes > 0) this.#flush(stream, this.#lines[stream].sizeBytes, true)
  }

  /** Says that the stream broke off. A record that was being read comes again as a whole: what was taken of it is passed over. */
  breakOff(): void {
    if (this.#at === "text") this.#passBytes += this.#takenBytes
    this.#head = undefined
    this.#at = "time"
  }

  /** Reads the time of a record; gives what follows it, or undefined where it has not come whole. */
  #afterTime(stream: OutputStream, bytes: Buffer, isLast: boolean): Buffer | undefined {
    const all = this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes])
    const space = all.indexOf(SPACE)
    if (space < 0 && all.length < TIME_MAX_BYTES && !isLast) {
      this.#head = Buffer.from(all)
      return undefined
    }
    this.#head = undefined
    const time = space > 0 && space < TIME_MAX_BYTES ? canonicalTime(all.toString("latin1", 0, space)) : undefined
    this.#time = time ?? ""
    this.#takenBytes = 0
    this.#at = this.#records.isNew(this.#time) ? "text" : "known"
    const line = this.#lines[stream]
    if (line.sizeBytes === 0) line.time = time ?? ""
    return time === undefined ? all : all.subarray(space + 1)
  }

  #untaken(bytes: Buffer): Buffer {
    this.#takenBytes += bytes.length
    if (this.#passBytes === 0) return bytes
    const passed = Math.min(this.#passBytes, bytes.length)
    this.#passBytes -= passed
    return bytes.subarray(passed)
  }

  #add(stream: OutputStream, bytes: Buffer, isLast: boolean): void {
    const line = this.#lines[stream]
    const isEnded = isLast && bytes[bytes.length - 1] === NEWLINE
    if (isEnded && line.sizeBytes === 0 && bytes.length <= LINE_MAX_BYTES) {
      this.#tell(stream, line.time, bytes.toString("utf8", 0, textEnd(bytes)), false)
      return
    }
    if (bytes.length > 0) line.pieces.push(Buffer.from(bytes))
    line.sizeBytes += bytes.length
    while (line.sizeBytes > LINE_MAX_BYTES) this.#flush(stream, LINE_MAX_BYTES, true)
    if (isEnded) this.#flush(stream, line.sizeBytes, false)
  }

  #flush(stream: OutputStream, upToBytes: number, more: boolean): void {
    const line = this.#lines[stream]
    const all = line.pieces.length === 1 ? (line.pieces[0] as Buffer) : Buffer.concat(line.pieces)
    const to = more ? characterEnd(all, upToBytes) : all.length
    this.#tell(stream, line.time, all.toString("utf8", 0, more ? to : textEnd(all)), more)
    line.pieces = to < all.length ? [all.subarray(to)] : []
    line.sizeBytes = all.length - to
  }

  #tell(stream: OutputStream, time: string, text: string, more: boolean): void {
    this.#give({ container: this.#container, stream, time, text, more })
  }
}

/** Where a line's text ends: before "\n" or "\r\n". */
function textEnd(bytes: Buffer): number {
  const end = bytes[bytes.length - 1] === NEWLINE ? bytes.length - 1 : bytes.length
  return bytes[end - 1] === RETURN ? end - 1 : end
}

/** The nearest end of a character of UTF-8 at or before a place. */
function characterEnd(bytes: Buffer, at: number): number {
  if (at >= bytes.length) return bytes.length
  for (let end = at; end > at - 4 && end > 0; end -= 1) if (((bytes[end] as number) & 0xc0) !== 0x80) return end
  return at
}

/**
 * A time in UTC with nine digits, so that times compare as texts; undefined for what is none.
 * @example canonicalTime("2026-11-26T06:13:36.5+01:00") // "2026-11-26T05:13:36.500000000Z"
 */
export function canonicalTime(text: string): string | undefined {
  if (text.length === 30 && text[29] === "Z" && text[19] === "." && text[10] === "T") return text
  const [, seconds, fraction = "", zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}${zone}`)
  if (Number.isNaN(ms)) return undefined
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(9, "0")}Z`
}
