import type { HttpClient } from "../../connect/http-client.ts"
import type { Key, Read } from "../../provider.ts"
import { readList } from "./list.ts"
import { markOf, type ObjectOutputs, type ObjectProps, readPath } from "./object-props.ts"
import { at, idText } from "./path.ts"

export type ObjectKey = Key<ObjectProps, ObjectOutputs>
export type Item = Readonly<Record<string, unknown>>

/** One object that is asked for: where it lies, and by what it is known. */
export interface Asked {
  readonly key: ObjectKey
  /** Where to look: as wanted, or as recorded. */
  readonly place: ObjectProps
  readonly id: string | undefined
  /** Marks of creates that a crash left open. */
  readonly marks: readonly string[]
  /** The value of the field that the far side keeps unique. */
  readonly unique: string | undefined
}

/** What a list showed of the objects asked for. */
export interface Found {
  readonly byId: ReadonlyMap<string, Item>
  readonly byMark: ReadonlyMap<string, Item>
  readonly byUnique: ReadonlyMap<string, Item>
  /** Whether the list was read to its end. */
  readonly whole: boolean
}

const NOTHING: Found = { byId: new Map(), byMark: new Map(), byUnique: new Map(), whole: false }

/** Reads the list as far as it is worth it: to the end for marks, else until single GETs would be fewer calls. */
export async function lookInList(group: readonly Asked[], call: Read<HttpClient>): Promise<Found> {
  const place = (group[0] as Asked).place
  if (place.list === undefined) return NOTHING
  const mustEnd = group.some(
    (each) => each.id === undefined || each.marks.length > 0 || readPath(each.place) === undefined,
  )
  if (!mustEnd && group.length === 1) return NOTHING
  const sought = new Sought(group)
  let pages = 0
  const whole = await readList(call.connection, place.list, place.id, call.signal, {
    begin: () => {
      sought.clear()
      pages = 0
    },
    page: ({ items, callsLeft }) => {
      pages += 1
      sought.take(items)
      return !mustEnd && (callsLeft ?? pages) >= sought.missing ? "enough" : "more"
    },
  })
  return { ...sought, whole }
}

/** Keeps of a list only what is asked for, however long the list is. */
class Sought implements Omit<Found, "whole"> {
  readonly byId = new Map<string, Item>()
  readonly byMark = new Map<string, Item>()
  readonly byUnique = new Map<string, Item>()
  readonly #ids: ReadonlySet<string>
  readonly #marks: ReadonlySet<string>
  readonly #uniques: ReadonlySet<string>
  readonly #markFields: readonly string[]
  readonly #uniqueFields: readonly string[]

  constructor(group: readonly Asked[]) {
    this.#ids = new Set(group.flatMap(({ id }) => id ?? []))
    this.#marks = new Set(group.flatMap(({ marks }) => marks))
    this.#uniques = new Set(group.flatMap(({ unique }) => unique ?? []))
    this.#markFields = [
      ...new Set(group.flatMap(({ place, marks }) => (marks.length === 0 ? [] : (markOf(place) ?? [])))),
    ]
    this.#uniqueFields = [
      ...new Set(group.flatMap(({ place, unique }) => (unique === undefined ? [] : (uniqueField(place) ?? [])))),
    ]
  }

  /** Ids that no page has shown yet. */
  get missing(): number {
    return this.#ids.size - this.byId.size
  }

  clear(): void {
    this.byId.clear()
    this.byMark.clear()
    this.byUnique.clear()
  }

  take(items: ReadonlyMap<string, Item>): void {
    for (const [id, item] of items) {
      if (this.#ids.has(id)) this.byId.set(id, item)
      for (const field of this.#markFields) note(this.byMark, this.#marks, at(item, field), item)
      for (const field of this.#uniqueFields)
        note(this.byUnique, this.#uniques, at(item, field), item, uniqueName(field, ""))
    }
  }
}

function note(found: Map<string, Item>, sought: ReadonlySet<string>, value: unknown, item: Item, prefix = ""): void {
  const text = idText(value)
  if (text !== undefined && sought.has(text)) found.set(prefix + text, item)
}

export function uniqueField({ settle }: ObjectProps): string | undefined {
  return settle?.by === "unique" ? settle.field : undefined
}

/** Two fields may be unique in one list: a value alone would not tell which is meant. */
export function uniqueName(field: string | undefined, value: string | undefined): string {
  return `${field}\n${value}`
}
