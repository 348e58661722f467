import { z } from "zod"
import { Secret } from "../secrets/secret.ts"

/** A regular expression as data. */
export const pattern = z
  .strictObject({ regex: z.string(), flags: z.string().default("") })
  .refine(({ regex, flags }) => compiles(regex, flags), { error: "this regular expression does not compile" })

/** What a value must be, as data. A plain value means: equal to it. */
export const expected = z.union(
  [
    z.union([z.string(), z.number(), z.boolean(), z.null()]),
    pattern,
    z.strictObject({
      equals: z.unknown().optional(),
      not: z.unknown().optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      contains: z.string().optional(),
      matches: pattern.optional(),
      exists: z.boolean().optional(),
    }),
  ],
  { error: "expected a value, a regular expression, or some of { equals, not, min, max, contains, matches, exists }" },
)

export const text = z.union([z.string(), z.instanceof(Secret)], {
  error: "expected a string or a secret",
}) as unknown as z.ZodType<string | Secret<string>>
export const expectations = z.record(z.string(), expected)
export const timeoutMs = z.number().int().positive().optional()
export const duration = z.union([z.number().nonnegative(), z.string().regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/)], {
  error: "expected a duration such as 250ms, 30s or 5m",
})
export const count = z.number().nonnegative()

function compiles(regex: string, flags: string): boolean {
  try {
    return new RegExp(regex, flags) instanceof RegExp
  } catch {
    return false
  }
}
