import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { provider, type Seen } from "../../provider.ts"
import { changeFor, type Difference, isWanted, same, unlessThere } from "./differences.ts"
import { type NetworkOutputs, type NetworkProps, networkOutputs, networkProps } from "./network-props.ts"
import { readNetworks } from "./network-read.ts"
import { createNetwork, deleteNetwork } from "./network-write.ts"

/**
 * A network of containers. Nothing of it can be changed in place; where it is replaced, containers of the same program are taken off the
 * old one first, and join the new one in their turn.
 * @example const net = resource(docker.network, "net", { name: "shop" }, { on: docker.engine() })
 */
export const network = provider<typeof networkProps, typeof networkOutputs, EngineClient>({
  kind: "docker.network",
  version: 1,
  about: "A network that containers join by its name.",
  connects: "docker",
  props: networkProps,
  outputs: networkOutputs,
  settles: "unique",
  stable: ["id", "name", "driver", "subnets"],
  id: () => undefined,
  idOf: ({ id }) => id,
  identities: ({ name }) => [name],
  predict: ({ name, driver }) => ({ name, driver }),
  read: readNetworks,
  plan: planNetwork,
  ensure: createNetwork,
  delete: deleteNetwork,
})

/** Props that the Engine always shows. */
const SHOWN = ["name", "driver", "internal", "attachable", "ipv6", "labels"] as const satisfies (keyof NetworkProps)[]

function planNetwork(want: NetworkProps, seen: Seen<NetworkOutputs>) {
  const early = unlessThere<NetworkProps>(seen)
  if (early !== undefined || !("outputs" in seen)) return early ?? ({ action: "none" } as const)
  const shown = seen.shown ?? {}
  const found: Difference<keyof NetworkProps & string>[] = SHOWN.filter((prop) => !same(shown[prop], want[prop])).map(
    (prop) => ({ prop, needsNew: true, words: isWanted(prop, shown[prop], want[prop]) }),
  )
  // An Engine adds options and chooses subnets of its own: only what the program says is compared.
  const options = (shown.options ?? {}) as Readonly<Record<string, string>>
  for (const [name, value] of Object.entries(want.options))
    if (options[name] !== value)
      found.push({ prop: "options", needsNew: true, words: isWanted(`options.${name}`, options[name], value) })
  const subnets = (shown.subnets ?? []) as readonly NetworkProps["subnets"][number][]
  for (const [at, each] of want.subnets.entries())
    if (!isSubnet(each, subnets[at]))
      found.push({ prop: "subnets", needsNew: true, words: isWanted(`subnets.${at}`, subnets[at], each) })
  // Two may be there at once only where their names differ.
  return changeFor<NetworkProps>(found, { order: shown.name === want.name ? "delete-first" : "create-first" })
}

type Subnet = NetworkProps["subnets"][number]

function isSubnet(want: Subnet, shown: Subnet | undefined): boolean {
  if (shown === undefined || shown.subnet !== want.subnet || shown.range !== want.range) return false
  return want.gateway === undefined || want.gateway === shown.gateway
}
