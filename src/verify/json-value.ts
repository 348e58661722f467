import { FettleError } from "../errors.ts"
import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/**
 * A value that is JSON, or holds secrets in the place of texts; nothing at all becomes null.
 * @throws FettleError `TASK_FAILED` naming the part that cannot be remembered
 * @example asJson({ pages: 3 })
 */
export function asJson(value: unknown): unknown {
  return value === undefined ? null : checked(value, "", new Set())
}

function checked(value: unknown, path: string, around: Set<object>): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean" || value instanceof Secret) return value
  if (typeof value === "number" && Number.isFinite(value)) return value
  if (!Array.isArray(value) && !isPlain(value)) throw notJson(value, path)
  if (around.has(value)) throw notJson("itself", path)
  around.add(value)
  const copy = Array.isArray(value)
    ? value.map((each, at) => checked(each, `${path}.${at}`, around))
    : Object.fromEntries(
        Object.entries(value)
          .filter(([, each]) => each !== undefined)
          .map(([key, each]) => [key, checked(each, `${path}.${key}`, around)]),
      )
  around.delete(value)
  return copy
}

function notJson(value: unknown, path: string): FettleError {
  const what =
    value === "itself"
      ? "holds itself"
      : `is ${Object.prototype.toString.call(value).slice(8, -1)} ${typeof value === "number" ? value : ""}`.trim()
  return new FettleError("TASK_FAILED", `its function returned something that is not JSON: result${path} ${what}`, {
    details: { notMade: true },
    next: "return texts, numbers, booleans, null, lists and plain objects",
  })
}
