import { z } from "zod"
import { FettleError } from "../../errors.ts"

/** Many fields of the Engine are null where they are empty. */
export function orEmpty<T extends z.ZodType>(of: T) {
  return z
    .array(of)
    .nullish()
    .transform((list) => list ?? [])
}

/** Text by names, null where it is empty. */
export const textMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {})

/**
 * What the Engine showed, in the shape that its API names.
 * @throws FettleError `DOCKER_PROTOCOL`
 */
export function shaped<T extends z.ZodType>(shape: T, json: unknown, what: string): z.output<T> {
  const result = shape.safeParse(json)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0] ?? { path: [], message: "it is empty" }
  throw new FettleError("DOCKER_PROTOCOL", `${what}: ${path.map(String).join(".") || "the answer"}: ${message}`)
}
