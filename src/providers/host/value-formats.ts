import { createRequire } from "node:module"
import { isDeepStrictEqual } from "node:util"
import type { Json } from "../../provider.ts"
import { editIni, readIni } from "./value-ini.ts"
import { EditRefused, shownPath, type ValuePath } from "./value-path.ts"
import { editToml } from "./value-toml.ts"

/** What a file is written in. */
export const formats = ["json", "yaml", "toml", "ini"] as const
export type Format = (typeof formats)[number]

type Data = Json | undefined

// Only who keeps a value waits for these packages, and deciding is synchronous.
const load = createRequire(import.meta.url)
const jsonc = (): typeof import("jsonc-parser") => load("jsonc-parser") as typeof import("jsonc-parser")
const yaml = (): typeof import("yaml") => load("yaml") as typeof import("yaml")
const toml = (): typeof import("smol-toml") => load("smol-toml") as typeof import("smol-toml")

/** The value at a path; undefined where there is none. @throws EditRefused where the text is not of that format */
export function valueAt(format: Format, text: string, at: ValuePath): Data {
  return reader(format, text)(at)
}

/** The same for many values of one text, which is read once. @throws EditRefused where it is not of that format */
export function reader(format: Format, text: string): (at: ValuePath) => Data {
  const data = dataOf(format, text)
  return (at) => step(data, at)
}

/**
 * The text with another value at a path, or without it where `value` is undefined. All else stays as it is, comments too. What comes
 * out is read again: it is refused where anything but that value would differ.
 * @throws EditRefused
 */
export function edited(format: Format, text: string, at: ValuePath, value: Data): string {
  const before = dataOf(format, text)
  const wanted = changed(before, at, format === "ini" && value !== undefined ? String(value) : value)
  if (isDeepStrictEqual(plain(before), plain(wanted))) return text
  const after = EDIT[format](text, at, value)
  if (!same(() => dataOf(format, after), wanted))
    throw new EditRefused(
      `${shownPath(at)} cannot be changed here without changing more: keep the whole file with host.file`,
    )
  return after
}

const EDIT: Readonly<Record<Format, (text: string, at: ValuePath, value: Data) => string>> = {
  json: editJson,
  yaml: editYaml,
  toml: (text, at, value) => editToml(text, at, value, { parse: parseToml }),
  ini: editIni,
}

function same(read: () => unknown, wanted: unknown): boolean {
  try {
    return isDeepStrictEqual(plain(read()), plain(wanted))
  } catch {
    return false
  }
}

/** Dates and the like as text: what matters is that they did not move. */
function plain(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data) ?? "null")
}

function dataOf(format: Format, text: string): unknown {
  if (format === "ini") return readIni(text)
  if (format === "toml") return parseToml(text)
  return format === "json" ? parseJson(text) : parseYaml(text).toJS()
}

function parseToml(text: string): unknown {
  try {
    return toml().parse(text)
  } catch (thrown) {
    throw new EditRefused((thrown as Error).message.split("\n")[0] ?? "")
  }
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return {}
  const errors: import("jsonc-parser").ParseError[] = []
  const data: unknown = jsonc().parse(text, errors, { allowTrailingComma: true, allowEmptyContent: false })
  const [error] = errors
  if (error !== undefined)
    throw new EditRefused(`it is not JSON at offset ${error.offset}: ${jsonc().printParseErrorCode(error.error)}`)
  return data
}

function parseYaml(text: string): import("yaml").Document {
  const documents = yaml().parseAllDocuments(text, { logLevel: "silent" })
  if (!Array.isArray(documents) || documents.length === 0) return new (yaml().Document)({})
  const [document] = documents
  if (documents.length > 1 || document === undefined) throw new EditRefused("it holds more than one YAML document")
  const [error] = document.errors
  if (error !== undefined) throw new EditRefused(error.message.split("\n")[0] ?? "")
  if (document.contents === null) document.contents = document.createNode({}) as never
  return document
}

function editJson(text: string, at: ValuePath, value: Data): string {
  const whole = text.trim() === "" ? "{}\n" : text
  const indent = /^([ \t]+)\S/m.exec(whole)?.[1] ?? "  "
  const formattingOptions = { insertSpaces: !indent.startsWith("\t"), tabSize: indent.length, eol: "\n" }
  return jsonc().applyEdits(
    whole,
    jsonc().modify(whole, [...at], value, value === undefined ? {} : { formattingOptions }),
  )
}

/** A scalar is replaced where it stands; for all else the document is written anew, with its comments. */
function editYaml(text: string, at: ValuePath, value: Data): string {
  const document = parseYaml(text)
  const node = document.getIn(at, true)
  if (yaml().isScalar(node) && node.range && node.anchor === undefined && isScalar(value)) {
    const [from, to] = node.range
    const word = yamlText(value).trimEnd()
    const after = text.slice(0, from) + word + text.slice(to)
    const wanted = changed(document.toJS(), at, value)
    if (to > from && !word.includes("\n") && same(() => parseYaml(after).toJS(), wanted)) return after
  }
  if (!/^[^#\s]/m.test(text)) return `${text}${yamlText(changed({}, at, value) as Json)}` // nothing but comments, which no document holds
  const parent = document.getIn(at.slice(0, -1), true)
  if (yaml().isCollection(parent) && parent.items.length === 0) parent.flow = false
  if (value === undefined) document.deleteIn(at)
  else document.setIn(at, yamlDocument(value).contents)
  return document.toString({ lineWidth: 0 })
}

function isScalar(value: Data): value is string | number | boolean | null {
  return value === null || ["string", "number", "boolean"].includes(typeof value)
}

function yamlText(value: Json): string {
  return yamlDocument(value).toString({ lineWidth: 0 })
}

/** Older readers take `yes` and its like for booleans: as texts they stand in quotes. */
function yamlDocument(value: Json): import("yaml").Document {
  const { Document, visit } = yaml()
  const document = new Document(value)
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === "string" && /^(y|n|yes|no|on|off)$/i.test(node.value)) node.type = "QUOTE_DOUBLE"
    },
  })
  return document as import("yaml").Document
}

function step(data: unknown, at: ValuePath): Data {
  let here: unknown = data
  for (const name of at) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined
    here = (here as Record<string | number, unknown>)[name]
  }
  return here === undefined ? undefined : (JSON.parse(JSON.stringify(here)) as Json)
}

/** A copy of the data with another value at a path. @throws EditRefused where something stands in its way */
function changed(data: unknown, at: ValuePath, value: Data): unknown {
  const [name, ...rest] = at
  if (name === undefined) return value
  if (data !== undefined && (typeof data !== "object" || data === null))
    throw new EditRefused(`there is a value in the place of ${name}'s table`)
  if (Array.isArray(data)) {
    if (typeof name !== "number" || name > data.length || (rest.length > 0 && name === data.length))
      throw new EditRefused(`the list has ${data.length} items, and ${name} is none of them`)
    const copy: unknown[] = [...data]
    if (rest.length === 0 && value === undefined) copy.splice(name, 1)
    else copy[name] = changed(copy[name], rest, value)
    return copy
  }
  if (typeof name === "number") throw new EditRefused(`${name} is an item of a list, and there is none`)
  const copy = { ...(data as Record<string, unknown> | undefined) }
  if (rest.length === 0 && value === undefined) delete copy[name]
  else if (value !== undefined || Object.hasOwn(copy, name)) copy[name] = changed(copy[name], rest, value)
  return copy
}
