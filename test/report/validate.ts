import type { JsonSchema } from "../../src/events/json-schema.ts"

type Keywords = Readonly<Record<string, unknown>>

/**
 * What is wrong with a value, as a list of places and words. A validator for the keywords that our schema uses; any
 * other keyword throws, and a property that the schema does not name is wrong.
 */
export function problems(value: unknown, schema: JsonSchema, root: Keywords, at = "$"): readonly string[] {
  if (schema === true) return []
  if (schema === false) return [`${at}: nothing is allowed`]
  const rules: Readonly<Record<string, (rule: unknown) => readonly string[]>> = {
    $ref: (name) => problems(value, referred(root, String(name)), root, at),
    oneOf: (choices) => {
      const results = (choices as JsonSchema[]).map((choice) => problems(value, choice, root, at))
      const fits = results.filter((result) => result.length === 0).length
      return fits === 1
        ? []
        : [
            `${at}: fits ${fits} of ${results.length}: ${results.toSorted((a, b) => a.length - b.length)[0]?.join("; ")}`,
          ]
    },
    type: (types) => ([types].flat().some((type) => isOf(value, String(type))) ? [] : [`${at}: is no ${types}`]),
    const: (wanted) => (value === wanted ? [] : [`${at}: is not ${wanted}`]),
    enum: (wanted) => ((wanted as unknown[]).includes(value) ? [] : [`${at}: is none of ${wanted}`]),
    minimum: (least) => (Number(value) >= Number(least) ? [] : [`${at}: is below ${least}`]),
    pattern: (pattern) => (new RegExp(String(pattern)).test(String(value)) ? [] : [`${at}: does not match ${pattern}`]),
    items: (each) =>
      Array.isArray(value)
        ? value.flatMap((item, index) => problems(item, each as JsonSchema, root, `${at}[${index}]`))
        : [],
    required: (names) =>
      (names as string[])
        .filter((name) => !Object.hasOwn(value as object, name))
        .map((name) => `${at}.${name}: is missing`),
    properties: (named) =>
      Object.entries(value as object).flatMap(([name, each]) =>
        problems(each, (named as Record<string, JsonSchema>)[name] ?? false, root, `${at}.${name}`),
      ),
    additionalProperties: (each) =>
      Object.entries(value as object).flatMap(([name, item]) =>
        problems(item, each as JsonSchema, root, `${at}.${name}`),
      ),
    description: () => [],
    title: () => [],
    $schema: () => [],
    $id: () => [],
    $defs: () => [],
  }
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    const check = rules[keyword]
    if (check === undefined) throw new Error(`the validator does not know ${keyword}`)
    return check(rule)
  })
}

function referred(root: Keywords, name: string): JsonSchema {
  const found = (root.$defs as Record<string, JsonSchema>)[name.replace(/^#\/\$defs\//, "")]
  if (found === undefined) throw new Error(`${name} is not defined`)
  return found
}

function isOf(value: unknown, type: string): boolean {
  if (type === "integer") return Number.isInteger(value)
  if (type === "array") return Array.isArray(value)
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value)
  return typeof value === type
}
