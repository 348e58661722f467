import { z } from "zod"
import type { Json } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { at, idText, isRecord, keysOf } from "./path.ts"

/** A value of a body: JSON in which any text may be a secret. */
export type BodyValue =
  | string
  | number
  | boolean
  | null
  | Secret<string>
  | readonly BodyValue[]
  | { readonly [key: string]: BodyValue }
export type Body = { readonly [key: string]: BodyValue }

/** An output that was picked from an answer. */
export type Picked = Json | Secret<string>

const dotPath = z.string().min(1)
const writeMethod = z.enum(["POST", "PUT", "PATCH"])
const one = z
  .string()
  .min(1)
  .regex(/\{id\}/, "has no {id}, so it would name the whole collection")

const next = z
  .union([
    z.strictObject({ page: z.string().min(1), first: z.int().default(1) }).describe("the query parameter of the page"),
    z.strictObject({ offset: z.string().min(1) }).describe("the query parameter that counts the items before the page"),
    z
      .strictObject({ cursor: dotPath, param: z.string().min(1) })
      .describe("where an answer has the cursor, and the query parameter for it"),
    z.strictObject({ url: dotPath }).describe("where an answer has the URL of the next page"),
    z.strictObject({ link: z.literal(true) }).describe("the Link header has it, as rel=next"),
  ])
  .describe("how the next page is found; without it the first page is the whole list")

const list = z.strictObject({
  path: z.string().min(1).describe('path of the first page, filters and page size in its query: "/objects?limit=100"'),
  items: z.string().default("items").describe('dot path of the items in an answer; "" where the answer is the array'),
  next: next.optional(),
  total: dotPath.optional().describe("dot path of the number of all items: the proof that the list is whole"),
})

const settle = z.discriminatedUnion("by", [
  z.strictObject({
    by: z.literal("unique"),
    field: dotPath
      .optional()
      .describe("field of the body of which the far side refuses a second equal one; the id is still its own"),
    mark: dotPath.optional().describe("field that carries our owner mark"),
  }),
  z.strictObject({
    by: z.literal("token"),
    header: z.string().min(1).default("Idempotency-Key"),
    mark: dotPath.optional().describe("field that carries our owner mark"),
  }),
  z.strictObject({
    by: z.literal("mark"),
    field: dotPath.describe("field that carries our owner mark; lists must show it"),
    horizonMs: z.int().positive().describe("how long after its client died a create may still appear in a list"),
  }),
  z.strictObject({ by: z.literal("ask") }),
])

const output = z.union([dotPath, z.strictObject({ path: dotPath, secret: z.boolean().default(false) })])

/** Typed loosely for those who write it: its own type, wrapped in `Input`, is deeper than the compiler goes. */
const body = z.custom<Body>(isBody, "is not JSON with secrets in it") as z.ZodType<
  Body,
  Readonly<Record<string, unknown>>
>

const shape = z.strictObject({
  create: z
    .strictObject({ method: writeMethod.optional(), path: z.string().min(1) })
    .describe("POST, or PUT where `key` is given"),
  read: z.strictObject({ path: one }).optional().describe("GET of one object; with `key` and PUT the path of create"),
  list: list.optional().describe("GET of all objects: many are read with few calls"),
  update: z
    .strictObject({ method: writeMethod.default("PUT"), path: one })
    .optional()
    .describe("without it a change replaces the object"),
  delete: z.strictObject({ method: z.enum(["DELETE", "POST"]).default("DELETE"), path: one }).optional(),
  id: dotPath.default("id").describe("dot path of the id in an answer"),
  key: dotPath.optional().describe("dot path in the body of an id that we choose: create is then an upsert"),
  within: z.string().default("").describe("dot path of the object in answers about one object"),
  body: body.describe("what is sent and kept so; texts may be secrets"),
  compare: z
    .array(dotPath)
    .optional()
    .describe("fields of the body that are compared with the answer; default all that it shows"),
  unordered: z.array(dotPath).default([]).describe("fields whose items have no order"),
  replaceOn: z.array(dotPath).default([]).describe("fields whose change needs a new object"),
  replaceOrder: z
    .enum(["create-first", "delete-first"])
    .optional()
    .describe("default create-first; delete-first where it is unique"),
  outputs: z
    .record(z.string(), output)
    .default({})
    .describe("dot paths to pick from the object; secret ones are sealed"),
  settle: settle.optional().describe("how a create that was cut off is settled; default unique with `key`, else ask"),
})

/** What http.object is told. */
export type ObjectProps = z.output<typeof shape>

export const objectProps = shape.superRefine((props, context) => {
  for (const { path, message } of complaints(props)) context.addIssue({ code: "custom", path: [...path], message })
})

