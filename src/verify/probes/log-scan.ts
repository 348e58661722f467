import { isAscii } from "node:buffer"
import { readSync } from "node:fs"

/** Bytes read at once and looked at as one text: texts above 128 KB wait for a full garbage collection, in memory. */
const STEP_BYTES = 96 << 10
/** Longest line that is looked at whole, in bytes. */
const LONGEST_LINE_BYTES = 1 << 20
/** What is kept of the first matching line, in characters. */
const LINE_MAX = 400

export interface ScanRange {
  /** An open file: a rotation cannot take it away. */
  readonly file: number
  /** The beginning of a line. */
  readonly from: number
  readonly to: number
  readonly regex: string
  readonly flags: string
}

export interface Scanned {
  readonly count: number
  /** The first matching line, without its line break. */
  readonly first: string | undefined
  /** Where the last line begins that has no line break yet; `to` where there is none. */
  readonly restAt: number
  /** Whether that last line matches; it is not in `count`. */
  readonly restMatches: boolean
}

/**
 * Counts the lines of a part of a file that match. Memory is bounded whatever the file holds: a line above 1 MiB is
 * looked at in pieces. Run by worker threads.
 */
export function scan({ file, from, to, regex, flags }: ScanRange): Scanned {
  const counter = new LineCounter(regex, flags)
  const buffer = Buffer.allocUnsafeSlow(LONGEST_LINE_BYTES)
  let held = 0 // bytes at the front of the buffer that belong to a line whose end is not read yet
  let position = from
  while (position < to) {
    const read = readSync(file, buffer, held, Math.min(STEP_BYTES, LONGEST_LINE_BYTES - held, to - position), position)
    if (read === 0) break // it was truncated meanwhile
    position += read
    const filled = held + read
    const end = buffer.lastIndexOf(10, filled - 1) + 1
    const whole = end > 0 ? end : filled === LONGEST_LINE_BYTES ? filled : 0
    if (whole > 0) counter.add(textOf(buffer.subarray(0, whole)))
    buffer.copyWithin(0, whole, filled)
    held = filled - whole
  }
  const rest = held > 0 ? textOf(buffer.subarray(0, held)) : ""
  const restMatches = held > 0 && counter.matches(rest)
  return {
    count: counter.count,
    first: counter.first ?? (restMatches ? rest.slice(0, LINE_MAX) : undefined),
    restAt: position - held,
    restMatches,
  }
}

/** One byte is one character in most logs; decoding those costs a copy and no more. */
function textOf(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? "latin1" : "utf8")
}

/**
 * What can run on over line breaks (`[^"]*`, `[\s\w]*`, `\D*`), or looks at what does not follow: such patterns are tried
 * line by line, at half the speed. All others find at most too much in the whole text, and each line found is tried again.
 */
const CROSSES_LINES = /\[\^|\[[^\]]*\\[sWDP]|\\[DPpnrxucvf]|\(\?!|\(\?<!/

/** Counts matching lines. A pattern that cannot leave its line searches the whole text at once, many times as fast. */
class LineCounter {
  readonly #line: RegExp
  readonly #text: RegExp | undefined
  count = 0
  first: string | undefined

  constructor(regex: string, flags: string) {
    const plain = flags.replace(/[gy]/g, "")
    this.#line = new RegExp(regex, plain)
    if (!CROSSES_LINES.test(regex) && !plain.includes("s"))
      this.#text = new RegExp(regex, `${plain.replace("m", "")}gm`)
  }

  matches(line: string): boolean {
    return this.#line.test(line.endsWith("\r") ? line.slice(0, -1) : line)
  }

  /** Whole lines, each with its line break; the last one may lack it. */
  add(text: string): void {
    if (this.#text === undefined) this.#eachLine(text)
    else this.#search(text, this.#text)
  }

  #eachLine(text: string): void {
    for (let start = 0; start < text.length; ) {
      const end = endOfLine(text, start)
      this.#try(text.slice(start, end))
      start = end + 1
    }
  }

  #search(text: string, pattern: RegExp): void {
    pattern.lastIndex = 0
    for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
      if (found.index >= text.length && text.endsWith("\n")) return // behind the last line break there is no line
      const start = found.index === 0 ? 0 : text.lastIndexOf("\n", found.index - 1) + 1
      const end = endOfLine(text, found.index)
      this.#try(text.slice(start, end))
      pattern.lastIndex = end + 1
      if (end >= text.length) return
    }
  }

  #try(line: string): void {
    if (!this.matches(line)) return
    this.count += 1
    this.first ??= line.slice(0, LINE_MAX)
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from)
  return end < 0 ? text.length : end
}
