import { eventSchema, type JsonSchema, lineSchema } from "fettle/events"
import { expect, test } from "vitest"
import { z } from "zod"
import { jsonLinesReporter } from "../../src/report/json-lines.ts"
import { events, MIXED, streamed } from "./build.ts"
import { everyEvent } from "./every-event.ts"
import { problems } from "./validate.ts"

/** Events as a reader of the lines gets them. */
function read(given: ReturnType<typeof streamed>): readonly unknown[] {
  const lines: string[] = []
  const reporter = jsonLinesReporter((line) => lines.push(line))
  for (const event of given) reporter(event)
  return lines.map((line) => {
    expect(line).toMatch(/^\{.*\}\n$/)
    return JSON.parse(line) as unknown
  })
}

const all = [...streamed(everyEvent("host.file[a]")), ...events(MIXED)]

test("events of every type, as they are written, fit the schema, and say nothing that it does not name", () => {
  const types = new Set<unknown>()
  for (const event of read(all)) {
    expect(problems(event, eventSchema, eventSchema)).toEqual([])
    types.add((event as { type: unknown }).type)
  }
  expect(types.size).toBe(eventSchema.oneOf.length)
})

test("a reader's own validator takes them too", () => {
  const schema = z.fromJSONSchema(eventSchema as unknown as Parameters<typeof z.fromJSONSchema>[0])
  for (const event of read(all)) expect(schema.safeParse(event).error).toBeUndefined()
  expect(schema.safeParse({ ...(read(all)[0] as object), stage: 1 }).success).toBe(false)
})

test("a line about what went wrong outside a run fits the schema of lines, and the schema of events does not take it", () => {
  const line = {
    type: "error",
    code: "SYNTAX",
    fact: "it does not parse",
    next: "correct the line",
    place: "fettle.ts:1",
  }
  expect(problems(line, lineSchema, lineSchema)).toEqual([])
  expect(problems(line, eventSchema, eventSchema)).not.toEqual([])
  expect(problems({ ...line, next: undefined }, lineSchema, lineSchema)).not.toEqual([])
  for (const event of read(all)) expect(problems(event, lineSchema, lineSchema)).toEqual([])
})

test("what is wrong does not fit", () => {
  const [first] = read(streamed([{ type: "plan.started", nodes: 3 }])) as [Record<string, unknown>]
  const wrong: readonly unknown[] = [
    { ...first, type: "plan.other" },
    { ...first, nodes: -1 },
    { ...first, nodes: "3" },
    { ...first, traceId: "xyz" },
    { ...first, seq: 0 },
    { ...first, extra: true },
    { type: "plan.started", nodes: 3 },
    null,
    [],
  ]
  expect(problems(first, eventSchema, eventSchema)).toEqual([])
  for (const each of wrong) expect(problems(each ?? {}, eventSchema, eventSchema)).not.toEqual([])
})

test("a line holds nothing that a terminal obeys, and loses nothing", () => {
  const text = "\x1b[31m\u009b2J\u202e\u2028\u2029\u0000\u200b\ufeff\ud800 é 漢"
  const [line] = read(streamed([{ type: "note", level: "info", text }])) as [{ text: string }]
  expect(line.text).toBe(text)
  let written = ""
  jsonLinesReporter((each) => (written += each))(streamed([{ type: "note", level: "info", text }])[0] as never)
  expect(written.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
})

test("docs/events.md says what the schema says", async () => {
  await expect(page()).toMatchFileSnapshot("../../docs/events.md")
})

interface ObjectSchema {
  readonly description: string
  readonly properties: Readonly<Record<string, JsonSchema>>
  readonly required: readonly string[]
}

const HEAD = ["type", "runId", "traceId", "seq", "at"]

/** The page about events, from the schema. */
function page(): string {
  const defs = Object.entries(eventSchema.$defs).filter(
    (entry): entry is [string, ObjectSchema & Record<string, unknown>] => typeof entry[1] === "object",
  )
  const isEvent = (name: string): boolean => eventSchema.oneOf.some(({ $ref }) => $ref === `#/$defs/${name}`)
  const head = (defs[0] as [string, ObjectSchema])[1]
  const sections = defs.map(([name, schema]) => {
    const rows = table(schema, isEvent(name) ? HEAD : [])
    return `### ${isEvent(name) ? `\`${name}\`` : name}\n\n${schema.description}\n${rows}`
  })
  const events = sections.filter((_section, index) => isEvent((defs[index] as [string, unknown])[0]))
  const shapes = sections.filter((section) => !events.includes(section))
  return `${INTRODUCTION}\n## Every event\n${table({ ...head, properties: { type: { type: "string", description: "Which of the events below it is." }, ...Object.fromEntries(HEAD.slice(1).map((name) => [name, head.properties[name] as JsonSchema])) } }, [])}\n## Events\n\n${events.join("\n")}\n## Shapes inside them\n\n${shapes.join("\n")}`
}

const INTRODUCTION = `<!-- Made from src/events/schema.ts: \`npx vitest run test/report/schema.test.ts --update\` writes it anew. -->

# Events

Everything that a run tells is an event: one typed stream, redacted before anybody sees it. Reporters show it; the JSON
lines reporter writes each event as one line of JSON. The lines are described by a JSON Schema (draft 2020-12), the value
\`eventSchema\` of \`fettle/events\`; \`lineSchema\` there describes every line that a command with \`--json\` prints.

    import { eventSchema, lineSchema } from "fettle/events"

    {"runId":"7c9e…","traceId":"0af7…","seq":12,"at":1795402800041,"type":"node.finished","address":"host.file[config]","action":"create","outcome":"done","durationMs":12}

- The first event of a run is \`run.started\` (where the run could begin at all), the last one is \`run.finished\`.
- What goes wrong outside a run (the program does not load, a wrong command line) is one line \`{"type":"error","code":…,"fact":…,"next":…}\`, which belongs to no run and has no \`runId\`; \`address\`, \`place\`, \`cause\` and \`details\` may stand in it.
- Readers must ignore properties and types of events that they do not know: later versions may add some.
- Characters that a terminal obeys stand in the lines as \`\\uXXXX\`, which any JSON reader turns back.
`

function table(
  { properties, required }: Pick<ObjectSchema, "properties" | "required">,
  without: readonly string[],
): string {
  const rows = Object.entries(properties)
    .filter(([name]) => !without.includes(name))
    .map(
      ([name, schema]) =>
        `| \`${name}\`${required.includes(name) ? "" : " (may be missing)"} | ${typeText(schema)} | ${cell((schema as { description?: string }).description ?? "")} |`,
    )
  return rows.length === 0
    ? "\nIt says nothing else.\n"
    : `\n| property | type | meaning |\n|---|---|---|\n${rows.join("\n")}\n`
}

function typeText(schema: JsonSchema): string {
  if (typeof schema === "boolean") return "any JSON"
  const {
    $ref,
    type,
    enum: values,
    const: value,
    items,
    additionalProperties: each,
  } = schema as Record<string, unknown>
  if (typeof $ref === "string")
    return $ref === "#/$defs/json"
      ? "any JSON"
      : `[${$ref.replace("#/$defs/", "")}](#${$ref.replace("#/$defs/", "").toLowerCase()})`
  if (value !== undefined) return `\`${JSON.stringify(value)}\``
  if (Array.isArray(values)) return cell(values.map((one) => `\`${one}\``).join(", "))
  if (items !== undefined) return `list of ${typeText(items as JsonSchema)}`
  if (each !== undefined) return `object of ${typeText(each as JsonSchema)}`
  return [type].flat().join(" or ")
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|")
}