export const objectOutputs = z.object({
  id: z.string(),
  object: z
    .record(
      z.string(),
      z.custom<Picked>(() => true),
    )
    .describe("what `outputs` picked"),
})

/** What http.object gives. */
export type ObjectOutputs = z.output<typeof objectOutputs>

interface Complaint {
  /** A field of the body is named by its own path: an output may stand there that is not known yet. */
  readonly path: readonly string[]
  readonly message: string
}

function complaints(props: ObjectProps): readonly Complaint[] {
  return [...urlComplaints(props), ...bodyComplaints(props)]
}

function* urlComplaints(props: ObjectProps): Generator<Complaint> {
  const { create, key, settle: by, list: many } = props
  const hasId = create.path.includes("{id}")
  if (props.read === undefined && many === undefined && !isUpsert(props))
    yield { path: ["read"], message: "neither read nor list is given, so nothing could ever be observed" }
  if (hasId && key === undefined)
    yield { path: ["create"], message: "its path has {id}, and no key says which field of the body that is" }
  if (!hasId && key !== undefined) yield { path: ["create"], message: "key is given, and its path has no {id}" }
  if (by?.by === "unique" && key === undefined && by.field === undefined)
    yield { path: ["settle"], message: "unique needs a key, or the field that is unique" }
  const isSought = by?.by === "mark" || (by?.by === "unique" && by.field !== undefined)
  if (isSought && key === undefined && many === undefined)
    yield { path: ["settle"], message: "it is looked for in the list, and no list is given" }
}

function* bodyComplaints(props: ObjectProps): Generator<Complaint> {
  const { body, key, settle: by } = props
  const needed = [key, by?.by === "unique" ? by.field : undefined].filter((path) => path !== undefined)
  for (const path of needed)
    if (idText(at(body, path)) === undefined)
      yield { path: ["body", ...keysOf(path)], message: "a text or number is needed here: it identifies the object" }
  const mark = markOf(props)
  if (mark !== undefined && at(body, mark) !== undefined)
    yield { path: ["body", ...keysOf(mark)], message: "this field carries our mark; it cannot be set" }
  for (const path of [...(props.compare ?? []), ...props.replaceOn, ...props.unordered])
    if (!Object.hasOwn(body, keysOf(path)[0] ?? ""))
      yield {
        path: ["body", ...keysOf(path)],
        message: "compare, replaceOn or unordered name it, and the body has no such field",
      }
}

/** Whether create is an upsert under an id that we choose. */
export function isUpsert({ key, create }: ObjectProps): boolean {
  return key !== undefined && (create.method ?? "PUT") === "PUT"
}

/** The field that carries our mark, if any. */
export function markOf({ settle: by }: ObjectProps): string | undefined {
  if (by === undefined || by.by === "ask") return undefined
  return by.by === "mark" ? by.field : by.mark
}

/** The id that we choose, if we do. */
export function chosenId({ key, body }: ObjectProps): string | undefined {
  return key === undefined ? undefined : idText(at(body, key))
}

/** Where one object lies: ids may repeat in other collections. And the field that the far side keeps unique, in its collection. */
export function identitiesOf(props: ObjectProps, id: string | undefined): readonly string[] {
  const { create, list: many, settle: by, body } = props
  const field = by?.by === "unique" ? by.field : undefined
  const value = field === undefined ? undefined : idText(at(body, field))
  const unique = value === undefined ? [] : [`${create.path} with ${field} ${JSON.stringify(value)}`]
  if (id === undefined) return unique
  const place = readPath(props)?.replaceAll("{id}", () => encodeURIComponent(id))
  return [place ?? `${many?.path ?? create.path} ${id}`, ...unique]
}

/** Paths below which one object is read, changed and deleted. */
export function readPath(props: ObjectProps): string | undefined {
  return props.read?.path ?? (isUpsert(props) ? props.create.path : undefined)
}

export function updateOf(props: ObjectProps): { readonly method: string; readonly path: string } | undefined {
  return props.update ?? (isUpsert(props) ? { method: "PUT", path: props.create.path } : undefined)
}

export function deleteOf(props: ObjectProps): { readonly method: string; readonly path: string } | undefined {
  return props.delete ?? (isUpsert(props) ? { method: "DELETE", path: props.create.path } : undefined)
}

function isBody(value: unknown): boolean {
  return isRecord(value) && !(value instanceof Secret) && isBodyValue(value)
}

function isBodyValue(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean" || value instanceof Secret) return true
  if (typeof value === "number") return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isBodyValue)
  if (typeof value !== "object" || value === undefined) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isBodyValue)
}
