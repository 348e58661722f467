import { FettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import type { Declaration } from "../program/declaration.ts"
import type { Scope } from "../program/scope.ts"

/** Declarations in an order in which each stands after all it needs. */
export interface Graph {
  readonly nodes: ReadonlyMap<Address, Declaration>
  /** Addresses, needs first. */
  readonly order: readonly Address[]
}

/**
 * Orders what a program declared. Linear in nodes and edges.
 * @throws FettleError `AFTER_UNKNOWN`, `CYCLE` with the whole path, `RENAMED_CONFLICT`
 */
export function order(scope: Pick<Scope, "declarations">): Graph {
  const nodes = scope.declarations
  checkRenames(nodes)
  const done = new Set<Address>()
  const sorted: Address[] = []
  for (const start of nodes.keys()) if (!done.has(start)) visit(start, nodes, done, sorted)
  return { nodes, order: sorted }
}

/** Depth first without recursion: a chain of 100,000 nodes must not end the stack. */
function visit(start: Address, nodes: ReadonlyMap<Address, Declaration>, done: Set<Address>, sorted: Address[]): void {
  const path: Address[] = [start]
  const next: number[] = [0]
  const onPath = new Set<Address>(path)
  while (path.length > 0) {
    const at = path.length - 1
    const address = path[at] as Address
    const needs = nodes.get(address)?.needs ?? []
    const need = needs[next[at] as number]
    if (need === undefined) {
      done.add(address)
      sorted.push(address)
      onPath.delete(address)
      path.pop()
      next.pop()
      continue
    }
    next[at] = (next[at] as number) + 1
    if (done.has(need)) continue
    if (onPath.has(need)) throw cycle([...path.slice(path.indexOf(need)), need], nodes)
    if (!nodes.has(need)) throw unknownNeed(nodes.get(address) as Declaration, need)
    path.push(need)
    next.push(0)
    onPath.add(need)
  }
}

/** Most nodes of a circle that are told one by one. */
const CYCLE_TOLD = 20

function cycle(path: readonly Address[], nodes: ReadonlyMap<Address, Declaration>): FettleError {
  const first = nodes.get(path[0] as Address)
  const lines = path.map((address) => `${address} (${nodes.get(address)?.place})`)
  const left = lines.length - CYCLE_TOLD
  // The end of a circle tells as much as its beginning; what stands between is in the details.
  if (left > 1) lines.splice(CYCLE_TOLD - 5, left, `${left} more`)
  return new FettleError("CYCLE", lines.join("\nneeds "), { address: path[0], place: first?.place, details: { path } })
}

function unknownNeed(declaration: Declaration, need: Address): FettleError {
  return new FettleError("AFTER_UNKNOWN", `${declaration.address} needs ${need}, which this program does not declare`, {
    address: declaration.address,
    place: declaration.place,
  })
}

function checkRenames(nodes: ReadonlyMap<Address, Declaration>): void {
  const claimed = new Map<string, Declaration>()
  for (const declaration of nodes.values()) {
    const from = declaration.renamedFrom
    if (from === undefined) continue
    const other = claimed.get(from) ?? nodes.get(from as Address)
    if (other !== undefined)
      throw new FettleError(
        "RENAMED_CONFLICT",
        `${declaration.address} says it was ${from}, which ${other.address} at ${other.place} also claims`,
        { address: declaration.address, place: declaration.place },
      )
    claimed.set(from, declaration)
  }
}
