import { z } from "zod"
import type { AnyProvider } from "../../provider.ts"
import { PLUGIN } from "./exported-plugin-python.ts"

/** The files of a module for playbooks, by their paths in the folder beside a playbook. */
export interface ExportedModule {
  /** How a task calls it. */
  readonly name: string
  readonly files: Readonly<Record<string, string>>
}

/** As much of JSON Schema as Ansible is told of. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** What templates of a playbook leave as a text, and a kind wants as what it is. */
const CAST: Readonly<Record<string, string>> = { boolean: "bool", integer: "int", number: "float" }

/**
 * A kind of hosts as a module for playbooks: an action plugin, which Ansible runs on the controller, and beside it the module's page.
 * So the host needs no Python, and what Fettle does there is what it does in a program: a module that runs on the target would need
 * Node there.
 */
export function exportedModule(provider: AnyProvider): ExportedModule {
  const name = `fettle_${provider.kind.replace(/^host\./, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
  const options = optionsOf(provider)
  return {
    name,
    files: {
      [`action_plugins/${name}.py`]: plugin(provider.kind, options),
      [`library/${name}.py`]: page(name, provider, options),
    },
  }
}

interface Option {
  readonly name: string
  readonly description: string
  readonly type: string | undefined
  readonly required: boolean
}

/** The props of every variant; where they differ in type, none is told. */
function optionsOf({ props }: AnyProvider): readonly Option[] {
  const json = z.toJSONSchema(props, { io: "input", unrepresentable: "any" }) as Schema
  const variants = (json.anyOf ?? json.oneOf ?? [json]).filter(({ properties }) => properties !== undefined)
  const names = [...new Set(variants.flatMap(({ properties = {} }) => Object.keys(properties)))]
  return names.map((name) => {
    const all = variants.flatMap(({ properties = {} }) => properties[name] ?? [])
    const types = new Set(all.map(({ type }) => (typeof type === "string" ? type : "")))
    const [type] = types.size === 1 ? types : []
    return {
      name,
      description: all[0]?.description ?? "",
      type: type === "" ? undefined : type,
      required: variants.every(({ required = [] }) => required.includes(name)) && all[0]?.default === undefined,
    }
  })
}

/** A page for `ansible-doc`; the module itself never runs. JSON is YAML, and an escaped text of it is one of Python. */
function page(name: string, { kind, about }: AnyProvider, options: readonly Option[]): string {
  const documentation = {
    module: name,
    short_description: about,
    description: [`The kind ${kind} of Fettle, which the action plugin of this name runs on the controller.`],
    author: ["fettle ansible export"],
    options: Object.fromEntries(
      options.map(({ name: option, description, required }) => [
        option,
        { description: [description || option], type: "raw", required },
      ]),
    ),
  }
  return `# Written by: fettle ansible export ${kind}
DOCUMENTATION = ${python(JSON.stringify(documentation))}
`
}

function plugin(kind: string, options: readonly Option[]): string {
  const casts = options.flatMap(({ name, type = "" }) =>
    CAST[type] === undefined ? [] : [[name, CAST[type]] as const],
  )
  const texts: Readonly<Record<string, string>> = {
    "@KIND_NAME@": kind,
    "@KIND@": python(kind),
    "@CASTS@": python(JSON.stringify(Object.fromEntries(casts))),
  }
  return PLUGIN.replace(/@[A-Z_]+@/g, (name) => texts[name] ?? name)
}

/** A text as Python writes it. */
function python(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}
