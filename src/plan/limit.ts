import type { Graph } from "../graph/graph.ts"
import type { Address } from "../program/address.ts"
import { choose } from "../program/pattern.ts"
import type { Scope } from "../program/scope.ts"

/** Where a node stands when a plan is limited to some connections. */
export type Side = "in" | "out" | "neither"

/** Names of the connections that a pattern chooses: by name, by group and tag, by the fleet they are in. @throws FettleError `LIMIT_UNKNOWN` */
export function chosenConnections(scope: Pick<Scope, "connections" | "fleets">, pattern: string): ReadonlySet<string> {
  const fleets = new Map<string, string[]>()
  for (const { path, members } of scope.fleets.values())
    for (const { name } of members.values()) fleets.set(name, [...(fleets.get(name) ?? []), path])
  const all = [...scope.connections.values()].map(({ connection: { name, labels = [] } }) => ({
    name,
    labels: [...labels, ...(fleets.get(name) ?? [])],
  }))
  return new Set(choose(all, pattern).map(({ name }) => name))
}

/**
 * Which side each node is on. What goes through a connection is on its side; a check or a task is in where all that it needs of
 * connections is, so that a check of a chosen host is asked and one of another is not.
 */
export function sidesOf({ nodes, order }: Graph, chosen: ReadonlySet<string>): ReadonlyMap<Address, Side> {
  const sides = new Map<Address, Side>()
  for (const address of order) {
    const node = nodes.get(address)
    const connection = node?.connection?.name
    const needs = node?.needs.map((need) => sides.get(need)) ?? []
    const side = needs.includes("out") ? "out" : needs.includes("in") ? "in" : "neither"
    sides.set(address, connection === undefined ? side : chosen.has(connection) ? "in" : "out")
  }
  return sides
}
