// `npm run docs [-- --check]`: writes a page for each kind (docs/kinds/) from its schema and the page of error codes
// from the catalogue, then looks at every link. With --check nothing is written; a page that is out of date is a problem.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { z } from "zod"
import { build } from "./build.mjs"
import { files, root } from "./step.mjs"

const entries = ["ansible", "docker", "haproxy", "host", "http", "sqlite"]

/** Resolves to what `npm run check` wants of a step. */
export async function documentation({ check = true } = {}) {
  if ((await build({ quiet: check })) !== 0) return { looked: 0, unit: "pages", problems: ["npm run build fails"] }
  const pages = new Map([...(await kindPages()), ...(await releasePage()), ...(await errorPage())])
  const problems = check ? outdated(pages) : write(pages)
  const texts = files("*.md", "{docs,examples,bench}/**/*.md")
  problems.push(...texts.flatMap(deadLinks))
  return { looked: texts.length, unit: "pages", note: `${pages.size} generated`, problems }
}

async function kindPages() {
  const found = new Map()
  const index = []
  for (const entry of entries) {
    const path = join(root, "dist", `${entry}.js`)
    if (!existsSync(path)) continue
    for (const provider of providersIn(Object.values(await import(pathToFileURL(path).href)))) {
      found.set(`docs/kinds/${provider.kind}.md`, kindPage(provider, entry))
      index.push(`- [${provider.kind}](${provider.kind}.md): ${provider.about}`)
    }
  }
  if (index.length > 0) found.set("docs/kinds/README.md", ["# Kinds", "", ...index, ""].join("\n"))
  return found
}

/** What a release takes, but for what it finds out by itself. */
async function releasePage() {
  const { releaseProps } = await import("../src/program/release-props.ts")
  const given = releaseProps.omit({ slot: true, back: true, instances: true, fresh: true, checks: true })
  const text = [
    "# Options of a release",
    "",
    "What `release(NAME, OPTIONS)` takes; [releases](releases.md) says what comes of it. Besides what the table names:",
    "",
    "- `run`: a function that declares what runs a version, from `{ version, slot }`, and gives the copies that can get traffic: `{ name, address, port }`. Needed.",
    "- `checks`: a function that gives [checks](resource-checks.md) by name, from the copies.",
    "- `after`: nodes that must have ended well before it begins.",
    "- `traffic.on` is the connection itself, and so is `metrics.NAME.source.on`.",
    "",
    ...table(given, "input"),
    "",
    "<!-- Written by `npm run docs` from the schema of a release. -->",
    "",
  ].join("\n")
  return new Map([["docs/release-options.md", text]])
}

/** Exported providers, and those in an exported namespace such as `host`. */
function providersIn(values) {
  const isProvider = (value) => typeof value?.kind === "string" && value.props instanceof z.ZodType
  const all = values.flatMap((value) =>
    value && typeof value === "object" ? [value, ...Object.values(value)] : [value],
  )
  return [...new Set(all.filter(isProvider))].sort((a, b) => a.kind.localeCompare(b.kind))
}

function kindPage({ kind, about, connects, props, outputs, version }, entry) {
  return [
    `# ${kind}`,
    "",
    about,
    "",
    `From \`fettle/${entry}\`. Connection: ${connects}. Version ${version} of its props and outputs.`,
    "",
    "## Props",
    "",
    ...table(props, "input"),
    "",
    ...example(kind, entry),
    "## Outputs",
    "",
    ...table(outputs, "output"),
    "",
    "<!-- Written by `npm run docs` from the kind's schema. -->",
    "",
  ].join("\n")
}

function table(schema, io) {
  const json = z.toJSONSchema(schema, { io, unrepresentable: "any" })
  const variants = (json.anyOf ?? json.oneOf ?? [json]).filter((variant) => variant.properties)
  if (variants.length === 0) return ["None."]
  return variants.flatMap((variant, at) => [
    ...(at > 0 ? ["", "or", ""] : []),
    `| name | type | ${io === "input" ? "needed" : "always"} | meaning |`,
    "|---|---|---|---|",
    ...rows(variant, io),
  ])
}

/** A row for each property, and behind it one for each of what is in it: `next.page`. */
function rows({ properties, required }, io, before = "") {
  return Object.entries(properties).flatMap(([name, property]) => {
    const needed = required?.includes(name) && property.default === undefined ? "yes" : ""
    const standard = property.default === undefined ? "" : ` Default: \`${JSON.stringify(property.default)}\`.`
    const meaning = cell(`${property.description ?? ""}${standard}`)
    const own = `| \`${before}${name}\` | ${cell(typeText(property))} | ${needed} | ${meaning} |`
    const inner = objectsIn(property).flatMap(([mark, object]) => rows(object, io, `${before}${name}${mark}.`))
    return [own, ...merged(inner)]
  })
}

/** Rows of one name, which several choices have, as one. */
function merged(rows) {
  const byName = new Map()
  for (const row of rows) {
    const [name, type, ...rest] = row.split(" | ")
    const types = byName.get(name)?.types ?? new Set()
    byName.set(name, { types: types.add(type), rest })
  }
  return [...byName].map(([name, { types, rest }]) => [name, [...types].join(" or "), ...rest].join(" | "))
}

