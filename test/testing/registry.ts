import { secret } from "fettle"
import {
  type Connection,
  FettleError,
  plainDriver,
  provider,
  type Read,
  type Seen,
  type Settles,
  secretText,
} from "fettle/provider"
import type { World } from "fettle/testing"
import { z } from "zod"

/** One entry as the registry keeps it. */
export interface Entry {
  readonly id: string
  name: string
  value: string
  key: string
  readonly mark: string
}

type Page = { readonly entries: readonly Entry[]; readonly more: boolean }

/** Entries of one page: small, so that a list of a thousand takes several calls. */
const PAGE = 100

/** A far side that assigns ids and only lists, with the weaknesses of such: stale lists, and lists that end too early. */
export class Registry {
  readonly #entries = new Map<string, Entry>()
  #stale: readonly Entry[] | undefined
  #cut = Number.POSITIVE_INFINITY
  #next = 0
  calls = 0
  isDown = false

  get size(): number {
    return this.#entries.size
  }

  async list(from: number): Promise<Page> {
    this.calls += 1
    if (this.isDown) throw new Error("503: try again later")
    const all = this.#stale ?? [...this.#entries.values()]
    const until = Math.min(from + PAGE, this.#cut)
    return { entries: all.slice(from, until), more: until < all.length }
  }

  /** One entry, always as it is. */
  async get(id: string): Promise<Entry | undefined> {
    this.calls += 1
    if (this.isDown) throw new Error("503: try again later")
    return this.#entries.get(id)
  }

  /** A token that has been seen before gives what it made. */
  async create(entry: Omit<Entry, "id">, token?: string): Promise<Entry> {
    this.calls += 1
    if (entry.value === "refused") throw new Error(`422: the value "refused" is refused`)
    const known = token === undefined ? undefined : this.#entries.get(`by-token-${token}`)
    if (known !== undefined) return known
    this.#next += 1
    const made = { ...entry, id: token === undefined ? `e${this.#next}` : `by-token-${token}` }
    this.#entries.set(made.id, made)
    return made
  }

  async update(id: string, changes: Partial<Entry>): Promise<Entry> {
    this.calls += 1
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new Error(`404: there is no ${id}`)
    const made = { ...entry, ...changes }
    this.#entries.set(id, made)
    return made
  }

  async delete(id: string): Promise<void> {
    this.calls += 1
    this.#entries.delete(id)
  }

  /** Lists are as they are now, until `clear`. */
  stale(): void {
    this.#stale = [...this.#entries.values()]
  }

  truncate(entries: number): void {
    this.#cut = entries
  }

  /** Somebody else writes. */
  overwrite(name: string, value: string): void {
    for (const entry of this.#entries.values())
      if (entry.name === name) this.#entries.set(entry.id, { ...entry, value })
  }

  clear(): void {
    this.#stale = undefined
    this.#cut = Number.POSITIVE_INFINITY
  }
}

/** A way to a registry. */
export function registry(far: Registry): Connection<Registry> {
  return {
    type: "registry",
    name: "registry",
    target: "registry://test",
    secrets: [],
    open: async () => plainDriver(far, { identity: "registry:test" }),
  }
}

const props = z.strictObject({ name: z.string(), value: z.string().default(""), key: secretText })
const outputs = z.object({
  id: z.string(),
  name: z.string(),
  value: z.string(),
  key: secretText,
})

export type Given = z.output<typeof outputs>

/** A kind of entry that settles in one of three ways; `broken` replaces parts of it. */
export function entryKind(settles: Settles, broken: Partial<ReturnType<typeof sound>> = {}) {
  return provider({ ...sound(settles), ...broken })
}

function sound(settles: Settles) {
  return provider({
    kind: "test.entry",
    version: 1,
    about: "An entry of a registry.",
    connects: "registry",
    props,
    outputs,
    settles,
    stable: ["id"],
    id: () => undefined,
    idOf: (made) => made.id,
    predict: (want) => ({ name: want.name, value: want.value }),
    read: async (keys, call: Read<Registry>) => {
      const { entries, whole } = await listAll(call.connection)
      const found = new Map(entries.map((entry) => [entry.id, entry]))
      const marked = new Map(typeof settles === "object" ? entries.map((entry) => [entry.mark, entry]) : [])
      const answers = new Map<(typeof keys)[number]["address"], Seen<Given>>()
      for (const key of keys) {
        const listed = key.id === undefined ? openEntry(key.open, marked) : found.get(key.id)
        const entry = listed ?? (key.id === undefined ? undefined : await call.connection.get(key.id))
        const absent = whole || key.id !== undefined
        answers.set(key.address, entry === undefined ? missing(absent) : seenOf(entry, call))
      }
      return answers
    },
    plan: (want, seen) => {
      if (!("outputs" in seen)) return { action: "create" }
      const differing = [
        ...(seen.outputs.value === want.value ? [] : (["value"] as const)),
        ...(seen.outputs.key.fingerprint === want.key.fingerprint ? [] : (["key"] as const)),
      ]
      if (differing.length === 0) return { action: "none" }
      return { action: "update", props: differing, because: `${differing.join(" and ")} differ` }
    },
    ensure: async (want, seen, _change, call) => {
      const { connection, intent } = call
      const entry = { name: want.name, value: want.value, key: call.reveal(want.key), mark: intent.token }
      const known = "outputs" in seen ? seen.outputs.id : await repeatedId(settles, intent, connection)
      if (known !== undefined)
        return shown(await connection.update(known, { value: entry.value, key: entry.key }), call)
      return shown(await connection.create(entry, settles === "token" ? intent.token : undefined), call)
    },
    delete: async (seen, _last, call) => {
      if ("outputs" in seen) await call.connection.delete(seen.outputs.id)
    },
  })
}

/** A repeated intent looks for what its first attempt may have made. */
async function repeatedId(
  settles: Settles,
  intent: { readonly token: string; readonly repeated: boolean },
  far: Registry,
): Promise<string | undefined> {
  if (!intent.repeated || typeof settles !== "object") return undefined
  return (await listAll(far)).entries.find((entry) => entry.mark === intent.token)?.id
}

async function listAll(far: Registry): Promise<{ entries: readonly Entry[]; whole: boolean }> {
  const entries: Entry[] = []
  for (;;) {
    const page = await far.list(entries.length)
    entries.push(...page.entries)
    if (!page.more) return { entries, whole: true }
    if (page.entries.length === 0) return { entries, whole: false }
  }
}

function openEntry(open: readonly string[] | undefined, marked: ReadonlyMap<string, Entry>): Entry | undefined {
  return open?.map((token) => marked.get(token)).find((entry) => entry !== undefined)
}

/** What a list does not show is absent only where the list was whole. */
function missing(proven: boolean): Seen<Given> {
  return proven ? { absent: true } : { failed: new FettleError("READ_FAILED", "the list was cut") }
}

/** What a read answers for an entry that is there, or is not. */
export function seenOf(entry: Entry | undefined, call: Pick<Read<Registry>, "secret">): Seen<Given> {
  return entry === undefined ? { absent: true } : { outputs: shown(entry, call), id: entry.id, mark: entry.mark }
}

function shown({ id, name, value, key }: Entry, call: Pick<Read<Registry>, "secret">): Given {
  return { id, name, value, key: call.secret("key", key) }
}

/** The registry as the world that `conforms` asks for. */
export function registryWorld(far = new Registry()): World<ReturnType<typeof sound>> {
  return {
    connection: registry(far),
    props: (variant) => ({ name: `entry-${variant}`, value: "one", key: secret.env("KEY") }),
    change: (given) => ({ ...given, value: "another", key: secret.env("OTHER") }),
    count: () => far.size,
    calls: () => far.calls,
    disturb: ({ name }) => far.overwrite(name, "somebody's"),
    breakReads: () => {
      far.isDown = true
      return () => {
        far.isDown = false
      }
    },
    refused: (variant) => ({ name: `entry-${variant}`, value: "refused", key: secret.env("KEY") }),
    secrets: { KEY: "correct horse battery", OTHER: "staple of another kind" },
    faults: {
      horizonMs: 60,
      stale: () => far.stale(),
      truncate: (entries) => far.truncate(entries),
      clear: () => far.clear(),
    },
  }
}
