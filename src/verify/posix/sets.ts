import { Unsayable } from "./parse.ts"

/** The bytes that no character of one byte has. */
const HIGH = "\x80-\xff"
/** Up to so many characters of more than one byte are written out one by one. */
const WRITTEN_MAX = 300
const ASCII_END = 0x80
const SURROGATES = { from: 0xd800, to: 0xdfff } as const
/** How many characters there are from 0x80 to 0xffff. */
const ALL_OTHERS = 0x1_0000 - ASCII_END - (SURROGATES.to - SURROGATES.from + 1)

/**
 * Some characters, as an expression over bytes; each character of an expression here stands for one byte.
 * What it says is exact for lines of ASCII. For others it may find too much, and says so.
 */
export interface ByteSet {
  /** One of them. */
  readonly one: string
  /** A bracket of which any number stands for any number of them. Undefined where there is none. */
  readonly run: string | undefined
  readonly isExact: boolean
  readonly isExactRun: boolean
  /** Whether a carriage return is among them. */
  readonly hasReturn: boolean
}

/** Which characters a set, or a character whose case does not count, means: as the regular expressions of this process have it. @throws Unsayable */
export function byteSet(text: string, flags: string): ByteSet {
  const is = new RegExp(`^(?:${text})$`, flags.replace(/[gym]/g, ""))
  const members = (from: number, to: number): readonly number[] => {
    const found: number[] = []
    for (let code = from; code <= to; code += 1) if (is.test(String.fromCharCode(code))) found.push(code)
    return found
  }
  const ascii = members(0, ASCII_END - 1).filter((code) => code !== 10)
  const others = [...members(ASCII_END, SURROGATES.from - 1), ...members(SURROGATES.to + 1, 0xffff)]
  const hasReturn = ascii.includes(13)
  if (others.length > WRITTEN_MAX) {
    const isFull = others.length === ALL_OTHERS
    const one = `(${ascii.length === 0 ? "" : `${bracket(ascii)}|`}[${HIGH}]{1,${flags.includes("u") ? 4 : 3}})`
    return { one, run: bracket(ascii, true), isExact: false, isExactRun: isFull, hasReturn }
  }
  if (members(SURROGATES.from, SURROGATES.to).length > 0 || is.test("😀"))
    throw new Unsayable(text, "names characters outside of the basic plane")
  if (ascii.length + others.length === 0) throw new Unsayable(text, "is in no line")
  const written = others.map((code) => bytesOf(String.fromCharCode(code)))
  if (ascii.length === 0 && written.length === 1)
    return { one: `(${written[0]})`, run: undefined, isExact: true, isExactRun: true, hasReturn }
  const only = ascii.length === 0 ? undefined : bracket(ascii)
  if (written.length === 0) return { one: only as string, run: only, isExact: true, isExactRun: true, hasReturn }
  const one = `(${[...(only === undefined ? [] : [only]), ...written].join("|")})`
  return { one, run: undefined, isExact: true, isExactRun: true, hasReturn }
}

/** The bytes of a text in UTF-8, each as a character. */
export function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}

const HAT = "^".charCodeAt(0)

/** A bracket of POSIX. A zero byte cannot stand in it, so who wants it names what he does not want. */
function bracket(ascii: readonly number[], withHigh = false): string {
  if (ascii.length === 1 && ascii[0] === HAT && !withHigh) return "\\^"
  if (!ascii.includes(0)) return `[${inBracket(ascii, withHigh)}]`
  const rest = Array.from({ length: ASCII_END }, (_, code) => code)
  const not = inBracket(
    rest.filter((code) => code !== 10 && !ascii.includes(code)),
    !withHigh,
  )
  return not === "" ? "." : `[^${not}]`
}

/** Where case does not count, some take a range between a letter and another sign for a longer one. */
function sortOf(code: number): string {
  const char = String.fromCharCode(code)
  return /[a-z]/.test(char) ? "lower" : /[A-Z]/.test(char) ? "upper" : "other"
}

/** The order keeps from what has a meaning of its own in a bracket. */
function inBracket(codes: readonly number[], withHigh: boolean): string {
  const [closes, opens, back, hat, dash] = ["]", "[", "\\", "^", "-"].map((char) =>
    codes.includes(char.charCodeAt(0)) ? char : "",
  )
  const ranges: [number, number][] = []
  for (const code of codes) {
    const last = ranges.at(-1)
    if ("][\\^-".includes(String.fromCharCode(code))) continue
    if (last?.[1] === code - 1 && sortOf(code) === sortOf(last[1])) last[1] = code
    else ranges.push([code, code])
  }
  const words = ranges.map(([from, to]) => {
    const [first, end] = [String.fromCharCode(from), String.fromCharCode(to)]
    return from === to ? first : to === from + 1 ? first + end : `${first}-${end}`
  })
  const before = `${closes}${withHigh ? HIGH : ""}${words.join("")}${back}${opens}`
  return before === "" ? `${dash}${hat}` : `${before}${hat}${dash}`
}