/** The objects that a value may be: itself, one of its choices, or what a list holds. */
function objectsIn(schema) {
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) {
    const found = choices.flatMap(objectsIn)
    const always = (name) => found.every(([, { required }]) => required?.includes(name))
    return found.map(([mark, object]) => [mark, { ...object, required: object.required?.filter(always) }])
  }
  if (schema.type === "array") return objectsIn(schema.items ?? {}).map(([mark, object]) => [`[]${mark}`, object])
  const named = schema.properties === undefined ? schema.additionalProperties : undefined
  if (Object(named).type !== undefined || Object(named).anyOf !== undefined)
    return objectsIn(named).map(([mark, object]) => [`.NAME${mark}`, object])
  return schema.properties === undefined || schema.title ? [] : [["", schema]]
}

/** What stands before an example of a kind, by the names that it uses. */
const GIVEN = {
  web: "const web = host.local()",
  port: "const port = 8080",
  conf: 'const conf = resource(host.file, "config", { path: "/srv/shop/config.json", content: "{}" }, { on: web })',
  nginx: 'const nginx = resource(host.package, { name: "nginx" }, { on: web })',
  code: 'const code = resource(host.tree, { path: "/srv/shop", source: "dist" }, { on: web })',
  service: 'const service = api({ name: "service", url: "https://api.example.com" })',
}

/** The example above the kind in its source, as a file that compiles; a test of the docs sees that it does. */
function example(kind, entry) {
  const source = files("src/providers/**/*.ts")
    .map((path) => readFileSync(join(root, path), "utf8"))
    .find((text) => text.includes(`kind: "${kind}"`))
  const [, text] = /@example([^@]*?)\s*\*\/\s*export const \w+ = /.exec(source ?? "") ?? []
  if (text === undefined) return []
  const code = text.replace(/^\s*\* ?/gm, "").trim()
  const uses = (name, where) => new RegExp(`(?<![."'/\\w])${name}\\b(?!["':])`).test(where)
  const onWeb = uses("conf", code) || uses("code", code)
  const given = Object.entries(GIVEN).filter(([name]) => uses(name, code) || (name === "web" && onWeb))
  const whole = [...given.map(([, line]) => line), code].join("\n")
  const names = ["json", "lookup", "resource", "secret"].filter((name) => new RegExp(`\\b${name}[(.]`).test(whole))
  const clients = whole.includes("api(") ? ['import { api } from "fettle/http"'] : []
  const entries = [...new Set([entry, ...(whole.includes("host.") ? ["host"] : [])])]
  const imports = [
    ...(whole.includes("readFileSync(") ? ['import { readFileSync } from "node:fs"'] : []),
    `import { ${names.join(", ")} } from "fettle"`,
    ...entries.map((each) => `import * as ${each} from "fettle/${each}"`),
  ]
  return ["## Example", "", "```ts", ...imports, ...clients, "", whole, "```", ""]
}

/** A type in words; a schema that JSON Schema cannot say (a secret) is called by the title of its meta. */
function typeText(schema) {
  if (schema.title) return schema.title
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ")
  const options = schema.anyOf ?? schema.oneOf
  if (options) return [...new Set(options.map(typeText))].join(" or ")
  if (schema.type === "array") return `list of ${typeText(schema.items ?? {})}`
  return Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "any")
}

const cell = (text) => text.trim().replaceAll("|", "\\|").replaceAll("\n", " ")

async function errorPage() {
  const { errorCodes, explain } = await import(pathToFileURL(join(root, "dist/errors.js")).href)
  const parts = errorCodes().flatMap((code) => {
    const { means, next } = explain(code)
    return [`## ${code}`, "", means, "", `**Next:** ${next}.`, ""]
  })
  const head = ["# Error codes", "", "`fettle explain CODE` prints the same.", ""]
  return new Map([["docs/errors.md", [...head, ...parts, "<!-- Written by `npm run docs`. -->", ""].join("\n")]])
}

const leftOver = (pages) => files("docs/kinds/*.md").filter((path) => !pages.has(path))

function outdated(pages) {
  const read = (path) => (existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined)
  const old = [...pages].filter(([path, text]) => read(path) !== text).map(([path]) => path)
  return [...old, ...leftOver(pages)].map((path) => `${path} is out of date: npm run docs`)
}

function write(pages) {
  for (const path of leftOver(pages)) rmSync(join(root, path))
  for (const [path, text] of pages) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return []
}

/** Relative links whose file is not there. Links in code blocks are only examples. */
function deadLinks(path) {
  const text = readFileSync(join(root, path), "utf8").replace(/```[\s\S]*?```|`[^`\n]*`/g, "")
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link.replace(/#.*$/, ""))
  const local = links.filter((link) => link !== "" && !/^[a-z]+:/.test(link))
  const dead = local.filter((link) => !existsSync(resolve(root, dirname(path), decodeURI(link))))
  return dead.map((link) => `${path} links to ${relative(".", join(dirname(path), link))}, which is not there`)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { looked, note, problems } = await documentation({ check: process.argv.includes("--check") })
  for (const problem of problems) console.error(problem)
  console.log(`${looked} pages, ${note}, ${problems.length} problems`)
  process.exit(problems.length === 0 ? 0 : 1)
}
