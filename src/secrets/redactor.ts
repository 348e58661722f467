import { formsOf, isShort, MIN_CHARACTERS } from "./forms.ts"
import type { Pattern } from "./redact-automaton.ts"
import { mergeRegions, type Region } from "./redact-regions.ts"
import { type Marker, rewriteBytes, rewriteText } from "./redact-rewrite.ts"
import { PatternSet, Scan } from "./redact-scan.ts"
import { ChunkRedactor, type Patterns, type RedactorStream } from "./redact-stream.ts"

export type { RedactorStream } from "./redact-stream.ts"

export interface RedactorEntry {
  /** Stands in the place of the value: `[secret NAME]`. */
  readonly name: string
  readonly value: Uint8Array | string
  /** Hide the value although it has fewer than 8 characters, and ordinary text with it. Default: false. */
  readonly weak?: boolean
  /** Hide the value only as one piece: it was built around a secret that is hidden itself. Default: false. */
  readonly whole?: boolean
}

/** Hides secrets in whatever passes: in every form of `formsOf`, also with the line breaks of wrapped base64 or hex. */
export interface Redactor {
  /** Adds a secret; open streams look for it from their next chunk on. A value that is known already changes nothing. */
  add(entry: RedactorEntry): void
  /** The same array where nothing is to hide. */
  redact(bytes: Uint8Array): Uint8Array
  /** The same string where nothing is to hide. */
  redactText(text: string): string
  stream(): RedactorStream
  /** How many markers were written so far. */
  readonly hits: number
}

/** A value costs about 300 times its size in memory; a larger one is not something that a log line shows. */
const MAX_VALUE_BYTES = 1 << 20

const encoder = new TextEncoder()

/** Texts up to this size are encoded without an allocation. */
const SCRATCH_BYTES = 1 << 16

/**
 * Makes a redactor. Matches that overlap or touch become one marker, with the name of the one that begins first,
 * then of the longest. Throws a RangeError for a value under 8 characters that is not `weak`, an empty one, and one
 * over 1 MiB.
 *
 * @example createRedactor([{ name: "db.password", value: "correct horse" }]).redactText("pw=correct%20horse") // "pw=[secret db.password]"
 */
export function createRedactor(entries: Iterable<RedactorEntry> = []): Redactor {
  const redactor = new PatternRedactor()
  for (const entry of entries) redactor.add(entry)
  return redactor
}

class PatternRedactor implements Redactor, Patterns {
  readonly markers: Marker[] = []
  hits = 0
  readonly #known = new Set<string>()
  readonly #scratch = new Uint8Array(SCRATCH_BYTES)
  #added: Pattern[] = []
  #sets: readonly PatternSet[] = []
  #scans: readonly Scan[] = []

  add({ name, value, weak = false, whole = false }: RedactorEntry): void {
    const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value)
    assertFit(name, bytes, weak)
    const key = bytes.toString("latin1")
    if (this.#known.has(key)) return
    this.#known.add(key)
    const owner = this.markers.length
    const text = `[secret ${name}]`
    this.markers.push({ text, bytes: encoder.encode(text) })
    for (const form of formsOf(value, { weak, whole })) this.#added.push({ bytes: form, owner })
  }

  redact(bytes: Uint8Array): Uint8Array {
    const regions = this.#regionsIn(bytes)
    if (regions.length === 0) return bytes
    this.hits += regions.length
    return rewriteBytes(bytes, regions, this.markers)
  }

  redactText(text: string): string {
    const regions = this.#regionsIn(this.#encode(text))
    if (regions.length === 0) return text
    this.hits += regions.length
    return rewriteText(text, regions, this.markers)
  }

  stream(): RedactorStream {
    return new ChunkRedactor(this)
  }

  hit(): void {
    this.hits++
  }

  /** A set is never changed. New forms join the sets that are not much larger, so each is built only a few times. */
  sets(): readonly PatternSet[] {
    if (this.#added.length === 0) return this.#sets
    let patterns = this.#added
    const kept = [...this.#sets]
    for (
      let last = kept.at(-1);
      last !== undefined && last.patterns.length <= 4 * patterns.length;
      last = kept.at(-1)
    ) {
      patterns = [...last.patterns, ...patterns]
      kept.pop()
    }
    this.#added = []
    this.#sets = [...kept, new PatternSet(patterns)]
    this.#scans = this.#sets.map((set) => new Scan(set))
    return this.#sets
  }

  #regionsIn(bytes: Uint8Array): Region[] {
    this.sets()
    const lists: Region[][] = []
    for (const scan of this.#scans) {
      scan.run(bytes, 0)
      if (scan.regions.length > 0) lists.push(scan.regions.slice())
      scan.restart()
    }
    return lists.length < 2 ? (lists[0] ?? []) : mergeRegions(lists)
  }

  #encode(text: string): Uint8Array {
    if (3 * text.length > SCRATCH_BYTES) return encoder.encode(text)
    return this.#scratch.subarray(0, encoder.encodeInto(text, this.#scratch).written)
  }
}

function assertFit(name: string, bytes: Uint8Array, weak: boolean): void {
  const refuse = (fact: string) => {
    throw new RangeError(`The secret ${JSON.stringify(name)} ${fact}`)
  }
  if (bytes.length === 0) refuse("is empty: there is nothing to hide.")
  if (bytes.length > MAX_VALUE_BYTES) refuse("has more than 1 MiB: it cannot be hidden in logs.")
  if (weak || !isShort(bytes)) return
  refuse(
    `has fewer than ${MIN_CHARACTERS} characters: hiding it would hide ordinary text too. Use a longer one, or weak: true.`,
  )
}
