import { asFettleError, FettleError } from "../errors.ts"
import type { PlannedChange, PlanOptions } from "../events/plan.ts"
import type { NodePolicy } from "../policies/node-policy.ts"
import type { Address } from "../program/address.ts"
import type { EachProps } from "../program/each.ts"
import { holdsUnknown, resolve, secretsIn, UNKNOWN } from "../program/output.ts"
import { placeOfThrow } from "../program/place.ts"
import type { Scope } from "../program/scope.ts"
import { SEALED } from "../state/encode.ts"
import { asPlan, onlyRefresh } from "./as-plan.ts"
import { type Collected, collect, expandEach } from "./collect.ts"
import { blocked, errorOf, headOf } from "./compare.ts"
import { decide, decideLeaving, idFrom, needsReread, resolveProps, splitMoved, undecided } from "./decide.ts"
import type { Engine } from "./engine.ts"
import { followChange, followMaker, followNeeds, leavesAlone } from "./follow.ts"
import { guard } from "./guards.ts"
import { keepNeeds } from "./keep.ts"
import { narrowed, quietOf } from "./latecomers.ts"
import { chosenConnections } from "./limit.ts"
import { Makers } from "./makers.ts"
import { permit } from "./permit.ts"
import type { Planned, PlanRequest } from "./planned.ts"
import { readAll } from "./read.ts"
import { selected } from "./selected.ts"
import type { Sessions } from "./sessions.ts"
import { tellOrder } from "./tell-order.ts"
import { refuseTwins } from "./twins.ts"
import { withoutRefused } from "./versions.ts"
import { isPresent, NOTHING, type Work } from "./work.ts"

/**
 * Compares what is declared with what is there. Reads the world, writes nothing.
 * @throws FettleError of graph, guards and secrets; what goes wrong with one node is an entry of the plan
 */
export async function makePlan(request: PlanRequest, sessions: Sessions, engine: Engine): Promise<Planned> {
  engine.emit({ type: "plan.started", nodes: request.scope.declarations.size })
  const { destroy, targets, verifyOnly } = request.options
  if (destroy === true || targets !== undefined || verifyOnly === true)
    await engine.box.openToHide([...request.scope.declarations.values()].flatMap((each) => secretsIn(each.props)))
  const scope =
    request.options.destroy === true ? { ...request.scope, declarations: new Map() } : withoutRefused(request.scope)
  const { collected, unknownEach } = await observe(scope, request, sessions, engine)
  for (const work of collected.leaving)
    work.timeout = request.scope.declarations.get(work.row?.address as Address)?.options.timeout
  const everything = [...collected.works.values(), ...collected.leaving]
  if (request.options.refreshOnly === true) onlyRefresh(everything)
  refuseTwins(collected, engine)
  if (request.options.refreshOnly !== true) {
    const staying = keepNeeds(collected)
    // Whether it may go is known when what was left out has answered.
    if ((request.latecomers?.left.size ?? 0) > 0) for (const work of staying) request.latecomers?.leave(work)
  }
  for (const work of everything) refuseOpenName(work, engine)
  guard(everything, request.options, request.latecomers?.deletes)
  const plan = asPlan(request, collected, everything, engine)
  tellOrder(collected.graph, engine)
  engine.emit({ type: "plan.made", plan })
  return {
    plan,
    scope,
    works: collected.works,
    order: collected.graph.order,
    leaving: collected.leaving,
    partial: unknownEach.length > 0,
    snapshot: request.snapshot,
  }
}

/** State and everything that tells of a run is keyed by addresses: the text of a secret must not stand in one. */
function refuseOpenName(work: Work, engine: Engine): void {
  const hidden = engine.redact(work.address)
  if (hidden !== work.address && work.declaration !== undefined)
    throw new FettleError("SECRET_AS_STRING", `the text of a secret stands in the name of ${hidden}`, {
      place: work.declaration.place,
      next: "give the node a name without it",
    })
}

/** Collects, reads and decides; again for the nodes of each(…) whose lists became known on the way. */
async function observe(
  scope: Scope,
  request: PlanRequest,
  sessions: Sessions,
  engine: Engine,
): Promise<{ collected: Collected; unknownEach: readonly string[] }> {
  const expanded = new Set<Address>()
  const destroyed = request.options.destroy === true ? policiesOf(request.scope) : undefined
  let collected: Collected | undefined
  let unknownEach = expandEach(scope, (props) => listOf(props, undefined), expanded)
  for (;;) {
    const before = collected
    collected = await collect(scope, destroyed, request.snapshot, engine, unknownEach, request.options.doneWith)
    await openSealed(collected, engine)
    if (before !== undefined)
      for (const [address, work] of before.works) if (collected.works.has(address)) collected.works.set(address, work)
    await decideAll(scope, collected, request, sessions, engine)
    const nodes = scope.declarations.size
    const known = collected
    unknownEach = expandEach(scope, (props) => listOf(props, known.works), expanded)
    if (scope.declarations.size === nodes && expanded.size === 0) break
    if (scope.declarations.size === nodes) break
  }
  return { collected, unknownEach }
}

