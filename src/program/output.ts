import { FettleError } from "../errors.ts"
import { combine, Secret } from "../secrets/secret.ts"
import type { Address } from "./address.ts"
import { here } from "./place.ts"

/** Stands for a value that is not known yet. */
export const UNKNOWN: unique symbol = Symbol("unknown")

type Expression =
  | { readonly op: "ref"; readonly node: Address; readonly key: string }
  | { readonly op: "map"; readonly from: Output<unknown>; readonly apply: (value: never) => unknown }
  | { readonly op: "build"; readonly from: unknown; readonly build: (value: unknown) => unknown }

/**
 * A value that another node gives: known when its resource is read, or once it is made.
 * @example resource(host.file, "url", { path: "/srv/url", content: text`http://${api.name}/` })
 */
export class Output<out T> {
  /** Type only. */
  declare readonly "~value"?: T
  readonly #expression: Expression

  constructor(expression: Expression) {
    this.#expression = expression
    Object.freeze(this)
  }

  /** An output computed from this one, by a pure function. */
  map<U>(apply: (value: T) => U): Output<U> {
    return new Output<U>({ op: "map", from: this, apply: apply as (value: never) => unknown })
  }

  toString(): never {
    throw asString(this, this.toString)
  }

  [Symbol.toPrimitive](): never {
    throw asString(this, this[Symbol.toPrimitive])
  }

  toJSON(): string {
    return `[output ${nodesOf(this).join(", ")}]`
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toJSON()
  }

  static expression(output: Output<unknown>): Expression {
    return output.#expression
  }
}

function asString(output: Output<unknown>, below: () => never): FettleError {
  return new FettleError("OUTPUT_AS_STRING", `an output of ${nodesOf(output).join(", ")} was used as a string`, {
    place: here(below),
  })
}

/** A plain value, or the same with outputs of other nodes in it. */
export type Input<T> =
  | T
  | Output<T>
  | (T extends Leaf ? never : T extends object ? { readonly [K in keyof T]: Input<T[K]> } : never)

type Leaf =
  | string
  | number
  | boolean
  | bigint
  | null
  | undefined
  | Secret<unknown>
  | Output<unknown>
  | Uint8Array
  | ((...args: never[]) => unknown)

/** One output for each key of what a kind gives. */
export type Outputs<O> = { readonly [K in keyof O & string]-?: Output<O[K]> }

/** What a template accepts besides secrets. */
type Plain = string | number | boolean | Output<string> | Output<number> | Output<boolean>
type MaybeSecret = Plain | Secret<string> | Output<Secret<string>> | Output<string | Secret<string>>

/**
 * Text with outputs and secrets in it. With a secret in it, it is a secret.
 * @example text`postgres://shop:${password}@${database.host}/shop`
 */
export function text<const A extends readonly MaybeSecret[]>(
  strings: TemplateStringsArray,
  ...values: A
): A[number] extends Plain ? Output<string> : Output<string | Secret<string>> {
  const join = (parts: unknown): string =>
    strings.reduce(
      (all, piece, at) => all + piece + (at < values.length ? plainText((parts as unknown[])[at]) : ""),
      "",
    )
  return new Output({ op: "build", from: values, build: join }) as never
}

function plainText(value: unknown): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value)
  throw new FettleError(
    "PROPS_INVALID",
    `text\`…\` holds a ${value === null ? "null" : typeof value} where a string, number or boolean belongs`,
  )
}

/** JSON that its type shows to hold no secret. */
type Open =
  | string
  | number
  | boolean
  | null
  | undefined
  | Output<Open>
  | readonly Open[]
  | { readonly [key: string]: Open }

/**
 * A value as JSON text, with outputs and secrets in it. With a secret in it, it is a secret.
 * @param indent spaces per level, default 2
 * @example json({ port: 8080, key: secret.env("SHOP_KEY") })
 */
export function json(value: Open, indent?: number): Output<string>
export function json(value: unknown, indent?: number): Output<string | Secret<string>>
export function json(value: unknown, indent = 2): Output<string> | Output<string | Secret<string>> {
  return new Output({
    op: "build",
    from: copyOf(value),
    build: (plain) => `${JSON.stringify(plain, undefined, indent)}\n`,
  })
}

