import { catalogue, type Entry } from "./error-codes.ts"

export type ErrorCode = keyof typeof catalogue

export interface ErrorParts {
  readonly address?: string | undefined
  /** `file:line` of the declaration; a lazy value is only worked out when printed. */
  readonly place?: { toString(): string } | undefined
  readonly cause?: unknown
  /** The next command to type, where the catalogue's is too general. */
  readonly next?: string | undefined
  /** Facts for machines: plain JSON, no secrets. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/**
 * The one error of Fettle: a code, the fact, where it was declared, the cause, and the next step.
 * @example throw new FettleError("CYCLE", "a needs b and b needs a", { place })
 */
export class FettleError extends Error {
  readonly code: ErrorCode
  readonly fact: string
  readonly next: string
  readonly details: Readonly<Record<string, unknown>> | undefined
  address: string | undefined
  place: { toString(): string } | undefined

  constructor(code: ErrorCode, fact: string, parts: ErrorParts = {}) {
    super(fact, parts.cause === undefined ? undefined : { cause: parts.cause })
    this.name = "FettleError"
    this.code = code
    this.fact = fact
    this.next = parts.next ?? catalogue[code].next
    this.details = parts.details
    this.address = parts.address
    this.place = parts.place
  }

  /** Fills in where it happened, once; an inner place is nearer to the truth than an outer one. */
  at(address: string | undefined, place: { toString(): string } | undefined): this {
    this.address ??= address
    this.place ??= place
    return this
  }

  toJSON(): Record<string, unknown> {
    const cause = this.cause === undefined ? undefined : causeText(this.cause)
    return {
      code: this.code,
      fact: this.fact,
      address: this.address,
      place: this.place?.toString(),
      cause,
      next: this.next,
      details: this.details,
    }
  }
}

/** Any thrown thing as a FettleError: one that is, as it is; another as the cause of `code`. */
export function asFettleError(thrown: unknown, code: ErrorCode, fact?: string): FettleError {
  if (thrown instanceof FettleError) return thrown
  const words = fact ?? causeText(thrown)
  return new FettleError(code, words === "" ? thrownText(thrown) : words, { cause: thrown })
}

/** What was thrown without a word: `throw undefined`, `throw null`, `throw ""`. */
function thrownText(thrown: unknown): string {
  return `it threw ${thrown === "" ? "an empty text" : String(thrown)}`
}

/** The causes of an error, outermost first, as one line; what an outer one already says is not repeated. */
export function causeText(cause: unknown): string {
  const words: string[] = []
  let at: unknown = cause
  for (let depth = 0; at !== undefined && at !== null && depth < 5; depth += 1) {
    const text = at instanceof Error ? at.message || at.name : String(at)
    if (!words.some((each) => each.includes(text))) words.push(text)
    at = at instanceof Error ? at.cause : undefined
  }
  return words.join(": ")
}

/** What a code means and what to do, or undefined where there is no such code. */
export function explain(code: string): Entry | undefined {
  return Object.hasOwn(catalogue, code) ? catalogue[code as ErrorCode] : undefined
}

/** Every code, in the order of the catalogue. */
export function errorCodes(): readonly ErrorCode[] {
  return Object.keys(catalogue) as ErrorCode[]
}
