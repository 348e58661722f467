import type { Address } from "../program/address.ts"
import type { FleetDeclaration } from "../program/fleet-declaration.ts"
import type { Scope } from "../program/scope.ts"
import type { Connection } from "../provider.ts"
import type { Collected } from "./collect.ts"
import { headOf } from "./compare.ts"
import type { Engine } from "./engine.ts"
import type { Quiet } from "./read.ts"
import { NOTHING, type Work } from "./work.ts"

/** A plan goes on without those who have not answered once nobody has for so long, in milliseconds. */
const QUIET_MS = 2_000
/** Connections that are named where many are waited for. */
const NAMED = 5

/**
 * Lets one pass of a run begin without the connections that do not answer: what is on them, and what needs that, is planned in a
 * pass of its own. So nobody is changed without a plan that was told, and nobody waits for a machine that hangs.
 */
export class Latecomers {
  /** Of this pass alone; undefined in the first one, which is about everything. */
  readonly only: ReadonlySet<string> | undefined
  /** Deletions that the passes before had. */
  readonly deletes: number
  /** False where this pass waits for all. */
  readonly mayLeave: boolean
  readonly #late = new Set<Connection>()
  readonly #left = new Set<string>()

  constructor(only?: ReadonlySet<string>, deletes = 0, mayLeave = true) {
    this.only = only
    this.deletes = deletes
    this.mayLeave = mayLeave
  }

  /** Addresses that are left for the next pass. */
  get left(): ReadonlySet<string> {
    return this.#left
  }

  isLate(connection: Connection | undefined): boolean {
    return connection !== undefined && this.#late.has(connection)
  }

  leaveOut(connections: readonly Connection[]): void {
    for (const each of connections) this.#late.add(each)
  }

  /** Leaves out what is on late connections, and all that needs it. */
  take({ graph, works, leaving }: Pick<Collected, "graph" | "works" | "leaving">): void {
    if (this.#late.size === 0) return
    for (const address of graph.order) {
      const work = works.get(address) as Work
      const needs = graph.nodes.get(address)?.needs ?? []
      if (!this.isLate(work.connection) && !needs.some((need) => this.#left.has(need))) continue
      if (work.planned === undefined) this.leave(work)
    }
    for (const work of leaving) if (this.isLate(work.connection)) this.leave(work)
  }

  /** Nothing is known of it in this pass, and nothing is done with it. */
  leave(work: Work): void {
    this.#left.add(work.address)
    work.known = NOTHING
    if (work.declaration === undefined) work.planned = undefined
    else work.planned = { ...headOf(work), action: "none", because: "not a target" }
  }
}

/**
 * What to do when all are quiet and some have not answered yet: tell whom the plan waits for, and leave out those who may come later.
 * Of a fleet that bounds how many of its hosts may be away all are waited for, because who is away decides whether it begins.
 */
export function quietOf(scope: Pick<Scope, "fleets">, latecomers: Latecomers | undefined, engine: Engine): Quiet {
  const counted = new Set([...scope.fleets.values()].filter(isLimited).flatMap(({ members }) => [...members.values()]))
  return {
    afterMs: QUIET_MS,
    leave: (waiting, hasAnswers) => {
      const late = latecomers?.mayLeave !== true || !hasAnswers ? [] : waiting.filter((each) => !counted.has(each))
      latecomers?.leaveOut(late)
      const rest = waiting.filter((each) => !late.includes(each))
      const say = (text: string): void => engine.emit({ type: "note", level: "info", text })
      if (late.length > 0) say(`no answer yet from ${listed(late)}: planned later, the others do not wait for it`)
      if (rest.length > 0) say(`waiting for ${listed(rest)}`)
      return late
    },
  }
}

function isLimited({ serial, maxUnavailable }: FleetDeclaration): boolean {
  return Number.isFinite(serial) || Number.isFinite(maxUnavailable)
}

function listed(connections: readonly Connection[]): string {
  const left = connections.length - NAMED
  const names = connections.slice(0, NAMED).map(({ name }) => name)
  return `${names.join(", ")}${left > 0 ? ` and ${left} more` : ""}`
}

/** Of what a plan is about, what this pass is about: what was left out before it, and what that needs. */
export function narrowed(
  wanted: ReadonlySet<Address>,
  { graph }: Pick<Collected, "graph">,
  only: ReadonlySet<string>,
): ReadonlySet<Address> {
  const found = new Set<Address>()
  const queue = [...wanted].filter((address) => only.has(address))
  for (let address = queue.pop(); address !== undefined; address = queue.pop()) {
    if (found.has(address) || !wanted.has(address)) continue
    found.add(address)
    queue.push(...(graph.nodes.get(address)?.needs ?? []))
  }
  return found
}
