import { escapeText } from "./escape.ts"
import { crop, displayWidth, splitAt } from "./width.ts"

export type Style = "plain" | "bold" | "dim" | "green" | "yellow" | "red" | "cyan" | "magenta" | "alarm"

/** A piece of a line: text as it is, or text in a style. */
export type Span = string | readonly [Style, string]

/** What a page is written for. */
export interface Look {
  readonly color: boolean
  readonly columns: number
}

/** Numbers of the SGR codes that begin and end a style; each line ends the styles that it began. */
const CODES: Readonly<Record<Exclude<Style, "plain">, readonly [string, string]>> = {
  bold: ["1", "22"],
  dim: ["2", "22"],
  green: ["32", "39"],
  yellow: ["33", "39"],
  red: ["31", "39"],
  cyan: ["36", "39"],
  magenta: ["35", "39"],
  alarm: ["1;31", "22;39"],
}

/** Narrowest page: below this, words are cut rather than wrapped into one letter a line. */
const COLUMNS_MIN = 20
/** Width where a terminal does not say. */
const COLUMNS_DEFAULT = 80
/** Longest single text shown, in characters: a fact may carry a whole page of somebody else's output. */
const TEXT_MAX = 2_000
/** Most lines of one entry: a text may consist of line breaks. */
const ENTRY_LINES_MAX = 40

/** A space at which no line is broken; it is shown as a space. */
const TIE = "\u00a0"

interface Piece {
  readonly style: Style
  readonly text: string
}

/**
 * Lines for a person. Every text is escaped here, at the one place through which all of them go, then wrapped and
 * painted; so no text from outside reaches a terminal as anything but text.
 */
export class Page {
  readonly lines: string[] = []
  readonly width: number
  readonly #color: boolean

  constructor({ color, columns }: Look) {
    this.width = Math.max(COLUMNS_MIN, columns > 0 ? Math.floor(columns) : COLUMNS_DEFAULT)
    this.#color = color
  }

