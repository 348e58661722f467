/** A part of a regular expression. Positions are in code units of its source. */
export type Part =
  /** One character, as itself. */
  | { readonly type: "char"; readonly char: string; readonly text: string }
  /** One of many characters: `.`, `\d`, `[…]`. */
  | { readonly type: "set"; readonly text: string }
  | { readonly type: "start" | "end" | "word"; readonly text: string }
  | { readonly type: "group"; readonly choices: Choices; readonly text: string }
  | { readonly type: "repeat"; readonly part: Part; readonly min: number; readonly max: number; readonly text: string }

/** Alternatives, each a sequence of parts. */
export type Choices = readonly (readonly Part[])[]

/** What POSIX has no word for, or not one that means the same. */
export class Unsayable extends Error {
  readonly part: string

  constructor(part: string, because: string) {
    super(`${part} ${because}`)
    this.part = part
  }
}

const NO_WORD = "has no counterpart in POSIX expressions"

/**
 * Reads a regular expression that compiles. @throws Unsayable for lookaround, references, `\B`, `\p` and the flags m and v
 */
export function parse(regex: string, flags: string): Choices {
  if (flags.includes("m")) throw new Unsayable("the flag m", "is of no use here: each line is looked at alone")
  if (flags.includes("v")) throw new Unsayable("the flag v", NO_WORD)
  if (flags.includes("u") && flags.includes("i")) throw new Unsayable("the flags iu", NO_WORD)
  return new Parser(regex, flags.includes("u")).all()
}

const CONTROLS: Readonly<Record<string, string>> = { t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", "0": "\0" }

class Parser {
  readonly #text: string
  readonly #byPoint: boolean
  #at = 0

  constructor(text: string, byPoint: boolean) {
    this.#text = text
    this.#byPoint = byPoint
  }

  all(): Choices {
    return this.#choices()
  }

  #choices(): Choices {
    const choices: Part[][] = [[]]
    while (this.#at < this.#text.length && !this.#is(")")) {
      if (this.#is("|")) {
        this.#at += 1
        choices.push([])
      } else choices.at(-1)?.push(this.#repeated(this.#atom()))
    }
    return choices
  }

  #is(text: string): boolean {
    return this.#text.startsWith(text, this.#at)
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(pattern, "yu")
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)
    if (found !== null) this.#at += found[0].length
    return found ?? undefined
  }

  #repeated(part: Part): Part {
    const from = this.#at
    const found = this.#take(/(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/)
    if (found === undefined) return part
    const [, sign, least, comma, most] = found
    const text = part.text + this.#text.slice(from, this.#at)
    if (part.type === "start" || part.type === "end" || part.type === "word") throw new Unsayable(text, NO_WORD)
    if (part.type === "char" && !this.#byPoint && part.char.length > 1)
      throw new Unsayable(text, "repeats half a character: give the flag u")
    if (sign !== undefined)
      return { type: "repeat", part, min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Infinity, text }
    const min = Number(least)
    return { type: "repeat", part, min, max: comma === undefined ? min : most ? Number(most) : Infinity, text }
  }

  #atom(): Part {
    const from = this.#at
    if (this.#is("(")) return this.#group()
    if (this.#is("\\")) return this.#escape()
    const set = this.#take(/\.|\[(?:\\[\s\S]|[^\\\]])*\]/)
    if (set !== undefined) return { type: "set", text: set[0] }
    const char = String.fromCodePoint(this.#text.codePointAt(from) ?? 0)
    this.#at += char.length
    if (char === "^") return { type: "start", text: char }
    if (char === "$") return { type: "end", text: char }
    return { type: "char", char, text: char }
  }

  #group(): Part {
    const from = this.#at
    const look = this.#take(/\(\?(?:[=!]|<[=!])/)
    if (look !== undefined) throw new Unsayable(`${look[0]}…)`, NO_WORD)
    const modifier = this.#take(/\(\?[-a-z]+:/)
    if (modifier !== undefined) throw new Unsayable(`${modifier[0]}…)`, NO_WORD)
    this.#take(/\((?:\?:|\?<[^>]*>)?/)
    const choices = this.#choices()
    this.#at += 1
    return { type: "group", choices, text: this.#text.slice(from, this.#at) }
  }

  #escape(): Part {
    const [text = "", code] = this.#take(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[a-zA-Z]|[\s\S])/) ?? []
    const point = code === "u" && this.#byPoint ? this.#take(/\{([0-9a-fA-F]+)\}/) : undefined
    if (point !== undefined) return charOf(String.fromCodePoint(Number.parseInt(point[1] ?? "", 16)), text + point[0])
    if (code === undefined || /^(?:[1-9]|k|B)$/.test(code)) throw new Unsayable(text, NO_WORD)
    if (/^p$/i.test(code) && this.#byPoint) throw new Unsayable(text, NO_WORD)
    if (code === "b") return { type: "word", text }
    if (/^[dDwWsS]$/.test(code)) return { type: "set", text }
    if (code.length > 1 && /^[xu]/.test(code)) return this.#unit(code, text)
    if (code.length === 2 && code.startsWith("c")) return charOf(String.fromCharCode(code.charCodeAt(1) % 32), text)
    if (code === "0" && this.#take(/\d/) !== undefined) throw new Unsayable(`${text}…`, NO_WORD)
    return charOf(CONTROLS[code] ?? code, text)
  }

  #unit(code: string, text: string): Part {
    const char = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    if (!/[\ud800-\udfff]/.test(char)) return charOf(char, text)
    const low = this.#take(/\\u([dD][c-fC-F][0-9a-fA-F]{2})/)
    const both = char + String.fromCharCode(Number.parseInt(low?.[1] ?? "0", 16))
    if (low === undefined || both.codePointAt(0) === both.charCodeAt(0))
      throw new Unsayable(text, "is half a character")
    return charOf(both, text + low[0])
  }
}

function charOf(char: string, text: string): Part {
  return { type: "char", char, text }
}
