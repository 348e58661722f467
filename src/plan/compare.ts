import { asFettleError, FettleError } from "../errors.ts"
import type { Cause, PlannedChange, PlannedError, PropDiff } from "../events/plan.ts"
import { isPlain } from "../program/output.ts"
import type { Change, Seen } from "../provider.ts"
import { encode } from "../state/encode.ts"
import { show } from "./tellable.ts"
import { isAbsent, isPresent, type Repeat, type Work } from "./work.ts"

/** What a provider says of one thing whose props and world are known. @throws FettleError `PROVIDER_THREW` */
export function providerSays(work: Work): Change<Record<string, unknown>> {
  let said: unknown
  try {
    said = work.provider.plan(work.want, work.seen as Seen<unknown>, work.last)
  } catch (thrown) {
    throw asFettleError(thrown, "PROVIDER_THREW").at(work.address, work.declaration?.place)
  }
  if (!isChange(said))
    throw new FettleError(
      "OUTPUT_WRONG",
      `${work.provider.kind} planned ${show(said).slice(0, 120)}, which is no change`,
    )
  return said
}

/** A provider may be plain JavaScript: what it plans must be something that can be carried out, else nothing would be done, and nobody told. */
function isChange(said: unknown): said is Change<Record<string, unknown>> {
  if (!isPlain(said) || typeof said.action !== "string") return false
  if (said.action !== "update" && said.action !== "replace")
    return ["none", "create", "run", "check"].includes(said.action)
  return Array.isArray(said.props) && typeof said.because === "string"
}

/** Whether what is there was made by somebody else. */
export function isForeign(work: Work): boolean {
  if (!isPresent(work.seen) || work.row !== undefined || work.found) return false
  if (work.declaration?.options.adopt === true || work.provider.asserts === true || work.provider.adoptsFound === true)
    return false
  return work.declaration?.type === "resource"
}

/** The entry of a plan for a declared thing and what its provider says of it. */
export function describe(work: Work, change: Change<Record<string, unknown>>): PlannedChange {
  const drift = driftOf(work)
  const head = {
    ...headOf(work),
    ...(drift.length > 0 ? { drift } : {}),
    ...("text" in change && change.text !== undefined ? { text: change.text } : {}),
  }
  if (change.action === "create")
    return {
      ...head,
      action: "create",
      because: work.row === undefined ? "not there" : "was there, is gone",
      cause: work.row === undefined ? "new" : "gone",
    }
  if (change.action === "run" || change.action === "check")
    return { ...head, action: change.action, because: change.because ?? "" }
  if (!("props" in change)) return noneOf(work, head, change.because ?? "")
  const cause = causeOf(work, drift)
  return {
    ...head,
    action: change.action,
    because: change.because,
    cause,
    props: diffOf(work, change.props),
    ...(change.action === "replace" ? { order: change.order ?? "delete-first" } : {}),
  }
}

function noneOf(work: Work, head: Omit<PlannedChange, "action" | "because">, because: string): PlannedChange {
  if (head.from !== undefined) return { ...head, action: "move", because: "renamed in the program" }
  if (work.row !== undefined || !isPresent(work.seen) || work.declaration?.type !== "resource")
    return { ...head, action: "none", because }
  if (work.found) return { ...head, action: "adopt", because: "made by a run that was cut off", cause: "interrupted" }
  if (work.provider.asserts === true && work.declaration.options.adopt !== true)
    return { ...head, action: "adopt", because: "already so, not ours: it will not be removed" }
  return { ...head, action: "adopt", because: "taken over as it is" }
}

/** The entry of a create that was cut off and is made again as it was. */
export function describeRepeat(work: Work, { intent }: Repeat): PlannedChange {
  const then = encode(work.want) === intent.want ? "" : "; then brings it to what is wanted now"
  const because = `repeats a create that was cut off, with its token${then}`
  const head = { ...headOf(work), because, cause: "interrupted" as const }
  return intent.action === "replace"
    ? { ...head, action: "replace", order: "create-first" }
    : { ...head, action: "create" }
}

/** What every entry says of its address. */
export function headOf(work: Work): Omit<PlannedChange, "action" | "because"> {
  const { declaration } = work
  return {
    address: work.address,
    type: declaration?.type ?? "resource",
    kind: work.provider.kind,
    ...(work.connection === undefined ? {} : { connection: work.connection.name }),
    ...(work.id === undefined ? {} : { id: work.id }),
    ...(declaration?.renamedFrom !== undefined && work.row?.address === declaration.renamedFrom
      ? { from: declaration.renamedFrom }
      : {}),
  }
}

/** The entry of something that cannot be changed now. */
export function blocked(work: Work, error: FettleError, because = error.fact): PlannedChange {
  work.error = error.at(work.address, work.declaration?.place)
  return { ...headOf(work), action: "blocked", because, error: errorOf(error) }
}

export function errorOf(error: FettleError): PlannedError {
  const { code, fact, next, place, cause } = error.toJSON() as unknown as PlannedError
  return { code, fact, next, ...(place === undefined ? {} : { place }), ...(cause === undefined ? {} : { cause }) }
}

function causeOf(work: Work, drift: readonly PropDiff[]): Cause {
  if (work.row === undefined) return "wanted"
  const wanted = encode(work.want) !== (work.last?.propsText ?? work.row.props)
  // State took over what is there: since then it is the program that wants something else.
  if (!wanted) return work.row.refreshed === true && drift.length === 0 ? "wanted" : "drift"
  return drift.length > 0 ? "wanted+drift" : "wanted"
}

/** Outputs that moved in the world since they were recorded. */
export function driftOf(work: Work): readonly PropDiff[] {
  if (work.row === undefined || work.last === undefined || !isPresent(work.seen)) return []
  const seen = work.seen.outputs as Record<string, unknown>
  if (encode(seen) === work.row.outputs) return []
  const last = work.last.outputs as Record<string, unknown>
  const diffs: PropDiff[] = []
  for (const name of new Set([...Object.keys(last), ...Object.keys(seen)])) {
    if (work.provider.volatile?.includes(name) || encode([seen[name]]) === encode([last[name]])) continue
    diffs.push({ name, from: show(last[name]), to: show(seen[name]) })
  }
  return diffs
}

/** Props that differ, with what is there and what is wanted. */
function diffOf(work: Work, names: readonly string[]): readonly PropDiff[] {
  const want = work.want as Record<string, unknown>
  const seen = isPresent(work.seen) ? { ...(work.seen.outputs as Record<string, unknown>), ...work.seen.shown } : {}
  const last = (work.last?.props ?? {}) as Record<string, unknown>
  return names.map((name) => {
    const from = name in seen ? seen[name] : last[name]
    return {
      name,
      ...(from === undefined ? {} : { from: show(from) }),
      ...(want[name] === undefined ? {} : { to: show(want[name]) }),
    }
  })
}

export function goneButRecorded(work: Work): boolean {
  return work.row !== undefined && isAbsent(work.seen)
}