  /** Adds one entry. What does not fit goes on below, indented by `hang`. */
  add(spans: readonly Span[], hang = 0): void {
    const rows = wrap(spans.map(piece), this.width, Math.min(hang, Math.floor(this.width / 2)))
    for (const row of rows.slice(0, ENTRY_LINES_MAX)) this.lines.push(this.#paint(row))
    if (rows.length <= ENTRY_LINES_MAX) return
    this.lines.push(
      this.#paint([{ style: "dim", text: `${" ".repeat(hang)}… ${rows.length - ENTRY_LINES_MAX} more lines` }]),
    )
  }

  /** Adds exactly one line; what does not fit into `width` is cut off. */
  addCropped(spans: readonly Span[], width = this.width): void {
    const row: Piece[] = []
    let room = width
    for (const { style, text } of spans.map(piece)) {
      if (room <= 0) break
      const shown = crop(text.replaceAll("\n", " "), room)
      row.push({ style, text: shown })
      room -= displayWidth(shown)
    }
    this.lines.push(this.#paint(row))
  }

  /** Adds a line of somebody else's output behind a mark, which also stands before each row that it is broken into. */
  addBehind(mark: Span, text: string): void {
    const { style, text: marked } = piece(mark)
    const before: Piece = { style, text: marked.replaceAll("\n", " ") }
    const room = Math.max(1, this.width - displayWidth(before.text))
    let rest = shownText(text.replaceAll("\n", " "))
    for (let rows = 0; rows === 0 || (rest !== "" && rows < ENTRY_LINES_MAX); rows += 1) {
      const [begin, end] = splitAt(rest, room)
      this.lines.push(this.#paint(trimmed([before, { style: "plain", text: begin }])))
      rest = end
    }
  }

  addEmpty(): void {
    this.lines.push("")
  }

  #paint(row: readonly Piece[]): string {
    return row
      .map((each) => (this.#color ? painted(each) : each.text))
      .join("")
      .replaceAll(TIE, " ")
  }
}

/** A text that is not broken between its words. */
export function together(text: string): string {
  return text.replaceAll(" ", TIE)
}

/** Columns that an entry takes if it is not wrapped. */
export function spansWidth(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + displayWidth(piece(span).text), 0)
}

/** A text as a page will show it. */
export function shownText(text: string): string {
  return escapeText(text.replaceAll("\r\n", "\n"), { keepNewlines: true, maxLength: TEXT_MAX })
}

function piece(span: Span): Piece {
  return typeof span === "string"
    ? { style: "plain", text: shownText(span) }
    : { style: span[0], text: shownText(span[1]) }
}

function painted({ style, text }: Piece): string {
  if (style === "plain" || text.trim() === "") return text
  const [begin, end] = CODES[style]
  return `\x1b[${begin}m${text}\x1b[${end}m`
}

/** Breaks pieces into rows: at line breaks, between words, and inside a word only where it fits no row. */
function wrap(pieces: readonly Piece[], width: number, hang: number): readonly (readonly Piece[])[] {
  const rows = new Rows(width, hang)
  for (const { style, text } of pieces) {
    if (!text.includes("\n") && rows.fits(text)) {
      rows.put(style, text)
      continue
    }
    for (const [word] of text.matchAll(/\n| +|[^ \n]+/g)) {
      if (word === "\n") rows.next()
      else rows.putWord(style, word)
    }
  }
  return rows.end()
}

class Rows {
  readonly #width: number
  readonly #hang: number
  readonly #rows: (readonly Piece[])[] = []
  #row: Piece[] = []
  #used = 0
  /** Columns that the row began with; a row with no more than these is empty. */
  #start = 0

  constructor(width: number, hang: number) {
    this.#width = width
    this.#hang = hang
  }

  fits(text: string): boolean {
    return this.#used + displayWidth(text) <= this.#width
  }

  put(style: Style, text: string): void {
    this.#row.push({ style, text })
    this.#used += displayWidth(text)
  }

  putWord(style: Style, word: string): void {
    const isSpace = word.startsWith(" ")
    if (this.fits(word)) {
      if (!isSpace || this.#used > this.#start || this.#rows.length === 0) this.put(style, word)
      return
    }
    if (isSpace) {
      this.next()
      return
    }
    const glued = this.#takeGlued()
    if (this.#used > this.#start) this.next()
    for (const each of glued) this.#putWhole(each.style, each.text)
    this.#putWhole(style, word)
  }

  /** Takes off the row what the next word continues: a comma never begins a row. Nothing where the row is one word. */
  #takeGlued(): readonly Piece[] {
    const at = this.#row.findLastIndex((each) => each.text.includes(" "))
    const last = this.#row[at]
    if (last === undefined || this.#used === this.#start) return []
    const cut = last.text.lastIndexOf(" ") + 1
    const before = [...this.#row.slice(0, at), { ...last, text: last.text.slice(0, cut) }]
    if (before.every((each) => each.text.trim() === "")) return []
    const glued = [{ ...last, text: last.text.slice(cut) }, ...this.#row.slice(at + 1)]
    this.#row = before
    this.#used = before.reduce((sum, each) => sum + displayWidth(each.text), 0)
    return glued
  }

  /** Puts a word, broken where it is wider than a row. */
  #putWhole(style: Style, word: string): void {
    let rest = word
    while (rest !== "") {
      const [begin, end] = splitAt(rest, this.#width - this.#used)
      if (!this.fits(begin) && this.#used > this.#start) {
        this.next()
        continue
      }
      this.put(style, begin)
      if (end !== "") this.next()
      rest = end
    }
  }

  next(): void {
    this.#rows.push(trimmed(this.#row))
    this.#row = this.#hang > 0 ? [{ style: "plain", text: " ".repeat(this.#hang) }] : []
    this.#used = this.#hang
    this.#start = this.#hang
  }

  end(): readonly (readonly Piece[])[] {
    const last = trimmed(this.#row)
    return last.length === 0 && this.#rows.length > 0 ? this.#rows : [...this.#rows, last]
  }
}

/** A row without spaces at its end. */
function trimmed(row: readonly Piece[]): readonly Piece[] {
  const last = row.findLastIndex((each) => each.text.trim() !== "")
  return row.slice(0, last + 1).map((each, index) => (index === last ? { ...each, text: each.text.trimEnd() } : each))
}