/** The addresses that a value needs, in the order of first use. */
export function nodesOf(value: unknown): readonly Address[] {
  const found = new Set<Address>()
  walk(value, (leaf) => {
    if (!(leaf instanceof Output)) return
    const expression = Output.expression(leaf)
    if (expression.op === "ref") found.add(expression.node)
    else for (const each of nodesOf(expression.from)) found.add(each)
  })
  return [...found]
}

/** The secrets that stand in a value, also inside outputs built in the program. */
export function secretsIn(value: unknown): readonly Secret<unknown>[] {
  const found = new Set<Secret<unknown>>()
  walk(value, (leaf) => {
    if (leaf instanceof Secret) found.add(leaf)
    else if (leaf instanceof Output) {
      const expression = Output.expression(leaf)
      if (expression.op !== "ref") for (const each of secretsIn(expression.from)) found.add(each)
    }
  })
  return [...found]
}

/** Calls `visit` for each leaf of plain objects and arrays. */
export function walk(value: unknown, visit: (leaf: unknown) => void): void {
  if (Array.isArray(value)) for (const each of value) walk(each, visit)
  else if (isPlain(value)) for (const key of Object.keys(value)) walk(value[key], visit)
  else visit(value)
}

export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The same plain objects, arrays and bytes once more, so that nobody who has the first can change the second; other leaves as they are. */
export function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf)
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (!isPlain(value)) return value
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(value)) if (value[key] !== undefined) result[key] = copyOf(value[key])
  return result
}

/** Gives the value of one output key of a node, or UNKNOWN. */
export type Lookup = (node: Address, key: string) => unknown

/**
 * Replaces outputs by their values. Where anything is unknown the whole value is UNKNOWN at that leaf.
 * A value built of secrets becomes a secret.
 */
export function resolve(value: unknown, lookup: Lookup): unknown {
  if (value instanceof Output) return evaluate(value, lookup)
  if (Array.isArray(value)) return value.map((each) => resolve(each, lookup))
  if (!isPlain(value)) return value
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(value)) result[key] = resolve(value[key], lookup)
  return result
}

function evaluate(output: Output<unknown>, lookup: Lookup): unknown {
  const expression = Output.expression(output)
  if (expression.op === "ref") return lookup(expression.node, expression.key)
  const from = resolve(expression.from, lookup)
  if (holdsUnknown(from)) return UNKNOWN
  if (expression.op === "map") return expression.apply(from as never)
  const secrets = secretsIn(from)
  if (secrets.length === 0) return expression.build(from)
  return combine(secrets, (values) => {
    const opened = new Map(secrets.map((each, at) => [each, values[at]]))
    return expression.build(replaceSecrets(from, opened))
  })
}

/** The value with each secret replaced by its text; only ever called inside the derivation of a secret. */
function replaceSecrets(value: unknown, opened: ReadonlyMap<Secret<unknown>, unknown>): unknown {
  if (value instanceof Secret) return opened.get(value)
  if (Array.isArray(value)) return value.map((each) => replaceSecrets(each, opened))
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaceSecrets(each, opened)]))
}

/**
 * A value as a person may see it: outputs by what is known of them, UNKNOWN where nothing is; each secret as the text `[secret NAME]`, also
 * within the texts that are built of it. Nothing is opened.
 */
export function told(value: unknown, lookup: Lookup): unknown {
  if (value instanceof Secret) return `[secret ${value.name}]`
  if (value instanceof Output) return toldOutput(value, lookup)
  if (Array.isArray(value)) return value.map((each) => told(each, lookup))
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, told(each, lookup)]))
}

function toldOutput(output: Output<unknown>, lookup: Lookup): unknown {
  const expression = Output.expression(output)
  if (expression.op === "ref") return told(lookup(expression.node, expression.key), lookup)
  if (expression.op === "map") return told(evaluate(output, lookup), lookup)
  const from = told(expression.from, lookup)
  return holdsUnknown(from) ? UNKNOWN : expression.build(from)
}

/** Whether any leaf of a resolved value is unknown. */
export function holdsUnknown(value: unknown): boolean {
  if (value === UNKNOWN) return true
  if (Array.isArray(value)) return value.some(holdsUnknown)
  return isPlain(value) && Object.values(value).some(holdsUnknown)
}
