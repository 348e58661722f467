import { escapeText } from "./escape.ts"

/** Longest text of one cell, in characters. */
const CELL_MAX = 500

/** Text that Markdown and HTML leave as it is: every sign of theirs as a character reference, on one line. */
export function markdown(text: string, maxLength = CELL_MAX): string {
  return referenced(escapeText(text.replaceAll("\n", " "), { maxLength }))
}

/** The same for text of several lines, as it stands in `<pre>`; a table keeps it on one line of its own. */
export function markdownLines(text: string, maxLength: number): string {
  const lines = escapeText(text, { maxLength, keepNewlines: true }).split("\n")
  return lines.map(referenced).join("&#10;")
}

function referenced(line: string): string {
  return line.replace(/[!-/:-@[-`{-~]/g, (sign) => (sign === "." || sign === "," ? sign : `&#${sign.charCodeAt(0)};`))
}
