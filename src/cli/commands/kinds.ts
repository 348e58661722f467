import { z } from "zod"
import { FettleError } from "../../errors.ts"
import { perhapsMeant } from "../../policies/nearest.ts"
import { DEFAULT_STAGE, declare, paramsFor } from "../../program/program.ts"
import type { AnyProvider } from "../../provider.ts"
import { releaseProvider } from "../../release/release.ts"
import { builtInKind, builtInKinds } from "../../run/built-in.ts"
import { localTools } from "../../run/local.ts"
import { runners } from "../../verify/runners.ts"
import { type Call, paramsOf } from "../call.ts"
import { loadProgram } from "../load.ts"
import { pageFor, print, say, sayJson, tableLines } from "../print.ts"

/** Lists the kinds that Fettle and the program know, or the props and outputs of one. */
export async function kinds(call: Call): Promise<number> {
  const known = await knownKinds(call)
  const name = call.args[0]
  if (name === undefined) {
    const rows = [...known.values()].map(({ kind, about, connects }) => ({ kind, about, connects }))
    if (call.options.json === true) sayJson(rows)
    else for (const line of tableLines(rows.map(({ kind, about }) => [kind, about]))) say(line)
    return 0
  }
  const provider = known.get(name)
  if (provider === undefined)
    throw new FettleError(
      "KIND_UNKNOWN",
      `nothing knows the kind ${JSON.stringify(name)}${perhapsMeant(name, known.keys())}`,
      {
        next: "fettle kinds lists them all",
      },
    )
  if (call.options.json === true) sayJson(described(provider))
  else show(provider, call)
  return 0
}

/** Built-in kinds, then those of the program, where there is one that can be built. */
async function knownKinds(call: Call): Promise<ReadonlyMap<string, AnyProvider>> {
  const known = new Map<string, AnyProvider>()
  for (const kind of builtInKinds()) {
    const provider = await builtInKind(kind)
    if (provider !== undefined) known.set(kind, provider)
  }
  const tools = localTools(call.around.cwd, call.around.env)
  const { task, check } = runners(tools)
  for (const provider of [task.provider, check.provider, releaseProvider(tools)]) known.set(provider.kind, provider)
  for (const [kind, provider] of await programKinds(call)) known.set(kind, provider)
  return known
}

async function programKinds(call: Call): Promise<Iterable<readonly [string, AnyProvider]>> {
  try {
    const { program } = await loadProgram(call)
    return declare(program, paramsFor(program, call.options.stage ?? DEFAULT_STAGE, paramsOf(call.options))).providers
  } catch (thrown) {
    if (call.options.file !== undefined) throw thrown
    return []
  }
}

interface Property {
  readonly name: string
  readonly type: string
  readonly needed: boolean
  readonly default?: unknown
  readonly description: string
}

/** As much of JSON Schema as is looked at. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly description?: string
}

function described({ kind, about, connects, version, props, outputs }: AnyProvider): Record<string, unknown> {
  return {
    kind,
    about,
    connects,
    version,
    props: propertiesOf(props, "input"),
    outputs: propertiesOf(outputs, "output"),
  }
}

/** The properties of a schema in words; those of every variant where it has several. */
function propertiesOf(schema: z.ZodType, io: "input" | "output"): readonly Property[] {
  const json = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Schema
  const variants = (json.anyOf ?? json.oneOf ?? [json]).filter((variant) => variant.properties !== undefined)
  const found = new Map<string, Property>()
  for (const variant of variants)
    for (const [name, each] of Object.entries(variant.properties ?? {}))
      if (!found.has(name)) found.set(name, property(name, each, variant.required?.includes(name) === true))
  return [...found.values()]
}

function property(name: string, schema: Schema, required: boolean): Property {
  const { description = "", default: fallback } = schema
  return {
    name,
    type: typeText(schema),
    needed: required && fallback === undefined,
    ...(fallback === undefined ? {} : { default: fallback }),
    description,
  }
}

/** A type in words; what JSON Schema cannot say, such as a secret, is called by its title. */
function typeText(schema: Schema): string {
  if (schema.title !== undefined) return schema.title
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" or ")
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return [...new Set(options.map(typeText))].join(" or ")
  if (schema.type === "array") return `list of ${typeText(schema.items ?? {})}`
  return typeof schema.type === "object" ? schema.type.join(" or ") : (schema.type ?? "any")
}

function show(provider: AnyProvider, call: Call): void {
  const page = pageFor(call)
  page.add([["bold", provider.kind], `  ${provider.about}`], 2)
  page.add([["dim", `Connection: ${provider.connects}. Version ${provider.version}.`]])
  print(page)
  say("\nProps:")
  for (const line of tableLines(propertiesOf(provider.props, "input").map(cells))) say(`  ${line}`)
  say("\nOutputs:")
  for (const line of tableLines(propertiesOf(provider.outputs, "output").map(cells))) say(`  ${line}`)
}

function cells({ name, type, needed, default: fallback, description }: Property): readonly string[] {
  const words = [needed ? "needed." : fallback === undefined ? "" : `default ${JSON.stringify(fallback)}.`, description]
  return [name, type, words.filter((word) => word !== "").join(" ")]
}
