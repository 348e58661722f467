import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { Json, Key, Read, Seen } from "../../provider.ts"
import { findFor, type There } from "./found.ts"
import { inspect } from "./inspects.ts"
import { markIn, withoutOurs } from "./labels.ts"
import type { NetworkOutputs, NetworkProps } from "./network-props.ts"
import { orEmpty, shaped, textMap } from "./shape.ts"

const subnetShape = z.object({
  Subnet: z.string().nullish(),
  Gateway: z.string().nullish(),
  IPRange: z.string().nullish(),
})

export const networkShape = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: z.string().default(""),
  Driver: z.string(),
  Internal: z.boolean().default(false),
  Attachable: z.boolean().default(false),
  EnableIPv6: z.boolean().default(false),
  IPAM: z.object({ Config: orEmpty(subnetShape) }).nullish(),
  Options: textMap,
  Labels: textMap,
})

export type Network = There & { readonly json: z.output<typeof networkShape> }

/** One list for all; what it does not show is looked at by itself. */
export async function readNetworks(
  keys: readonly Key<NetworkProps, NetworkOutputs>[],
  { connection, signal }: Read<EngineClient>,
): Promise<ReadonlyMap<Address, Seen<NetworkOutputs>>> {
  const all = await listNetworks({ connection, signal })
  const byId = new Map(all.map((each) => [each.id, each]))
  const byToken = new Map(all.flatMap((each) => [[markIn(each.labels).mark, each]]))
  const byName = new Map(all.map((each) => [each.name, each]))
  const ways = {
    noun: "network",
    byToken: async (token: string) => byToken.get(token),
    look: async (name: string) => byId.get(name) ?? byName.get(name) ?? lookAtNetwork(name, connection, signal),
  }
  const seen = async (key: Key<NetworkProps, NetworkOutputs>): Promise<Seen<NetworkOutputs>> => {
    try {
      const found = await findFor(key, ways)
      return found === undefined ? { absent: true } : seenNetwork(found)
    } catch (thrown) {
      return { failed: asFettleError(thrown, "READ_FAILED") }
    }
  }
  return new Map(await Promise.all(keys.map(async (key) => [key.address, await seen(key)] as const)))
}

export async function listNetworks({
  connection,
  signal,
}: Pick<Read<EngineClient>, "connection" | "signal">): Promise<readonly Network[]> {
  const { json } = await connection.json("GET", "/networks", { signal })
  return shaped(z.array(networkShape), json, "the list of networks").map(networkOf)
}

/** One network by its name or id. */
export async function lookAtNetwork(
  name: string,
  client: EngineClient,
  signal: AbortSignal,
): Promise<Network | undefined> {
  const json = await inspect(client, `/networks/${encodeURIComponent(name)}`, signal)
  return json === undefined ? undefined : networkOf(shaped(networkShape, json, `the network ${name}`))
}

export function outputsOfNetwork({ id, name, json }: Network): NetworkOutputs {
  return { id, name, driver: json.Driver, subnets: (json.IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet || []) }
}

export function networkOf(json: z.output<typeof networkShape>): Network {
  return { id: json.Id, name: json.Name, labels: json.Labels, json }
}

export function seenNetwork(network: Network): Extract<Seen<NetworkOutputs>, { outputs: unknown }> {
  const { id, json, labels } = network
  const subnets = (json.IPAM?.Config ?? []).map(({ Subnet, Gateway, IPRange }) => ({
    subnet: Subnet ?? "",
    ...(Gateway ? { gateway: Gateway } : {}),
    ...(IPRange ? { range: IPRange } : {}),
  }))
  const shown: Readonly<Record<string, Json>> = {
    name: json.Name,
    driver: json.Driver,
    internal: json.Internal,
    attachable: json.Attachable,
    ipv6: json.EnableIPv6,
    options: json.Options,
    subnets,
    labels: withoutOurs(labels),
  }
  return { outputs: outputsOfNetwork(network), id, ...markIn(labels), shown }
}