/** What the program says of the writes of what `destroy` deletes: nothing counts as declared then. */
function policiesOf({ declarations }: Scope): ReadonlyMap<Address, readonly NodePolicy[]> {
  const found = new Map<Address, readonly NodePolicy[]>()
  for (const { address, renamedFrom, options } of declarations.values()) {
    found.set(address, options.policies ?? [])
    if (renamedFrom !== undefined) found.set(renamedFrom as Address, options.policies ?? [])
  }
  return found
}

/** Opens the secrets that a far side once returned: a write may need them, and until then nothing could hide them. */
async function openSealed({ works, leaving }: Collected, engine: Engine): Promise<void> {
  for (const work of [...works.values(), ...leaving])
    if (work.row?.outputs.includes(SEALED) === true && work.seen === undefined)
      await Promise.all(secretsIn(work.last?.outputs).map((secret) => engine.box.open(secret)))
}

function listOf(props: EachProps, works: ReadonlyMap<Address, Work> | undefined): readonly unknown[] | undefined {
  const items = resolve(props.items, (node, key) => works?.get(node)?.known[key] ?? UNKNOWN)
  return holdsUnknown(items) || !Array.isArray(items) ? undefined : items
}

async function decideAll(
  scope: Scope,
  collected: Collected,
  { options, latecomers }: PlanRequest,
  sessions: Sessions,
  engine: Engine,
): Promise<void> {
  for (const work of [...collected.works.values(), ...collected.leaving])
    if (work.error !== undefined && work.planned === undefined) work.planned = blocked(work, work.error)
  const chosen = options.limit === undefined ? undefined : chosenConnections(scope, options.limit)
  const all = selected(collected, options, chosen)
  const wanted = latecomers?.only === undefined ? all : narrowed(all, collected, latecomers.only)
  const nodes = collected.graph.order
    .map((address) => collected.works.get(address) as Work)
    .filter((work) => work.planned === undefined)
  for (const work of nodes) if (!wanted.has(work.address)) skip(work)
  latecomers?.take(collected)
  const isOpen = (work: Work): boolean => work.planned === undefined
  const pending = nodes.filter(isOpen)
  await prepare(pending, collected.works, engine)
  const first = pending.filter((work) => isReadable(work))
  const leaving =
    options.verifyOnly !== true &&
    (all.size === collected.works.size || chosen !== undefined || (options.targets ?? []).length > 0)
      ? collected.leaving.filter(
          (work) =>
            work.planned === undefined &&
            (latecomers?.only === undefined || latecomers.only.has(work.address)) &&
            (options.targets === undefined || options.targets.includes(work.address)) &&
            (chosen === undefined || chosen.has(work.connection?.name ?? "")),
        )
      : []
  const reading = [...first, ...leaving].filter(
    ({ seen, connection }) => !seen && latecomers?.isLate(connection) !== true,
  )
  await readAll(reading, sessions, engine, { quiet: quietOf(scope, latecomers, engine) })
  latecomers?.take(collected)
  for (const work of leaving) {
    if (latecomers?.isLate(work.connection) === true) continue
    work.planned = decideLeaving(work, engine)
    if (options.refreshOnly !== true) permit(work, engine.caller)
  }
  await decideNodes(pending.filter(isOpen), collected.works, options, sessions, engine)
}

/** Ids and props as far as they can be told before anything is read: from recorded and predicted outputs. */
async function prepare(pending: readonly Work[], works: ReadonlyMap<Address, Work>, engine: Engine): Promise<void> {
  for (const work of pending) {
    if (work.declaration?.type === "each" || work.declaration?.type === "check") continue
    try {
      const props = await resolveProps(work, works, engine, true)
      work.id = idFrom(work, props)
      if (!holdsUnknown(props)) splitMoved(work, props)
      work.want = holdsUnknown(props) ? undefined : props
    } catch (thrown) {
      work.error = ofProgram(thrown)
    }
  }
}

/** What went wrong with the props of one node, a function given to `.map` say, at its own place. @throws FettleError `CANCELLED`: that is not about the node */
function ofProgram(thrown: unknown): FettleError {
  if (thrown instanceof FettleError && thrown.code === "CANCELLED") throw thrown
  return asFettleError(thrown, "PROGRAM_THREW").at(undefined, placeOfThrow(thrown))
}

function isReadable(work: Work): boolean {
  if (work.error !== undefined || work.declaration?.type === "each" || work.declaration?.type === "check") return false
  return work.want !== undefined || work.id !== undefined || work.row !== undefined
}

