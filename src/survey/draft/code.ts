import { literal } from "./literal.ts"

/** An expression of ours: a call, or the name of a variable. */
export class Expression {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A value of a prop. */
export type Value = string | number | boolean | Expression | readonly Value[] | { readonly [name: string]: Value }

/** Widest line of a program. */
const WIDTH = 120

/**
 * A value as TypeScript writes it, on one line where that fits.
 * @param used columns that stand before it on its line
 */
export function code(value: Value, indent: number, used: number): string {
  const flat = flatOf(value)
  if (typeof value !== "object" || value instanceof Expression || used + flat.length <= WIDTH) return flat
  const before = " ".repeat(indent + 2)
  const lines = entriesOf(value).map(
    ([key, each]) => `${before}${key}${code(each, indent + 2, indent + 2 + key.length + 1)},`,
  )
  const [open, close] = isList(value) ? "[]" : "{}"
  return `${open}\n${lines.join("\n")}\n${" ".repeat(indent)}${close}`
}

function flatOf(value: Value): string {
  if (value instanceof Expression) return value.text
  if (typeof value === "number")
    return String(value).replace(/\B(?=(?:\d{3})+$)/g, value < 10_000 || !Number.isInteger(value) ? "" : "_")
  if (typeof value !== "object") return literal(value)
  const parts = entriesOf(value).map(([key, each]) => `${key}${flatOf(each)}`)
  if (isList(value)) return `[${parts.join(", ")}]`
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`
}

function entriesOf(
  value: readonly Value[] | { readonly [name: string]: Value },
): readonly (readonly [string, Value])[] {
  if (isList(value)) return value.map((each) => ["", each])
  return Object.entries(value).map(([name, each]) => [`${keyOf(name)}: `, each])
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** A key that says what it means: `__proto__` would be something else. */
function keyOf(name: string): string {
  if (name === "__proto__") return '["__proto__"]'
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : oneLine(name)
}

/** A key cannot stand between backticks. */
function oneLine(name: string): string {
  const written = literal(name)
  return written.startsWith("`") ? `[${written}]` : written
}
