import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** What Node throws, as far as it is looked at. */
export interface Thrown {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  readonly stack?: string
  readonly url?: string
}

/** Where in a user's file something is wrong. */
export interface Spot {
  readonly file: string
  readonly line: number
  readonly column: number | undefined
}

/** The place that stands before the message: `FILE:LINE`, the line, and a row of ^ below what is wrong. */
export function headSpot(stack: string | undefined): Spot | undefined {
  const head = /^((?:file:\/\/)?\/.*):(\d+)$/m.exec((stack ?? "").split(/^\w*Error\b/m)[0] ?? "")
  if (head?.[1] === undefined) return undefined
  const rest = (stack ?? "").slice(head.index)
  const caret = /^( *)\^+$/m.exec(rest)
  // What goes over several lines is marked with > before each of them: it begins with its first word.
  const marked = caret ?? /^ {2}> ( *)\S/m.exec(rest)
  const column = marked?.[1] === undefined ? undefined : marked[1].length + 1
  return { file: asPath(head[1]), line: Number(head[2]), column }
}

/** The first stack frame that is neither Node's nor of a package. */
export function firstUserSpot(stack: string | undefined): Spot | undefined {
  for (const line of (stack ?? "").split("\n")) {
    const at = /(?:\(|at )((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(line)
    if (at?.[1] === undefined || /\/node_modules\//.test(at[1]) || at[1].startsWith(OWN)) continue
    return { file: asPath(at[1]), line: Number(at[2]), column: Number(at[3]) }
  }
  return undefined
}

/** Fettle's own folder: frames in it are not the user's. */
const OWN = new URL("../", import.meta.url).href

function asPath(text: string): string {
  return text.startsWith("file:") ? fileURLToPath(text.replace(/[?#].*$/, "")) : text
}

export function placeOf({ file, line, column }: Spot): string {
  return column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`
}

/** The line of a spot; undefined where it cannot be read. */
export function lineAt({ file, line }: Spot): string | undefined {
  return readSource(file)?.split("\n")[line - 1]
}

/** The text of a source file; undefined where it cannot be read. */
export function readSource(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}
