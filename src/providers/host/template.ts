import { z } from "zod"
import { combine, Secret } from "../../secrets/secret.ts"
import { secretText } from "../../secrets/secret-text.ts"

const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g

/** What a template is filled with. */
export const templateValues = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), secretText]))

type Value = string | number | boolean | Secret<string>

/**
 * Fills in each `{{name}}` of a template; with a secret among the values the result is a secret. Nothing is escaped.
 * @throws Error where a name has no value, or a value no place
 * @example renderTemplate("port {{port}}", { port: 8080 }) // "port 8080"
 */
export function renderTemplate(text: string, values: Readonly<Record<string, Value>>): string | Secret<string> {
  const names = new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1] as string))
  const missing = [...names].filter((name) => !Object.hasOwn(values, name))
  if (missing.length > 0) throw new Error(`no value for ${missing.map((name) => `{{${name}}}`).join(", ")}`)
  const unused = Object.keys(values).filter((name) => !names.has(name))
  if (unused.length > 0) throw new Error(`no place for ${unused.join(", ")}`)
  const secrets = [...new Set(Object.values(values).filter((value) => value instanceof Secret))]
  const fill = (open: (value: Value) => string): string =>
    text.replaceAll(PLACEHOLDER, (_, name: string) => open(values[name] as Value))
  if (secrets.length === 0) return fill(String)
  return combine(secrets, (opened) =>
    fill((value) => (value instanceof Secret ? String(opened[secrets.indexOf(value)]) : String(value))),
  )
}