/** Goes through the nodes, needs first; what must be read anew with better props waits for the next round. */
async function decideNodes(
  nodes: readonly Work[],
  works: ReadonlyMap<Address, Work>,
  options: PlanOptions,
  sessions: Sessions,
  engine: Engine,
): Promise<void> {
  let pending = nodes
  const makers = new Makers()
  for (let round = 0; pending.length > 0; round += 1) {
    if (round > nodes.length)
      throw new FettleError("INTERNAL", `${pending[0]?.address} names another id each time it is read`)
    const reread: Work[] = []
    const later: Work[] = []
    const waiting = new Set<Address>()
    for (const work of pending) {
      const isWaiting = work.declaration?.needs.some((need) => waiting.has(need)) === true
      if (!isWaiting) {
        makers.enter(work)
        if ((await decideOne(work, works, options, makers, engine)) === "decided") {
          if (!leavesAlone(work.planned ?? { action: "none" })) makers.add(work)
          continue
        }
        reread.push(work)
      }
      waiting.add(work.address)
      later.push(work)
    }
    if (reread.length === 0) return
    await readAll(reread, sessions, engine, { again: true })
    pending = later
  }
}

async function decideOne(
  work: Work,
  works: ReadonlyMap<Address, Work>,
  options: PlanOptions,
  makers: Makers,
  engine: Engine,
): Promise<"decided" | "reread"> {
  const held = holder(work, works)
  if (held !== undefined) {
    work.planned = {
      ...headOf(work),
      action: "blocked",
      because: `waits for ${held.address}`,
      error: errorOf(held.error as FettleError),
    }
    work.error = held.error
    return "decided"
  }
  if (work.declaration?.type === "each") return decideEach(work, works)
  let props: unknown
  try {
    props = await resolveProps(work, works, engine, false)
  } catch (thrown) {
    work.planned = blocked(work, ofProgram(thrown))
    return "decided"
  }
  work.error = undefined
  if (holdsUnknown(props)) work.want = undefined
  else if (work.declaration?.type === "check") return planCheck(work, props)
  else {
    const id = idFrom(work, props)
    splitMoved(work, props)
    if (needsReread(work, props, id)) {
      work.id = id
      work.want = props
      return "reread"
    }
    work.want = props
  }
  if (work.want === undefined && work.declaration?.type === "check") return planCheck(work, undefined)
  work.options = options
  work.planned = work.want === undefined ? undecided(work, works) : decide(work, options, engine)
  if (options.verifyOnly === true) return observeOnly(work)
  if (leavesAlone(work.planned) && work.provider.followsNeeds === true) followNeeds(work, works)
  followChange(work, works)
  followMaker(work, makers)
  if (options.force?.includes(work.address) === true && work.planned.action !== "blocked") forceRun(work)
  if (options.refreshOnly !== true) permit(work, engine.caller)
  return "decided"
}

/** The need that keeps a node from being changed, if there is one. */
function holder(work: Work, works: ReadonlyMap<Address, Work>): Work | undefined {
  for (const need of work.declaration?.needs ?? []) {
    const other = works.get(need)
    if (other?.planned?.action === "blocked") return other
  }
  return undefined
}

/** Where only checks are asked, everything else is only looked at. */
function observeOnly(work: Work): "decided" {
  work.known = isPresent(work.seen)
    ? (work.seen.outputs as Record<string, unknown>)
    : ((work.last?.outputs as Record<string, unknown> | undefined) ?? NOTHING)
  work.planned = { ...headOf(work), action: "none", because: "only checks are asked" }
  work.change = { action: "none" }
  return "decided"
}

function decideEach(work: Work, works: ReadonlyMap<Address, Work>): "decided" {
  const items = listOf(work.declaration?.props as EachProps, works)
  work.planned =
    items === undefined
      ? {
          ...headOf(work),
          action: "decide",
          because: "its list is known only during apply; what is recorded of it is kept",
        }
      : { ...headOf(work), action: "none", because: `${items.length} items` }
  work.change = { action: "none" }
  return "decided"
}

function planCheck(work: Work, props: unknown): "decided" {
  work.want = props
  work.change = { action: "check" }
  work.known = NOTHING
  work.planned = { ...headOf(work), action: "check", because: "asked at every apply" }
  return "decided"
}

function forceRun(work: Work): void {
  if (work.declaration?.type !== "task") return
  work.change = { action: "run", because: "asked for with --force" }
  work.known = NOTHING
  work.planned = { ...(work.planned as PlannedChange), action: "run", because: "asked for with --force" }
}

function skip(work: Work): void {
  work.planned = { ...headOf(work), action: "none", because: "not a target" }
  work.known = (work.last?.outputs as Record<string, unknown> | undefined) ?? NOTHING
}
