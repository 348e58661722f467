import { fileURLToPath } from "node:url"

/** Where something was declared. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A place that is worked out only when somebody asks: formatting 100,000 stacks would cost more than the graph. */
export class LazyPlace {
  #stack: { stack?: string } | undefined
  #place: Place | undefined

  constructor(stack: { stack?: string }) {
    this.#stack = stack
  }

  get place(): Place {
    if (this.#place === undefined) {
      this.#place = firstPlaceOutside(this.#stack?.stack ?? "")
      this.#stack = undefined
    }
    return this.#place
  }

  toString(): string {
    return placeText(this.place)
  }
}

/** Frames kept per declaration: Fettle's own are at most four, the user's call stands right above them. */
const FRAMES = 6

/** Remembers the call stack of a declaration without formatting it. */
export function here(below: (...args: never[]) => unknown): LazyPlace {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, below)
  Error.stackTraceLimit = limit
  return new LazyPlace(holder)
}

/** `file:line` as people and editors read it. */
export function placeText(place: Place): string {
  return place.file === "" ? "an unknown place" : `${place.file}:${place.line}`
}

/** Our own folder (`src/` or `dist/`): frames in it are not the user's. */
const OWN = new URL("../", import.meta.url).href

function firstPlaceOutside(stack: string): Place {
  for (const line of stack.split("\n")) {
    const at = /(?:\(|at )((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(line)
    if (!at?.[1] || at[1].startsWith("node:")) continue
    const own = at[1].startsWith("file:") ? OWN : fileURLToPath(OWN)
    if (at[1].startsWith(own) && !at[1].includes(".test.")) continue
    const file = at[1].startsWith("file:") ? fileURLToPath(at[1].replace(/\?.*$/, "")) : at[1]
    return { file, line: Number(at[2]), column: Number(at[3]) }
  }
  return { file: "", line: 0, column: 0 }
}

/** Where the user's code threw, as far as its stack says. */
export function placeOfThrow(thrown: unknown): LazyPlace | undefined {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return undefined
  const lazy = new LazyPlace({ stack: thrown.stack })
  return lazy.place.file === "" ? undefined : lazy
}
