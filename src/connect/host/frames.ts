import { FettleError } from "../../errors.ts"
import { HELLO } from "./shell.ts"

/** Longest line of the grammar: a nonce and eight numbers fit in a fraction of it. */
const LINE_MAX = 1_024
/** Most bytes that one record may announce. A host that says more is broken or lies. */
const BODY_MAX = 64 * 1_048_576
/** Most bytes of a login shell's own words before the session begins. */
const NOISE_MAX = 65_536
/** Bytes of them that are kept. */
const SAID_MAX = 500

/** One record of a request: what one item came to. */
export interface HostRecord {
  readonly item: number
  /** One character: what was asked; shell.ts and change-script.ts name them. */
  readonly kind: string
  readonly exitCode: number
  readonly out: Buffer
  readonly err: Buffer
}

/** The end of a request. */
export interface HostEnd {
  readonly seq: number
  readonly exitCode: number
}

export type Frame =
  | { readonly record: HostRecord; readonly seq: number }
  | { readonly end: HostEnd }
  | { readonly line: string }

/**
 * Cuts what a host sends into frames; pure but for the bytes it holds. Every length is bounded before it is believed.
 * @throws FettleError `HOST_PROTOCOL` at the first byte that is not of the grammar
 */
export class FrameReader {
  readonly #nonce: string
  #chunks: Buffer[] = []
  #size = 0
  #ready = false
  #wanted: { record: Omit<HostRecord, "out" | "err">; seq: number; outLength: number; errLength: number } | undefined
  #noise = 0
  #said = ""

  constructor(nonce: string) {
    this.#nonce = nonce
  }

  /** The first of what was printed before the session began: where none begins, it may say why. */
  get said(): string {
    return this.#said.trim()
  }

  /** All frames that are complete with these bytes. */
  *push(bytes: Buffer): Generator<Frame> {
    this.#chunks.push(bytes)
    this.#size += bytes.length
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) yield frame
  }

  #next(): Frame | undefined {
    if (this.#wanted !== undefined) return this.#body(this.#wanted)
    const line = this.#line()
    if (line === undefined) return undefined
    if (!this.#ready) return this.#greeting(line)
    return this.#header(line) ?? this.#next()
  }

  /** Lines before RDY1 that do not carry our nonce are the login shell's. */
  #greeting(line: string): Frame | undefined {
    const [word, nonce] = line.split(" ")
    if (nonce !== this.#nonce || (word !== "RDY1" && word !== "ERR1" && word !== "WAIT")) {
      this.#noise += line.length
      if (word !== HELLO && this.#said.length < SAID_MAX) this.#said = `${this.#said}${line}\n`.slice(0, SAID_MAX)
      if (this.#noise > NOISE_MAX) throw broken(`${NOISE_MAX} bytes came before the session began`)
      return this.#next()
    }
    this.#ready = word === "RDY1"
    return { line }
  }

  /** `R nonce seq item kind exitCode outLength errLength`, or `E nonce seq exitCode`. */
  #header(line: string): Frame | undefined {
    const words = line.split(" ")
    if (words[1] !== this.#nonce) throw broken(`the host sent ${JSON.stringify(line.slice(0, 200))}`)
    if (words[0] === "E" && words.length === 4) return { end: { seq: whole(words[2]), exitCode: whole(words[3]) } }
    if (words[0] !== "R" || words.length !== 8 || words[4]?.length !== 1)
      throw broken(`the host sent ${JSON.stringify(line.slice(0, 200))}`)
    const [outLength, errLength] = [whole(words[6]), whole(words[7])]
    if (outLength + errLength > BODY_MAX) throw broken(`the host announced a record of ${outLength + errLength} bytes`)
    const record = { item: whole(words[3]), kind: words[4], exitCode: whole(words[5]) }
    this.#wanted = { record, seq: whole(words[2]), outLength, errLength }
    return undefined
  }

  #body({
    record,
    seq,
    outLength,
    errLength,
  }: {
    record: Omit<HostRecord, "out" | "err">
    seq: number
    outLength: number
    errLength: number
  }): Frame | undefined {
    const length = outLength + errLength
    if (this.#size < length) return undefined
    this.#wanted = undefined
    const body = this.#take(length)
    return { seq, record: { ...record, out: body.subarray(0, outLength), err: body.subarray(outLength) } }
  }

  #line(): string | undefined {
    let before = 0
    for (const chunk of this.#chunks) {
      const at = chunk.indexOf(10)
      if (at >= 0) {
        const line = this.#take(before + at + 1)
        return line.toString("utf8", 0, line.length - 1)
      }
      before += chunk.length
      if (before > (this.#ready ? LINE_MAX : NOISE_MAX))
        throw broken(`the host sent a line of more than ${LINE_MAX} bytes`)
    }
    return undefined
  }

  #take(length: number): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    this.#chunks = all.length === length ? [] : [all.subarray(length)]
    this.#size = all.length - length
    return all.subarray(0, length)
  }
}

function whole(word: string | undefined): number {
  if (word === undefined || !/^\d{1,12}$/.test(word))
    throw broken(`the host sent ${JSON.stringify(word ?? "")} where a number belongs`)
  return Number(word)
}

function broken(fact: string): FettleError {
  return new FettleError("HOST_PROTOCOL", fact)
}
