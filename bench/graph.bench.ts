// Builds and orders a graph in a process of its own: how long it takes from the first declaration to the last address of
// the order, and the most memory that the process ever had. Beside it, as the floor, a bare Map of plain objects with a
// plain depth-first order.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { z } from "zod"
import type { order } from "../src/graph/graph.ts"
import type { program, resource } from "../src/index.ts"
import type { declare } from "../src/program/program.ts"
import type { provider } from "../src/provider.ts"
import type { Bench } from "./context.ts"

type Side = "ours" | "floor"

interface Measured {
  readonly ms: number
  /** The most resident memory that the process had, in megabytes. */
  readonly rssMb: number
}

const ROUNDS = 5
const SIZES = [10_000, 100_000, 1_000_000] as const
/** Nodes of one chain: each needs the one before it, and every tenth also the head of its chain. */
const CHAIN = 100

export default async function bench({ row, interleave }: Bench): Promise<void> {
  for (const nodes of SIZES) {
    const peaks = { ours: 0, floor: 0 }
    const side = (name: Side) => () => {
      const { ms, rssMb } = child(name, nodes)
      peaks[name] = Math.max(peaks[name], rssMb)
      return ms
    }
    const times = await interleave(nodes > 100_000 ? 3 : ROUNDS, { ours: side("ours"), other: side("floor") })
    const what = `${nodes.toLocaleString("en")} nodes`
    const asked = nodes === 100_000
    row({
      name: `${what}: built and ordered`,
      unit: "ms",
      ...times,
      otherName: "a bare Map",
      ...(asked && { target: "ours < 2000" }),
    })
    row({
      name: `${what}: most memory`,
      unit: "MB",
      ours: peaks.ours,
      other: peaks.floor,
      otherName: "a bare Map",
      ...(asked && { target: "ours < 500" }),
    })
  }
  const each = (nodes: number) => () => (child("ours", nodes).ms * 1_000) / nodes
  const linear = await interleave(ROUNDS, { ours: each(100_000), other: each(10_000) })
  row({ name: "one node of 100,000", unit: "µs", ...linear, otherName: "one of 10,000", target: "ratio <= 1.5" })
}

function child(side: Side, nodes: number): Measured {
  const args = ["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), side, String(nodes)]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${side} with ${nodes} nodes ended with ${status}: ${stderr}`)
  return JSON.parse(stdout) as Measured
}

/** The built package, as a user's program meets it. */
async function load() {
  const at = (path: string): string => new URL(`../dist/${path}`, import.meta.url).href
  return {
    ...((await import(at("index.js"))) as { program: typeof program; resource: typeof resource }),
    ...((await import(at("provider.js"))) as { provider: typeof provider }),
    ...((await import(at("program/program.js"))) as { declare: typeof declare }),
    ...((await import(at("graph/graph.js"))) as { order: typeof order }),
  }
}

async function ours(nodes: number): Promise<() => readonly string[]> {
  const fettle = await load()
  const part = fettle.provider({
    kind: "bench.part",
    version: 1,
    about: "A part of a large graph; it is only declared.",
    connects: "none",
    props: z.strictObject({ name: z.string(), of: z.string().optional(), size: z.number().default(1) }),
    outputs: z.object({ id: z.string() }),
    settles: "unique",
    id: (want) => want.name,
    read: async () => new Map(),
    plan: () => ({ action: "create" }),
    ensure: async (want) => ({ id: want.name }),
    delete: async () => {},
  })
  const declared = fettle.program("graph", {}, () => {
    const add = (name: string, before?: Part, head?: Part): Part =>
      fettle.resource(
        part,
        name,
        { name, ...(before && { of: before.id }) },
        head === undefined ? {} : { after: [head] },
      )
    type Part = ReturnType<typeof fettle.resource<typeof part, string>>
    let [head, before]: [Part | undefined, Part | undefined] = [undefined, undefined]
    for (let at = 0; at < nodes; at += 1) {
      if (at % CHAIN === 0) [head, before] = [undefined, undefined]
      before = add(`part-${at}`, before, at % 10 === 0 ? head : undefined)
      head ??= before
    }
  })
  return () => fettle.order(fettle.declare(declared, {})).order
}

interface Bare {
  readonly name: string
  readonly props: { readonly name: string; readonly of?: string | undefined; readonly size: number }
  readonly needs: readonly string[]
}

/** What nobody can go below: the same nodes and edges as plain objects, ordered without a word about what is wrong. */
function floor(nodes: number): () => readonly string[] {
  return () => {
    const all = new Map<string, Bare>()
    for (let at = 0; at < nodes; at += 1) {
      const name = `bench.part[part-${at}]`
      const [head, before] =
        at % CHAIN === 0 ? [] : [`bench.part[part-${at - (at % CHAIN)}]`, `bench.part[part-${at - 1}]`]
      const needs = [...(before ? [before] : []), ...(at % 10 === 0 && head ? [head] : [])]
      all.set(name, { name, props: { name: `part-${at}`, of: before, size: 1 }, needs })
    }
    return orderOf(all)
  }
}

function orderOf(all: ReadonlyMap<string, Bare>): readonly string[] {
  const done = new Set<string>()
  const order: string[] = []
  for (const start of all.keys()) {
    const path = [start]
    for (let name = path.at(-1); name !== undefined; name = path.at(-1)) {
      const next = all.get(name)?.needs.find((need) => !done.has(need))
      if (next !== undefined) path.push(next)
      else {
        path.pop()
        if (!done.has(name)) order.push(name)
        done.add(name)
      }
    }
  }
  return order
}

if (import.meta.main) {
  const [side, count] = process.argv.slice(2) as [Side, string]
  const build = side === "ours" ? await ours(Number(count)) : floor(Number(count))
  const begun = performance.now()
  const order = build()
  const ms = performance.now() - begun
  if (new Set(order).size !== Number(count)) throw new Error(`${order.length} of ${count} nodes were ordered`)
  process.stdout.write(JSON.stringify({ ms, rssMb: process.resourceUsage().maxRSS / 1_024 }))
}
