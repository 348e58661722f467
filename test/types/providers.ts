// What an author of a kind may write, and what does not compile.

import { type Node, type Output, resource } from "fettle"
import {
  type Change,
  type Connection,
  type Key,
  type Last,
  type Provider,
  provider,
  type Read,
  type Seen,
  type Write,
} from "fettle/provider"
import { z } from "zod"
import { exactly } from "./exactly.ts"

interface Client {
  put(name: string, size: number): Promise<{ serial: number }>
}

const props = z.strictObject({ name: z.string(), size: z.number().default(1) })
const outputs = z.object({ name: z.string(), serial: z.number() })
type Props = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/** A whole kind whose types are all inferred, but for its client, which is named once. */
export const volume = provider({
  kind: "test.volume",
  version: 1,
  about: "A volume.",
  connects: "test",
  props,
  outputs,
  settles: (want) => (want.size > 1 ? "unique" : { mark: true, horizonMs: 5_000 }),
  stable: ["serial"],
  volatile: ["serial"],
  id: (want) => want.name,
  idOf: (made) => made.name,
  identities: (of, id) => {
    exactly<Props>()(of)
    return id === undefined ? [] : [`${of.size}/${id}`]
  },
  predict: (want) => ({ name: want.name }),
  read: async (keys, call: Read<Client>) => {
    exactly<readonly Key<Props, Outputs>[]>()(keys)
    exactly<AbortSignal>()(call.signal)
    return new Map(keys.map((key) => [key.address, { outputs: { name: key.id ?? "", serial: 1 } }]))
  },
  plan: (want, seen, last) => {
    exactly<Props>()(want)
    exactly<Seen<Outputs>>()(seen)
    exactly<Last<Props, Outputs> | undefined>()(last)
    if (!("outputs" in seen)) return { action: "create" }
    return { action: "update", props: ["size"], because: "size differs" }
  },
  ensure: async (want, _seen, change, call) => {
    exactly<Change<Props>>()(change)
    exactly<Write<Client>>()(call)
    return { name: want.name, ...(await call.connection.put(want.name, want.size)) }
  },
  delete: async (seen, _last, call) => {
    if ("outputs" in seen) await call.connection.put(seen.outputs.name, 0)
  },
})
exactly<Provider<typeof props, typeof outputs, Client>>()(volume)
declare const far: Connection<Client>
exactly<Output<number>>()(resource(volume, { name: "a" }, { on: far }).serial)
export const node: Node = resource(volume, "named", { name: "a", size: 2 }, { on: far })

/** A kind that is right; each line below replaces one part of it. */
const right: Provider<typeof props, typeof outputs, Client> = volume

// @ts-expect-error Type 'string' is not assignable to type 'number'
provider({ ...right, ensure: async (want) => ({ name: want.name, serial: "1" }) })
// @ts-expect-error Property 'serial' is missing in type
provider({ ...right, ensure: async (want) => ({ name: want.name }) })
// @ts-expect-error is missing the following properties from type 'Promise<
provider({ ...right, ensure: (want) => ({ name: want.name, serial: 1 }) })
// @ts-expect-error is not assignable to type 'Promise<ReadonlyMap<Address, Seen<
provider({ ...right, read: async () => [] })
// @ts-expect-error is not assignable to type 'Seen<
provider({ ...right, read: async (keys) => new Map(keys.map((key) => [key.address, { outputs: { name: "a" } }])) })
// @ts-expect-error is not assignable to type 'Seen<
provider({ ...right, read: async (keys) => new Map(keys.map((key) => [key.address, undefined])) })
// @ts-expect-error is not assignable to type 'Address'
provider({ ...right, read: async () => new Map([["a", { absent: true }]]) })
// @ts-expect-error Type '"change"' is not assignable to type
provider({ ...right, plan: () => ({ action: "change" }) })
// @ts-expect-error Type '"weight"' is not assignable to type '"
provider({ ...right, plan: () => ({ action: "update", props: ["weight"], because: "it moved" }) })
// @ts-expect-error Property 'because' is missing in type
provider({ ...right, plan: () => ({ action: "update", props: ["size"] }) })
// @ts-expect-error is not assignable to type 'Change<
provider({ ...right, plan: async () => ({ action: "none" }) })
// @ts-expect-error Type 'number' is not assignable to type 'string'
provider({ ...right, id: (want) => want.size })
// @ts-expect-error Type '"size"' is not assignable to type '"
provider({ ...right, stable: ["size"] })
// @ts-expect-error Type '"later"' is not assignable to type
provider({ ...right, settles: "later" })
// @ts-expect-error Property 'horizonMs' is missing in type
provider({ ...right, settles: { mark: true } })
// @ts-expect-error Type 'string' is not assignable to type 'number'
provider({ ...right, predict: () => ({ serial: "1" }) })
// @ts-expect-error 'colour' does not exist in type
provider({ ...right, colour: "red" })
// @ts-expect-error Property 'weight' does not exist on type
provider({ ...right, id: (want) => want.weight })
// @ts-expect-error Property 'reveal' does not exist on type 'Read<
provider({ ...right, read: async (_keys, call) => call.reveal })
// @ts-expect-error Property 'get' does not exist on type 'Client'
provider({ ...right, delete: async (_seen, _last, call) => call.connection.get() })
// @ts-expect-error Property 'outputs' does not exist on type 'Seen<
provider({ ...right, delete: async (seen) => void seen.outputs })
