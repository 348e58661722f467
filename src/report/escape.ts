export interface EscapeOptions {
  /** Leave line feeds as they are, for text that is shown over several lines. Default: false. */
  readonly keepNewlines?: boolean
  /** The most characters (UTF-16 units) of escaped text, the mark at the end not counted. Default: 10,000. */
  readonly maxLength?: number
}

/** About a hundred lines of a terminal: more of one value helps nobody, and 1 GB of it stops the terminal. */
const DEFAULT_MAX_LENGTH = 10_000

/**
 * What has an effect instead of a glyph, or none at all: controls (C0, DEL, C1), format characters (bidirectional,
 * zero-width, tags, soft hyphen), line and paragraph separators, half surrogate pairs, what the Unicode standard says
 * to leave invisible, and marks from the fifth on one character.
 */
const EFFECTS =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]|(?<=\p{M}{4})\p{M}/gu
const HAS_EFFECTS = new RegExp(EFFECTS, "u")
const CLEAN_ASCII = /^[ -~]*$/

const short: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }

/**
 * Makes text from outside safe to print on a terminal: everything with an effect becomes visible, as in `\x1b`,
 * `\u202e` or `\u{e0041}` (tab, line feed and carriage return as `\t`, `\n`, `\r`), and what is too long ends in
 * `… (N more)`, N in UTF-16 units of the text. Clean text comes back as the same string. Backslashes stay as they
 * are, so the result is for eyes, not for parsing.
 *
 * @example escapeText("a\u001b[31mb") // "a\\x1b[31mb"
 */
export function escapeText(text: string, options: EscapeOptions = {}): string {
  const { keepNewlines = false, maxLength = DEFAULT_MAX_LENGTH } = options
  if (text.length <= maxLength && !hasEffects(text)) return text
  const { shown, taken } = fitted(text, maxLength, keepNewlines)
  return taken === text.length ? shown : `${shown}… (${text.length - taken} more)`
}

function hasEffects(text: string): boolean {
  return !CLEAN_ASCII.test(text) && HAS_EFFECTS.test(text)
}

/** Escapes only as much as will be shown, and cuts no escape and no character in two. */
function fitted(text: string, maxLength: number, keepNewlines: boolean): { shown: string; taken: number } {
  const head = whole(text, maxLength)
  let shown = ""
  let taken = 0
  for (const { 0: char, index } of head.matchAll(EFFECTS)) {
    const plain = head.slice(taken, index)
    const visible = keepNewlines && char === "\n" ? char : visibly(char)
    if (shown.length + plain.length + visible.length > maxLength) {
      const fits = whole(plain, maxLength - shown.length)
      return { shown: shown + fits, taken: taken + fits.length }
    }
    shown += plain + visible
    taken = index + char.length
  }
  const rest = whole(head.slice(taken), maxLength - shown.length)
  return { shown: shown + rest, taken: taken + rest.length }
}

/** The first so many units of a text, or one less where that would part a surrogate pair. */
function whole(text: string, length: number): string {
  if (text.length <= length) return text
  const parted = /[\ud800-\udbff]/.test(text.charAt(length - 1)) && /[\udc00-\udfff]/.test(text.charAt(length))
  return text.slice(0, parted ? length - 1 : length)
}

function visibly(char: string): string {
  const code = char.codePointAt(0) as number
  const hex = code.toString(16)
  if (code < 0x100) return short[char] ?? `\\x${hex.padStart(2, "0")}`
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`
}
