import { Automaton, type Pattern } from "./redact-automaton.ts"
import { Filter } from "./redact-filter.ts"
import { addMatch, type Region } from "./redact-regions.ts"

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** Below every prefix that the filter knows: a state this shallow costs nothing to find again. */
const SHALLOW = 3

/** A line break may stand inside a form after so many characters of an encoded line; tools wrap at 60, 64 or 76. */
const MIN_WRAPPED_CHARACTERS = 32

/** Shorter forms (of weak secrets) are not looked for across a line break. */
const MIN_FOLDED_BYTES = 8

const noText: Uint8Array = new Uint8Array()

const encodedBytes = new Uint8Array(256)
for (const byte of Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="))
  encodedBytes[byte] = 1

/** The forms of some secrets, ready to be looked for. */
export class PatternSet {
  readonly patterns: readonly Pattern[]
  readonly automaton: Automaton
  readonly filter: Filter | undefined

  constructor(patterns: readonly Pattern[]) {
    this.patterns = patterns
    this.automaton = new Automaton(patterns)
    this.filter = Filter.of(patterns)
  }
}

/** How many encoded characters stand directly before `at`, up to what a wrapped line needs. */
export function encodedBefore(text: Uint8Array, at: number, beforeText: number): number {
  let count = 0
  while (count < at && count < MIN_WRAPPED_CHARACTERS && encodedBytes[text[at - 1 - count] as number] === 1) count++
  return count === at ? Math.min(count + beforeText, MIN_WRAPPED_CHARACTERS) : count
}

/**
 * One pass over a text in pieces: looks at each byte once, skips where no form can begin, walks the automaton where
 * one may. Positions count from the start of the text given to `run`; `drop` moves that start.
 *
 * Beside the plain state it keeps a *folded* one while a form may have a line break inside, as `base64` and `xxd -p`
 * print it: a break (CR, LF or both) after at least 32 characters of encoded text counts as nothing.
 */
export class Scan {
  /** What was found since it was last emptied. */
  readonly regions: Region[] = []
  readonly #automaton: Automaton
  readonly #filter: Filter | undefined
  #text = noText
  #at = 0
  #state = 0
  /** 0 unless a form that began before a line break may still go on. */
  #folded = 0
  /** Begin and end of the line breaks inside what the folded state stands for. */
  #breaks: number[] = []
  #lineStart = 0
  #afterReturn = false
  #encodedBefore = 0
  #nextFeed = -1
  #nextReturn = -1

  constructor({ automaton, filter }: PatternSet) {
    this.#automaton = automaton
    this.#filter = filter
  }

  /** Reads on to the end of `text`. `encodedBefore`: how many encoded characters stood directly before the text. */
  run(text: Uint8Array, encodedBefore: number): void {
    this.#text = text
    this.#encodedBefore = encodedBefore
    this.#nextFeed = -1
    this.#nextReturn = -1
    while (this.#at < text.length) this.#walk(this.#skip())
    this.#state = this.#automaton.settle(this.#state)
    this.#folded = this.#automaton.settle(this.#folded)
    this.#text = noText // nothing keeps a text alive longer than its pass
  }

  /** No form that is still growing begins before this place. */
  get safe(): number {
    const plain = this.#at - this.#depth(this.#state)
    return this.#folded === 0 ? plain : Math.min(plain, this.#foldedStart(this.#at, this.#depth(this.#folded)))
  }

  /** The text given to the next run begins so many bytes later. */
  drop(bytes: number): void {
    this.#at -= bytes
    this.#lineStart = Math.max(this.#lineStart - bytes, -(2 ** 30)) // the exact column stops to matter long before
    this.#breaks = this.#breaks.map((place) => place - bytes)
  }

  /** Forgets the text read so far; what comes next is a new one. */
  restart(): void {
    this.regions.length = 0
    this.#at = 0
    this.#state = 0
    this.#unfold()
    this.#lineStart = 0
    this.#afterReturn = false
  }

  /** Goes to the next place worth a walk; returns where the walk may end again. */
  #skip(): number {
    const filter = this.#filter
    const depth = this.#depth(this.#state)
    if (filter === undefined) return this.#text.length
    if (depth > SHALLOW || this.#folded !== 0) return this.#at
    const from = this.#at - depth
    const begin = this.#seek(filter, from)
    if (begin !== from) {
      this.#state = 0
      this.#at = begin
    }
    return begin + filter.prefix
  }

  /** The first place where a form may begin, or where too little text is left or the line ends too soon to tell. */
  #seek(filter: Filter, from: number): number {
    const text = this.#text
    const tail = Math.max(from, text.length - filter.prefix + 1)
    let begin = from
    let lineEnd = this.#lineEnd(from)
    while (true) {
      const found = filter.find(text, begin, lineEnd, text.length)
      const nearEnd = Math.max(from, lineEnd - filter.prefix + 1)
      if (found !== -1 && found <= nearEnd) return found
      if (
        lineEnd < text.length &&
        this.#isWrapped(lineEnd) &&
        filter.mayCross(text, lineEnd, nextLine(text, lineEnd))
      ) {
        return Math.min(tail, nearEnd)
      }
      if (found !== -1) return found
      if (lineEnd === text.length) return tail
      this.#beginLine(lineEnd)
      begin = lineEnd
      lineEnd = this.#lineEnd(lineEnd + 1)
    }
  }

  #lineEnd(from: number): number {
    if (this.#nextFeed < from) this.#nextFeed = indexOf(this.#text, LINE_FEED, from)
    if (this.#nextReturn < from) this.#nextReturn = indexOf(this.#text, CARRIAGE_RETURN, from)
    return Math.min(this.#nextFeed, this.#nextReturn)
  }

  #beginLine(lineEnd: number): void {
    this.#lineStart = lineEnd + 1
    this.#afterReturn = this.#text[lineEnd] === CARRIAGE_RETURN
  }

  #isWrapped(lineEnd: number): boolean {
    return encodedBefore(this.#text, lineEnd, this.#encodedBefore) === MIN_WRAPPED_CHARACTERS
  }

  /** Byte by byte, to the end of the text or, from `exit` on, to where nothing longer is open. */
  #walk(exit: number): void {
    const text = this.#text
    const automaton = this.#automaton
    const depth = automaton.depth
    let state = this.#state
    let at = this.#at
    while (at < text.length) {
      const byte = text[at] as number
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN) this.#break(at, byte, state)
      else if (this.#folded !== 0) this.#stepFolded(at, byte)
      state = automaton.step(state, byte)
      at++
      const found = automaton.found(state)
      if (found !== undefined) addMatch(this.regions, at - found.bytes.length, at, found.owner)
      if (at >= exit && (depth[state] as number) <= SHALLOW && this.#folded === 0) break
    }
    this.#state = state
    this.#at = at
  }

  #break(at: number, byte: number, state: number): void {
    if (byte === LINE_FEED && this.#afterReturn && this.#lineStart === at) {
      if (this.#folded !== 0) this.#breaks[this.#breaks.length - 1] = at + 1 // CR LF is one break
    } else if (!this.#isWrapped(at)) this.#unfold()
    else this.#fold(at, state)
    this.#beginLine(at)
  }

  /** What the folded state stands for always holds what the plain one stands for in this line, so it goes first. */
  #fold(at: number, state: number): void {
    if (this.#folded === 0) {
      this.#folded = this.#automaton.settle(this.#automaton.shorten(state, at - this.#lineStart))
      this.#breaks = []
    } else {
      const start = this.#foldedStart(at, this.#depth(this.#folded))
      this.#breaks = this.#breaks.filter((place) => place > start)
    }
    if (this.#folded !== 0) this.#breaks.push(at, at + 1)
  }

  #unfold(): void {
    this.#folded = 0
    this.#breaks = []
  }

  #stepFolded(at: number, byte: number): void {
    const state = this.#automaton.step(this.#folded, byte)
    this.#folded = state
    if (this.#depth(state) <= at + 1 - this.#lineStart) {
      this.#unfold() // all of it stands in this line: the plain state's affair
      return
    }
    const found = this.#automaton.found(state)
    if (found === undefined || found.bytes.length < MIN_FOLDED_BYTES) return
    addMatch(this.regions, this.#foldedStart(at + 1, found.bytes.length), at + 1, found.owner)
  }

  /** Where a form of so many bytes begins that ends here, line breaks not counted. */
  #foldedStart(end: number, bytes: number): number {
    let left = bytes
    let segmentEnd = end
    for (let i = this.#breaks.length - 2; i >= 0; i -= 2) {
      const segment = segmentEnd - (this.#breaks[i + 1] as number)
      if (left <= segment) break
      left -= segment
      segmentEnd = this.#breaks[i] as number
    }
    return segmentEnd - left
  }

  #depth(state: number): number {
    return this.#automaton.depth[state] as number
  }
}

function nextLine(text: Uint8Array, lineEnd: number): number {
  return text[lineEnd] === CARRIAGE_RETURN && text[lineEnd + 1] === LINE_FEED ? lineEnd + 2 : lineEnd + 1
}

function indexOf(text: Uint8Array, byte: number, from: number): number {
  const at = text.indexOf(byte, from)
  return at === -1 ? text.length : at
}
