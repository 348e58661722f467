/** A JSON Schema, as far as ours go. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** What the properties of one object are; those of `may` can be missing. */
export interface Shape {
  readonly must: Readonly<Record<string, JsonSchema>>
  readonly may?: Readonly<Record<string, JsonSchema>>
}

export const text = (description: string): JsonSchema => ({ type: "string", description })
export const amount = (description: string): JsonSchema => ({ type: "integer", minimum: 0, description })
export const oneOf = (values: readonly string[], description: string): JsonSchema => ({ enum: values, description })
export const list = (items: JsonSchema, description: string): JsonSchema => ({ type: "array", items, description })
export const strings = (description: string): JsonSchema => list({ type: "string" }, description)
export const mapOf = (each: JsonSchema, description: string): JsonSchema => ({
  type: "object",
  additionalProperties: each,
  description,
})
export const ref = (name: string, description: string): JsonSchema => ({ $ref: `#/$defs/${name}`, description })

export function object(description: string, { must, may = {} }: Shape): JsonSchema {
  return { type: "object", description, properties: { ...must, ...may }, required: Object.keys(must) }
}

export const address = text("The address of the node.")
export const durationMs = { type: "number", minimum: 0, description: "How long it took, in milliseconds." }
export const because = text("The reason, in words.")
export const order = oneOf(["create-first", "stop-first", "delete-first"], "Which comes first in a replace.")
