import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Json, provider, type Seen } from "fettle/provider"
import { z } from "zod"

/** A far side that is real and easy to look at: one JSON file per thing in a folder. */
export interface World {
  readonly folder: string
  names(): readonly string[]
  get(name: string): Record<string, Json> | undefined
  put(name: string, thing: Record<string, Json>): void
  remove(name: string): void
}

export function world(folder: string): World {
  mkdirSync(folder, { recursive: true })
  const path = (name: string): string => join(folder, `${encodeURIComponent(name)}.json`)
  return {
    folder,
    names: () =>
      readdirSync(folder)
        .map((each) => decodeURIComponent(each.slice(0, -5)))
        .sort(),
    get: (name) =>
      existsSync(path(name)) ? (JSON.parse(readFileSync(path(name), "utf8")) as Record<string, Json>) : undefined,
    put: (name, thing) => writeFileSync(path(name), JSON.stringify(thing)),
    remove: (name) => rmSync(path(name), { force: true }),
  }
}

const props = z.strictObject({
  folder: z.string(),
  name: z.string(),
  value: z.union([z.string(), z.number()]).default(""),
  /** Another value of this needs another thing. */
  size: z.number().default(1),
  order: z.enum(["create-first", "delete-first"]).default("delete-first"),
  fails: z.string().optional(),
  hangs: z.boolean().optional(),
})

const outputs = z.object({
  name: z.string(),
  value: z.union([z.string(), z.number()]),
  size: z.number(),
  serial: z.number(),
})

type Props = z.output<typeof props>

/** A thing in a world, named by the program. */
export const thing = provider<typeof props, typeof outputs, undefined>({
  kind: "test.thing",
  version: 1,
  about: "A thing of a test: a JSON file.",
  connects: "none",
  props,
  outputs,
  settles: "unique",
  stable: ["serial"],
  id: (want) => want.name,
  predict: (want) => ({ name: want.name, value: want.value }),
  read: async (keys) => {
    const answers = new Map<(typeof keys)[number]["address"], Seen<z.output<typeof outputs>>>()
    for (const key of keys) {
      const folder = (key.want ?? key.last?.props)?.folder
      const found = folder === undefined || key.id === undefined ? undefined : world(folder).get(key.id)
      answers.set(key.address, found === undefined ? { absent: true } : { outputs: outputs.parse(found) })
    }
    return answers
  },
  plan: (want, seen) => {
    if (!("outputs" in seen)) return { action: "create" }
    if (seen.outputs.size !== want.size)
      return { action: "replace", props: ["size"], because: "its size cannot be changed", order: want.order }
    return seen.outputs.value === want.value
      ? { action: "none" }
      : { action: "update", props: ["value"], because: "value differs" }
  },
  ensure: async (want, seen) => {
    if (want.hangs) await new Promise(() => {})
    if (want.fails !== undefined) throw new Error(want.fails)
    const serial = "outputs" in seen ? seen.outputs.serial : nextSerial(want)
    const made = { name: want.name, value: want.value, size: want.size, serial }
    world(want.folder).put(want.name, made)
    return made
  },
  delete: async (seen, last) => {
    if ("outputs" in seen && last !== undefined) world(last.props.folder).remove(seen.outputs.name)
  },
})

function nextSerial(want: Props): number {
  return (
    1 +
    Math.max(
      0,
      ...world(want.folder)
        .names()
        .map((name) => Number(world(want.folder).get(name)?.serial ?? 0)),
    )
  )
}
