import type { Graph } from "../graph/graph.ts"
import type { Engine } from "./engine.ts"

/** A picture of more tells nobody anything, and every reader of the stream would carry it. */
const NODES_MAX = 20_000

/** Tells what needs what, by positions: so each address is said once, however many need it. */
export function tellOrder({ order, nodes }: Graph, { emit }: Pick<Engine, "emit">): void {
  if (order.length === 0 || order.length > NODES_MAX) return
  const positions = new Map(order.map((address, at) => [address, at]))
  const needs = order.map((address) =>
    (nodes.get(address)?.needs ?? []).map((need) => positions.get(need)).filter((at) => at !== undefined),
  )
  emit({ type: "plan.ordered", nodes: order, needs })
}
