import type { Json } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import type { Body } from "./object-props.ts"
import { isRecord, keysOf, own } from "./path.ts"

/**
 * What of an object is held against its body: the fields that one of the bodies has. Where a body has a secret nothing is
 * shown, since the far side may show it.
 * @param bodies the wanted body and the recorded one
 */
export function shownOf(object: unknown, bodies: readonly unknown[]): Json | undefined {
  const shapes = bodies.filter((body) => body !== undefined)
  if (object === undefined || shapes.length === 0 || shapes.some((shape) => shape instanceof Secret)) return undefined
  if (Array.isArray(object))
    return object.map(
      (item, at) =>
        shownOf(
          item,
          shapes.map((shape) => itemOf(shape, at)),
        ) ?? null,
    )
  const trees = shapes.filter((shape) => isRecord(shape))
  if (!isRecord(object)) return object as Json
  const names = new Set(trees.flatMap((tree) => Object.keys(tree)))
  const fields = [...names].map(
    (name) =>
      [
        name,
        shownOf(
          own(object, name),
          trees.map((tree) => own(tree, name)),
        ),
      ] as const,
  )
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined)) as Json
}

/** The shape of one item; items beyond the body's are like its last. */
function itemOf(shape: unknown, at: number): unknown {
  return Array.isArray(shape) ? shape[Math.min(at, shape.length - 1)] : undefined
}

/** Whether a body holds a secret at a path, below it or above it. */
export function holdsSecret(body: Body, path: string): boolean {
  let here: unknown = body
  for (const key of keysOf(path)) {
    if (here instanceof Secret) return true
    here = own(here, key)
  }
  return hasSecret(here)
}

function hasSecret(value: unknown): boolean {
  if (value instanceof Secret) return true
  return typeof value === "object" && value !== null && Object.values(value).some(hasSecret)
}
