import type { HostClient } from "../connect/host/kind.ts"
import type { SshOptions } from "../connect/host/ssh-line.ts"
import { asFettleError, type FettleError } from "../errors.ts"
import { choose } from "../program/pattern.ts"
import type { Connection } from "../provider.ts"
import type { Vars } from "./raw.ts"

/** How a host is reached. */
export interface Way {
  /** @throws FettleError `PROPS_INVALID` for what cannot stand on a command line */
  connect(options: SshOptions): Connection<HostClient>
}

/** A host of an inventory. */
export interface InventoryHost {
  readonly name: string
  /** Every group it is in. */
  readonly groups: readonly string[]
  readonly tags: readonly string[]
  /** What else the inventory says of it. */
  readonly vars: Vars
  /** Groups and tags: what patterns choose by. */
  readonly labels: readonly string[]
  /** The way to it. Where the inventory says what cannot be taken, opening it fails with the reason, and no other host is held up. */
  readonly connection: Connection<HostClient>
  /** Another way to it: as somebody else, under a name of its own. */
  connect(options: SshOptions): Connection<HostClient>
}

/** Hosts by name, with groups and tags. */
export interface Inventory extends Iterable<InventoryHost> {
  readonly hosts: readonly InventoryHost[]
  /** What was left out, and why. */
  readonly warnings: readonly string[]
  /**
   * The hosts that a pattern chooses: names, groups, tags, globs, "!" and "&".
   * @throws FettleError `LIMIT_UNKNOWN`
   * @example fleet.in("web:&eu")
   */
  in(pattern: string): Inventory
}

/** What a host is made of. */
export interface HostParts {
  readonly name: string
  readonly groups?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
  readonly vars?: Vars | undefined
  /** @throws FettleError what keeps this host, and no other, from being reached */
  readonly way: () => Way
}

export function makeInventory(all: readonly HostParts[], warnings: readonly string[] = []): Inventory {
  return inventoryOf(all.map(hostOf), Object.freeze([...warnings]))
}

function inventoryOf(hosts: readonly InventoryHost[], warnings: readonly string[]): Inventory {
  return Object.freeze({
    hosts: Object.freeze(hosts),
    warnings,
    in: (pattern: string) => inventoryOf(choose(hosts, pattern), warnings),
    [Symbol.iterator]: () => hosts[Symbol.iterator](),
  })
}

function hostOf({ name, groups = [], tags = [], vars = {}, way }: HostParts): InventoryHost {
  const labels = Object.freeze([...new Set([...groups, ...tags])])
  const reach = (options: SshOptions): Connection<HostClient> => {
    try {
      return way().connect({ ...options, tags: [...labels, ...(options.tags ?? [])] })
    } catch (thrown) {
      return unreachable(name, labels, asFettleError(thrown, "INVENTORY_INVALID"))
    }
  }
  const connection = reach({ name })
  return Object.freeze({
    name,
    groups: Object.freeze([...groups]),
    tags: Object.freeze([...tags]),
    vars: Object.freeze({ ...vars }),
    labels,
    connection,
    connect: (options: SshOptions) => {
      const user =
        options.become === undefined
          ? ""
          : ` as ${typeof options.become === "string" ? "root" : (options.become.user ?? "root")}`
      return reach({ name: `${name}${user}`, ...options })
    },
  })
}

/** One host that cannot be taken as it stands must not hold up the others: its error comes when it is used. */
function unreachable(name: string, labels: readonly string[], error: FettleError): Connection<HostClient> {
  return Object.freeze({
    type: "host",
    name,
    target: name,
    labels,
    secrets: Object.freeze([]),
    open: () => Promise.reject(error),
  })
}
