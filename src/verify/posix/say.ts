import { type Choices, type Part, parse, Unsayable } from "./parse.ts"
import { type ByteSet, byteSet, bytesOf } from "./sets.ts"

/** A regular expression in words that every grep understands. */
export interface Said {
  /** Each character stands for one byte; none is zero or a line break. */
  readonly bytes: string
  /** Whether `bytes` is a plain text, not an extended expression. */
  readonly isLiteral: boolean
  /** Case of ASCII letters does not count. */
  readonly ignoresCase: boolean
  /** Whether it needs `\b`, which POSIX does not have and most greps do. */
  readonly hasWords: boolean
  /**
   * Lines with one of these bytes may be found though they do not match; all others are found just where they match. Empty where that is so for
   * every line.
   */
  readonly doubtful: string
}

/** A line may end so, and is looked at without it. */
const END = "\r?$"
/** More repeats than this some greps refuse. */
const REPEATS_MAX = 255

/**
 * Says a regular expression of JavaScript as a POSIX extended one over bytes: the same lines match, but for those with `doubtful` bytes, of
 * which it may find too many.
 * @throws Unsayable with the part that cannot be said
 * @example say("status=5\\d\\d", "").bytes // "status=5[0-9][0-9]"
 */
export function say(regex: string, flags: string): Said {
  const choices = parse(regex, flags)
  const ignoresCase = flags.includes("i")
  const literal = literalOf(choices, ignoresCase)
  if (literal !== undefined) return { bytes: literal, isLiteral: true, ignoresCase, hasWords: false, doubtful: "" }
  const saying = new Saying(flags)
  const bytes = saying.choices(choices)
  const { hasWords, isExact, hasReturn } = saying
  const doubtful = `${isExact ? "" : "\x80-\xff"}${hasReturn ? "\r" : ""}`
  return { bytes, isLiteral: false, ignoresCase, hasWords, doubtful }
}

function literalOf([only, ...others]: Choices, ignoresCase: boolean): string | undefined {
  if (only === undefined || only.length === 0 || others.length > 0) return undefined
  const chars = only.map((part) => (part.type === "char" && isPlain(part.char, ignoresCase) ? part.char : undefined))
  return chars.includes(undefined) ? undefined : bytesOf(chars.join(""))
}

function isPlain(char: string, ignoresCase: boolean): boolean {
  return !/[\0\n\r]/.test(char) && !(ignoresCase && (char.codePointAt(0) as number) >= 0x80)
}

class Saying {
  readonly #flags: string
  readonly #sets = new Map<string, ByteSet>()
  hasWords = false
  isExact = true
  hasReturn = false

  constructor(flags: string) {
    this.#flags = flags
  }

  /** An empty alternative means: or nothing. POSIX leaves open what it means there. */
  choices(choices: Choices): string {
    const said = choices.map((parts) => parts.map((part) => this.#part(part)).join(""))
    const full = said.filter((each) => each !== "")
    if (full.length === said.length || full.length === 0) return full.join("|")
    return `(${full.join("|")})?`
  }

  #part(part: Part): string {
    switch (part.type) {
      case "start":
        return "^"
      case "end":
        return END
      case "word":
        this.hasWords = true
        return "\\b"
      case "group": {
        const inside = this.choices(part.choices)
        return inside === "" ? "" : `(${inside})`
      }
      case "char":
        return this.#char(part.char, part.text)
      case "set":
        return this.#noted(this.#set(part.text)).one
      case "repeat":
        return this.#repeat(part)
    }
  }

  #char(char: string, text: string): string {
    if (char === "\0" || char === "\n") throw new Unsayable(text, "is in no line that grep can be asked for")
    if (char === "\r") this.hasReturn = true
    if (!isPlain(char, this.#flags.includes("i")) && char !== "\r") return this.#noted(this.#set(escapeOf(char))).one
    const bytes = bytesOf(char)
    if (bytes.length > 1) return `(${bytes})`
    return /[.[\\()*+?{|^$]/.test(bytes) ? `\\${bytes}` : bytes
  }

  #set(text: string): ByteSet {
    const known = this.#sets.get(text) ?? byteSet(text, this.#flags)
    this.#sets.set(text, known)
    return known
  }

  #noted(set: ByteSet, isRun = false): ByteSet {
    this.isExact &&= isRun ? set.isExactRun : set.isExact
    this.hasReturn ||= set.hasReturn
    return set
  }

  #repeat({ part, min, max, text }: Extract<Part, { type: "repeat" }>): string {
    if (min > REPEATS_MAX || (max !== Infinity && max > REPEATS_MAX))
      throw new Unsayable(text, `repeats more than ${REPEATS_MAX} times`)
    if (max === 0) return ""
    const sign = max !== Infinity ? bounds(min, max) : min > 1 ? `{${min},}` : min === 1 ? "+" : "*"
    if (part.type === "set" && max === Infinity && min <= 1) {
      const { run } = this.#set(part.text)
      if (run !== undefined) {
        this.#noted(this.#set(part.text), true)
        return `${run}${sign}`
      }
    }
    const hadWords = this.hasWords
    this.hasWords = false
    const one = this.#part(part)
    if (this.hasWords && max > 1) throw new Unsayable(text, "repeats a \\b, which some greps get wrong")
    this.hasWords ||= hadWords
    if (one === "") return ""
    return `${part.type === "repeat" || part.type === "char" ? grouped(one) : one}${sign}`
  }
}

function bounds(min: number, max: number): string {
  if (min === 0 && max === 1) return "?"
  return min === max ? `{${min}}` : `{${min},${max}}`
}

function grouped(said: string): string {
  return said.length === 1 || said.startsWith("(") ? said : `(${said})`
}

function escapeOf(char: string): string {
  const point = char.codePointAt(0) ?? 0
  return point > 0xffff ? char : `\\u${point.toString(16).padStart(4, "0")}`
}
