import { escapeText } from "../escape.ts"

/** Longest text of one value, in characters. */
const TEXT_MAX = 20_000

/** A text from outside as the page shows it: what would have an effect is visible, lines stay lines. */
export function shown(text: string, maxLength = TEXT_MAX): string {
  return escapeText(text.replaceAll("\r\n", "\n"), { keepNewlines: true, maxLength })
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const COLOURS = /\x1b\[[\d;:]*m/g

/** What somebody says in words, as an error does: colours that were meant for a terminal are left out. */
export function prose(text: string, maxLength?: number): string {
  return shown(text.replace(COLOURS, ""), maxLength)
}
