import { FettleError } from "../errors.ts"

/** Where the value of a secret comes from; plain data, read only when a run opens it. */
export type SecretSource =
  | { readonly type: "env"; readonly variable: string }
  | { readonly type: "file"; readonly path: string }
  | { readonly type: "command"; readonly command: readonly string[] }
  | { readonly type: "random"; readonly bytes: number }
  | { readonly type: "prompt"; readonly question: string }
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "sealed"; readonly sealed: string }
  /** Known by its fingerprint alone: a prop that state remembers. */
  | { readonly type: "recorded" }
  | {
      readonly type: "derived"
      readonly from: readonly Secret<unknown>[]
      readonly derive: (values: readonly unknown[]) => unknown
    }

/** What a run knows of a secret once it is opened. */
interface Opened {
  readonly value: unknown
  readonly fingerprint: string
}

/** Prefix of the fingerprint of a secret that will be made during apply. */
export const PENDING = "pending:"

/**
 * A value that stays sealed from its source to the last call. Text made of it throws; what derives from it is a secret too.
 * @example const key = secret.env("SHOP_KEY"); const header = key.map((value) => `Bearer ${value}`)
 */
export class Secret<out T = string> {
  readonly name: string
  /** True where the program accepts a value under 8 characters. */
  readonly weak: boolean
  /** Type only. */
  declare readonly "~value"?: T
  readonly #source: SecretSource
  #opened: Opened | undefined

  constructor(name: string, source: SecretSource, options: { readonly weak?: boolean } = {}) {
    this.name = name
    this.weak = options.weak ?? false
    this.#source = source
    Object.freeze(this)
  }

  /**
   * A secret made of this one.
   * @example token.map((value) => `Bearer ${value}`)
   */
  map<U>(derive: (value: T) => U): Secret<U> {
    return new Secret<U>(
      this.name,
      { type: "derived", from: [this], derive: (values) => derive(values[0] as T) },
      { weak: this.weak },
    )
  }

  /** The keyed fingerprint by which values are compared without being known. Throws until a run has opened the secret. */
  get fingerprint(): string {
    if (this.#opened === undefined)
      throw new FettleError("INTERNAL", `secret ${this.name} was asked for its fingerprint before it was opened`)
    return this.#opened.fingerprint
  }

  get isOpen(): boolean {
    return this.#opened !== undefined
  }

  toString(): never {
    throw secretAsString(this.name)
  }

  [Symbol.toPrimitive](): never {
    throw secretAsString(this.name)
  }

  valueOf(): never {
    throw secretAsString(this.name)
  }

  toJSON(): string {
    return `[secret ${this.name}]`
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `[secret ${this.name}]`
  }

  /** For the room of secrets alone: the source. */
  static source(secret: Secret<unknown>): SecretSource {
    return secret.#source
  }

  /** For the room of secrets alone: what a run has opened. */
  static opened(secret: Secret<unknown>): Opened | undefined {
    return secret.#opened
  }

  /** For the room of secrets alone: remembers what a run has opened. */
  static remember(secret: Secret<unknown>, opened: Opened): void {
    secret.#opened = opened
  }
}

/** One secret made of several: it is named after all of them. */
export function combine<T>(from: readonly Secret<unknown>[], derive: (values: readonly unknown[]) => T): Secret<T> {
  const names = [...new Set(from.map((each) => each.name))]
  return new Secret<T>(names.join("+"), { type: "derived", from, derive }, { weak: from.every((each) => each.weak) })
}

function secretAsString(name: string): FettleError {
  const place = userLine(new Error().stack ?? "")
  return new FettleError("SECRET_AS_STRING", `secret ${name} was used as a string`, { place })
}

/** The first stack line outside this package, for errors that are thrown far from any declaration. */
export function userLine(stack: string): string | undefined {
  const own = new URL("../", import.meta.url).href
  const line = stack
    .split("\n")
    .find((each) => /^\s+at .*:\d+:\d+\)?$/.test(each) && !each.includes(own) && !each.includes("node:"))
  return /((?:file:\/\/)?\/[^()]*:\d+):\d+\)?$/.exec(line ?? "")?.[1]?.replace("file://", "")
}
