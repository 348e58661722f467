import type { HttpClient } from "../../connect/http-client.ts"
import { FettleError } from "../../errors.ts"
import type { Json, Read, Seen } from "../../provider.ts"
import { differences } from "./object-compare.ts"
import { type Asked, type Found, type Item, uniqueField, uniqueName } from "./object-found.ts"
import { markOf, type ObjectOutputs, type ObjectProps, type Picked, readPath } from "./object-props.ts"
import { holdsSecret, shownOf } from "./object-shown.ts"
import { at, fill, idText, isRecord, pathOf } from "./path.ts"

export type ObjectSeen = Seen<ObjectOutputs>

/** Turns what a list showed, and single GETs, into answers. */
export class Look {
  readonly #call: Read<HttpClient>
  /** For each set of fields that list items lack: whether a GET of one object shows any of them. */
  readonly #summaries = new Map<string, Promise<boolean>>()

  constructor(call: Read<HttpClient>) {
    this.#call = call
  }

  async seenOf(asked: Asked, found: Found): Promise<ObjectSeen> {
    const { place, id, marks, unique } = asked
    const marked = marks.map((mark) => found.byMark.get(mark)).find((item) => item !== undefined)
    const item =
      marked ??
      (id === undefined ? undefined : found.byId.get(id)) ??
      found.byUnique.get(uniqueName(uniqueField(place), unique))
    if (item !== undefined) return this.#fromList(asked, item)
    const path = readPath(place)
    if (id === undefined || path === undefined) return { absent: true }
    const object = await this.#get(place, path, id)
    return object === undefined ? { absent: true } : seenAs(asked, object, id, this.#call)
  }

  /** An item of a list may be old, and may be a summary: what differs or lacks fields is looked at by itself. */
  async #fromList(asked: Asked, item: Item): Promise<ObjectSeen> {
    const { place } = asked
    const id = idText(at(item, place.id)) as string
    const path = readPath(place)
    const seen = seenAs(asked, item, id, this.#call)
    if (path === undefined || asked.key.want === undefined) return seen
    const lacks = lackingIn(place, item)
    const differs = differences(place, "shown" in seen ? seen.shown?.body : undefined, asked.key.last).some(
      ({ from }) => from !== undefined,
    )
    if (!differs && (lacks.length === 0 || !(await this.#isSummary(place, path, id, lacks)))) return seen
    const object = await this.#get(place, path, id)
    return object === undefined ? { absent: true } : seenAs(asked, object, id, this.#call)
  }

  /** One GET for all items that lack the same fields; where it finds nothing, each is looked at. */
  #isSummary(place: ObjectProps, path: string, id: string, lacks: readonly string[]): Promise<boolean> {
    const name = JSON.stringify(lacks)
    const known = this.#summaries.get(name)
    if (known !== undefined) return known
    const probe = this.#get(place, path, id).then(
      (object) => object === undefined || lacks.some((field) => at(object, field) !== undefined),
    )
    this.#summaries.set(name, probe)
    return probe
  }

  /** One object by its id; undefined where the far side says that there is none. */
  async #get(place: ObjectProps, path: string, id: string): Promise<Item | undefined> {
    const { connection, signal } = this.#call
    const answer = await connection.request("GET", fill(path, id), { signal, accept: [404, 410] })
    if (answer.status === 404 || answer.status === 410) return undefined
    const object = at(answer.json, place.within)
    const itsId = idText(at(object, place.id))
    if (isRecord(object) && (itsId === undefined || itsId === id)) return object
    const fact = isRecord(object) ? `gave the object ${JSON.stringify(itsId)}` : "gave no object"
    throw new FettleError("HTTP_FAILED", `GET ${fill(path, id)} ${fact}`)
  }
}

/** Fields of the body and outputs that an item of a list does not show. */
function lackingIn({ body, outputs }: ObjectProps, item: Item): readonly string[] {
  const fields = Object.keys(body)
    .filter((name) => body[name] !== null)
    .map((name) => pathOf([name]))
    .filter((path) => !holdsSecret(body, path))
  const picks = Object.values(outputs).map((output) => (typeof output === "string" ? output : output.path))
  return [...fields, ...picks].filter((path) => at(item, path) === undefined)
}

function seenAs({ key, place }: Asked, object: Item, id: string, call: Read<HttpClient>): ObjectSeen {
  const field = markOf(place)
  const mark = field === undefined ? undefined : idText(at(object, field))
  const body = shownOf(object, [place.body, key.last?.props.body])
  const outputs = { id, object: picked(place, object, key.last?.outputs, call) }
  return { outputs, id, ...(mark === undefined ? {} : { mark }), ...(body === undefined ? {} : { shown: { body } }) }
}

/**
 * The outputs that an object shows. What it shows only once, when it is made, is kept as it was recorded.
 * @param before what is known from earlier
 */
export function picked(
  place: ObjectProps,
  object: unknown,
  before: ObjectOutputs | undefined,
  call: Pick<Read<HttpClient>, "secret">,
): Record<string, Picked> {
  const all = Object.entries(place.outputs).map(([name, output]): [string, Picked | undefined] => {
    const { path, secret } = typeof output === "string" ? { path: output, secret: false } : output
    const value = at(object, path)
    if (value === undefined) return [name, kept(before, name)]
    if (!secret && !holdsSecret(place.body, path)) return [name, value as Json]
    return [name, call.secret(name, typeof value === "string" ? value : JSON.stringify(value))]
  })
  return Object.fromEntries(all.filter((each): each is [string, Picked] => each[1] !== undefined))
}

function kept(before: ObjectOutputs | undefined, name: string): Picked | undefined {
  return before !== undefined && Object.hasOwn(before.object, name) ? before.object[name] : undefined
}
