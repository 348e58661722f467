import type { Graph } from "../graph/graph.ts"

/** The forms that a graph is printed in. */
export const graphFormats = ["mermaid", "dot"] as const
export type GraphFormat = (typeof graphFormats)[number]

/**
 * A graph as text for a drawing program: an edge goes from what is needed to what needs it. Names are quoted, whatever they hold.
 * @example graphText(order(scope), "dot")
 */
export function graphText(graph: Graph, format: GraphFormat): string {
  const numbers = new Map(graph.order.map((address, at) => [address, `n${at}`]))
  const nodes = graph.order.map((address) => ({
    id: numbers.get(address) as string,
    address,
    type: graph.nodes.get(address)?.type ?? "resource",
  }))
  const edges = graph.order.flatMap((address) =>
    (graph.nodes.get(address)?.needs ?? []).map((need) => [numbers.get(need), numbers.get(address)] as const),
  )
  const lines = format === "dot" ? dotLines(nodes, edges) : mermaidLines(nodes, edges)
  return `${lines.join("\n")}\n`
}

/** A graph as plain data: nodes, needs first, and what each needs. */
export function graphData({ order, nodes }: Graph): readonly Record<string, unknown>[] {
  return order.map((address) => {
    const declaration = nodes.get(address)
    return {
      address,
      type: declaration?.type,
      kind: declaration?.kind,
      needs: declaration?.needs ?? [],
      place: String(declaration?.place ?? ""),
    }
  })
}

interface Drawn {
  readonly id: string
  readonly address: string
  readonly type: string
}
type Edge = readonly [string | undefined, string | undefined]

/** Tasks are rounded and checks are lozenges, in both forms. */
function mermaidLines(nodes: readonly Drawn[], edges: readonly Edge[]): readonly string[] {
  const shapes: Readonly<Record<string, readonly [string, string]>> = {
    task: ["(", ")"],
    check: ["{", "}"],
    lookup: ["[/", "/]"],
  }
  const shape = ({ type }: Drawn): readonly [string, string] => shapes[type] ?? ["[", "]"]
  return [
    "flowchart LR",
    ...nodes.map((node) => `  ${node.id}${shape(node)[0]}"${mermaidText(node.address)}"${shape(node)[1]}`),
    ...edges.map(([from, to]) => `  ${from} --> ${to}`),
  ]
}

function dotLines(nodes: readonly Drawn[], edges: readonly Edge[]): readonly string[] {
  const shapes: Readonly<Record<string, string>> = { task: "ellipse", check: "diamond", lookup: "note" }
  return [
    "digraph fettle {",
    "  rankdir=LR",
    "  node [shape=box]",
    ...nodes.map(
      ({ id, address, type }) =>
        `  ${id} [label=${dotText(address)}${shapes[type] === undefined ? "" : `, shape=${shapes[type]}`}]`,
    ),
    ...edges.map(([from, to]) => `  ${from} -> ${to}`),
    "}",
  ]
}

/** Everything but letters, digits and a few plain signs as a character reference: nothing is left that mermaid or HTML could read. */
function mermaidText(text: string): string {
  return text.replace(/[^\p{L}\p{N} ./_-]/gu, (character) => `#${character.codePointAt(0)};`)
}

/** A quoted string of DOT: backslashes and quotes escaped, control characters replaced. */
function dotText(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\p{C}/gu, "�")}"`
}
