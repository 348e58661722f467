import { escapeText } from "../escape.ts"

/** A piece of a line of a log: text as it is, or names of styles and text. */
export type Run = string | readonly [styles: string, text: string]

/** Longest line that is shown, in characters. */
const LINE_MAX = 2_000

/** What a command may ask for: a colour, and how the letters are. All else that a terminal would obey is shown as text. */
interface Pen {
  colour: number | undefined
  bold: boolean
  dim: boolean
  italic: boolean
  underlined: boolean
}

const PLAIN: Readonly<Pen> = { colour: undefined, bold: false, dim: false, italic: false, underlined: false }

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const SGR = /\x1b\[([\d;:]*)m/g

/**
 * A line of somebody's output in pieces of one style each. Colours become names (`c1` red to `c7` white), and only those of the letters:
 * a background could hide what stands on it. Every other sequence stays as visible text.
 *
 * @example runsOf("\u001b[31mred\u001b[0m \u001b[2J") // [["c1", "red"], " \\x1b[2J"]
 */
export function runsOf(line: string): readonly Run[] {
  const text = line.length <= LINE_MAX ? line : line.slice(0, LINE_MAX)
  const runs: Run[] = []
  const pen: Pen = { ...PLAIN }
  let at = 0
  const add = (piece: string): void => {
    if (piece === "") return
    const styles = stylesOf(pen)
    const shown = escapeText(piece, { maxLength: LINE_MAX * 2 })
    runs.push(styles === "" ? shown : [styles, shown])
  }
  for (const found of text.matchAll(SGR)) {
    add(text.slice(at, found.index))
    apply(pen, (found[1] ?? "").split(/[;:]/).map(Number))
    at = found.index + found[0].length
  }
  add(text.slice(at))
  if (line.length > LINE_MAX) runs.push(["dim", `… (${line.length - LINE_MAX} more)`])
  return runs
}

function stylesOf({ colour, bold, dim, italic, underlined }: Pen): string {
  const names = [
    colour === undefined ? "" : `c${colour}`,
    bold ? "bold" : "",
    dim ? "dim" : "",
    italic ? "italic" : "",
    underlined ? "underlined" : "",
  ]
  return names.filter(Boolean).join(" ")
}

/** Carries out the numbers of one sequence. Text that would be hidden or blink is shown as any other. */
function apply(pen: Pen, codes: readonly number[]): void {
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] as number
    if (code === 0) Object.assign(pen, PLAIN)
    else if (code === 1) pen.bold = true
    else if (code === 2) pen.dim = true
    else if (code === 3) pen.italic = true
    else if (code === 4) pen.underlined = true
    else if (code === 22) Object.assign(pen, { bold: false, dim: false })
    else if (code === 23) pen.italic = false
    else if (code === 24) pen.underlined = false
    else if (code >= 30 && code <= 37) pen.colour = code - 30
    else if (code >= 90 && code <= 97) pen.colour = code - 90
    else if (code === 39) pen.colour = undefined
    else if (code === 38 || code === 48) {
      const [colour, taken] = extended(codes.slice(at + 1))
      if (code === 38) pen.colour = colour
      at += taken
    }
  }
}

/** A colour of 256 or of three bytes, as the nearest of the eight; and how many numbers told it. */
function extended([kind, ...rest]: readonly number[]): readonly [number | undefined, number] {
  if (kind === 2) return [nearest(rest.slice(0, 3)), 4]
  const [code = 0] = rest
  if (kind !== 5) return [undefined, 0]
  if (code < 16) return [code % 8, 2]
  if (code >= 232) return [code < 244 ? 0 : 7, 2]
  const cube = code - 16
  const steps = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6]
  return [nearest(steps.map((step) => step * 51)), 2]
}

function nearest(channels: readonly number[]): number {
  const half = Math.max(...channels) / 2
  return channels.reduce((sum, value, at) => sum + (value > 0 && value >= half ? 1 << at : 0), 0)
}
