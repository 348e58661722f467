import { FettleError } from "../../errors.ts"
import { Secret } from "../../secrets/secret.ts"

/** The keys of a dot path; a dot that belongs to a key is written `\.`, as in `labels.fettle\.dev/owner`. */
export function keysOf(path: string): readonly string[] {
  return (path.match(/(?:\\.|[^.\\])+/gs) ?? []).map((key) => key.replace(/\\(.)/gs, "$1"))
}

/** The dot path of keys; the inverse of `keysOf`. */
export function pathOf(keys: readonly string[]): string {
  return keys.map((key) => key.replace(/[.\\]/g, "\\$&")).join(".")
}

/**
 * What stands at a dot path; undefined where nothing does. The empty path is the value itself.
 * @example at({ links: { self: "/7" } }, "links.self") // "/7"
 */
export function at(value: unknown, path: string): unknown {
  let found = value
  for (const key of keysOf(path)) found = own(found, key)
  return found
}

/** A field of an object or an item of an array; undefined where there is none, whatever prototypes hold. */
export function own(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || value instanceof Secret || !Object.hasOwn(value, key))
    return undefined
  return (value as Record<string, unknown>)[key]
}

/** A copy of an object in which `path` holds `value`; what stands in the way of the path is replaced. */
export function withAt(
  object: Readonly<Record<string, unknown>>,
  path: string,
  value: unknown,
): Record<string, unknown> {
  return put(object, keysOf(path), value)
}

function put(
  object: Readonly<Record<string, unknown>>,
  [key = "", ...rest]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  const below = Object.hasOwn(object, key) ? object[key] : undefined
  const next = rest.length === 0 ? value : put(isRecord(below) ? below : {}, rest, value)
  return Object.fromEntries([...Object.entries(object).filter(([name]) => name !== key), [key, next]])
}

/** Whether one path is the other, or above it. */
export function covers(above: string, below: string): boolean {
  return above === below || above === "" || below.startsWith(`${above}.`)
}

/**
 * A URL path with the id in it. What would change the path (`.`, `..`, nothing) is refused, all else is encoded.
 * @throws FettleError `HTTP_FAILED`
 */
export function fill(template: string, id: string): string {
  if (/^\.{0,2}$/.test(id)) {
    const fact = `the id ${JSON.stringify(id)} cannot stand in ${template}: it would name another path`
    throw new FettleError("HTTP_FAILED", fact, { details: { notMade: true } })
  }
  return template.replaceAll("{id}", () => encodeURIComponent(id))
}

/** A scalar as the text of an id; undefined for anything else. */
export function idText(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") return value
  return typeof value === "number" && Number.isFinite(value) ? String(value) : undefined
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret)
}
