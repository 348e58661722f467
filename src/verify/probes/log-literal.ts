import { say } from "../posix/say.ts"

/** Bytes of which the frequencies are told from. */
const SAMPLE_BYTES = 64 << 10
/** A byte that stands more often than once in so many is no help: each time costs a call. */
const RARE = 4_096
const NEWLINE = 10

/**
 * Counts the lines that hold a text, among bytes: it looks for the rarest byte of the text, which the processor does many at a time, and only there for
 * the rest.
 */
export class Literal {
  readonly #bytes: Buffer
  /** Place of the rarest byte in the text; -1 where none is rare. */
  #rarest: number | undefined

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Undefined where a pattern is no plain text. */
  static of(regex: string, flags: string): Literal | undefined {
    try {
      const { bytes, isLiteral, ignoresCase } = say(regex, flags.replaceAll("m", ""))
      const isPlain = isLiteral && !ignoresCase && bytes !== "" && !bytes.includes("\xef\xbf\xbd")
      return isPlain ? new Literal(Buffer.from(bytes, "latin1")) : undefined
    } catch {
      return undefined // POSIX has no words for it, so it is no plain text
    }
  }

  /**
   * Calls for each line that holds it, with where it begins and ends. False where it is of no help for such bytes, and nothing was done.
   * @param lines whole lines, each with its line break
   */
  eachLine(lines: Buffer, onLine: (from: number, to: number) => void): boolean {
    this.#rarest ??= rarestOf(this.#bytes, lines.subarray(0, SAMPLE_BYTES))
    const offset = this.#rarest
    if (offset < 0) return false
    const rare = this.#bytes[offset] as number
    for (let at = lines.indexOf(rare); at >= 0; ) {
      const from = at - offset
      if (!this.#standsAt(lines, from)) {
        at = lines.indexOf(rare, at + 1)
        continue
      }
      const end = lines.indexOf(NEWLINE, at)
      const to = end < 0 ? lines.length : end
      onLine(lines.lastIndexOf(NEWLINE, at) + 1, to)
      at = lines.indexOf(rare, to)
    }
    return true
  }

  #standsAt(lines: Buffer, from: number): boolean {
    if (from < 0 || from + this.#bytes.length > lines.length) return false
    return this.#bytes.every((byte, at) => lines[from + at] === byte)
  }
}

function rarestOf(bytes: Buffer, sample: Buffer): number {
  const counts = new Uint32Array(256)
  for (const byte of sample) counts[byte] = (counts[byte] as number) + 1
  let rarest = 0
  for (const [at, byte] of bytes.entries())
    if ((counts[byte] as number) < (counts[bytes[rarest] as number] as number)) rarest = at
  return (counts[bytes[rarest] as number] as number) * RARE <= sample.length ? rarest : -1
}
