/** Code points that terminals draw two columns wide: East Asian wide and fullwidth, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
/** Code points that are drawn onto the one before them. */
const COMBINING = /[\p{Mn}\p{Me}\p{Cf}]/u
const ASCII = /^[\x20-\x7e]*$/

/** Columns that a text without control characters takes on a terminal. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  let width = 0
  for (const point of text) width += pointWidth(point)
  return width
}

function pointWidth(point: string): number {
  if (point <= "~") return 1
  if (COMBINING.test(point)) return 0
  return WIDE.test(point) ? 2 : 1
}

/** The longest beginning of a text that fits, and the rest. At least one character goes into the beginning. */
export function splitAt(text: string, width: number): readonly [string, string] {
  if (ASCII.test(text)) return [text.slice(0, Math.max(1, width)), text.slice(Math.max(1, width))]
  let used = 0
  let at = 0
  for (const point of text) {
    used += pointWidth(point)
    if (used > width && at > 0) break
    at += point.length
  }
  return [text.slice(0, at), text.slice(at)]
}

/** The text, or as much of it as fits with "…" at its end. */
export function crop(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  return width <= 1 ? "…" : `${splitAt(text, width - 1)[0].trimEnd()}…`
}

/** The text with spaces after it up to a width. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)))
}
