import { isAscii } from "node:buffer"
import { readSync } from "node:fs"
import { Literal } from "./log-literal.ts"

/** Bytes read at once and looked at as one text: texts above 128 KB wait for a full garbage collection, in memory. */
const STEP_BYTES = 96 << 10
/** Longest line that is looked at whole, in bytes. */
const LONGEST_LINE_BYTES = 1 << 20
/** What two pieces of a longer line have in common, in bytes: a match up to this long is whole in one of them. */
const OVERLAP_BYTES = 64 << 10
/** What is kept of the first matching line, in characters: far more than is told, so that secrets can be hidden before it is cut. */
const LINE_MAX = 65_536

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
  /** Whether a line was longer than what is looked at whole. */
  readonly cut: boolean
}

/**
 * Counts the lines of a part of a file that match. Memory is bounded whatever the file holds: a line above 1 MiB is
 * looked at in pieces that overlap. Run by worker threads.
 */
export function scan({ file, from, to, regex, flags }: ScanRange): Scanned {
  const counter = new LineCounter(regex, flags)
  const buffer = Buffer.allocUnsafeSlow(LONGEST_LINE_BYTES)
  let held = 0 // bytes at the front of the buffer that belong to a line whose end is not read yet
  let position = from
  let cut = false
  let lineAt = from // where that line begins
  while (position < to) {
    const read = readSync(file, buffer, held, Math.min(STEP_BYTES, LONGEST_LINE_BYTES - held, to - position), position)
    if (read === 0) break // it was truncated meanwhile
    position += read
    const filled = held + read
    const end = buffer.lastIndexOf(10, filled - 1) + 1
    let done = end
    if (end > 0) {
      counter.addBytes(buffer.subarray(0, end))
      lineAt = position - (filled - end)
    } else if (filled === LONGEST_LINE_BYTES) {
      cut = true
      counter.addPiece(textOf(buffer.subarray(0, filled)))
      done = filled - OVERLAP_BYTES
    }
    buffer.copyWithin(0, done, filled)
    held = filled - done
  }
  const rest = held > 0 ? textOf(buffer.subarray(0, held)) : ""
  const restMatches = held > 0 && counter.endsMatching(rest)
  return {
    count: counter.count,
    first: counter.first ?? (restMatches ? rest.slice(0, LINE_MAX) : undefined),
    restAt: held > 0 ? lineAt : position,
    restMatches,
    cut,
  }
}

/** Counts the matching lines of a text: each ends with a line break. Run by worker threads. */
export function scanText({
  text,
  regex,
  flags,
}: { readonly text: string } & Pick<ScanRange, "regex" | "flags">): Pick<Scanned, "count" | "first"> {
  const counter = new LineCounter(regex, flags)
  counter.add(text)
  return { count: counter.count, first: counter.first }
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
  readonly #literal: Literal | undefined
  /** Whether pieces of the line at hand have been looked at already, and whether one matched. */
  #isLong = false
  #longMatches = false
  count = 0
  first: string | undefined

  constructor(regex: string, flags: string) {
    const plain = flags.replace(/[gy]/g, "")
    this.#line = new RegExp(regex, plain)
    this.#literal = Literal.of(regex, plain)
    if (!CROSSES_LINES.test(regex) && !plain.includes("s"))
      this.#text = new RegExp(`(?:${regex})`, `${plain.replace("m", "")}gm`) // a bare text is searched at a quarter of the speed
  }

  /** A piece of a line that is too long; more of it follows. */
  addPiece(text: string): void {
    this.#longMatches ||= this.#findsIn(text, false)
    this.#isLong = true
  }

  /** Whether a line that is not complete yet matches as far as it goes. */
  endsMatching(rest: string): boolean {
    return this.#isLong ? this.#longMatches || this.#findsIn(rest, true) : this.#matches(rest)
  }

  /**
   * Searches a piece of a line. What touches a border that is none of the line's own may be half of something, or a word
   * that only looks like one: the neighbouring piece has it whole.
   */
  #findsIn(text: string, isLast: boolean): boolean {
    const pattern = new RegExp(this.#line, `${this.#line.flags}g`)
    for (const { index, 0: found } of text.matchAll(pattern))
      if ((index > 0 || !this.#isLong) && (index + found.length < text.length || isLast)) return true
    return false
  }

  /** The end of a line of which pieces were looked at before; gives where the next one begins. */
  #endLong(text: string): number {
    const end = endOfLine(text, 0)
    if (this.#longMatches || this.#findsIn(withoutReturn(text.slice(0, end)), true)) this.#count(text.slice(0, end))
    this.#isLong = false
    this.#longMatches = false
    return end + 1
  }

  #matches(line: string): boolean {
    return this.#line.test(withoutReturn(line))
  }

  /** Whole lines, each with its line break. */
  addBytes(lines: Buffer): void {
    const isDone =
      !this.#isLong &&
      this.#literal?.eachLine(lines, (from, to) => {
        this.count += 1
        this.first ??= textOf(lines.subarray(from, to)).slice(0, LINE_MAX)
      })
    if (isDone !== true) this.add(textOf(lines))
  }

  /** Whole lines, each with its line break; the last one may lack it. */
  add(whole: string): void {
    const text = this.#isLong ? whole.slice(this.#endLong(whole)) : whole
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
    if (this.#matches(line)) this.#count(line)
  }

  #count(line: string): void {
    this.count += 1
    this.first ??= line.slice(0, LINE_MAX)
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from)
  return end < 0 ? text.length : end
}
