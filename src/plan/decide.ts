import { asFettleError, FettleError } from "../errors.ts"
import type { PlannedChange, PlanOptions } from "../events/plan.ts"
import type { Address } from "../program/address.ts"
import { holdsUnknown, isPlain, resolve, secretsIn, UNKNOWN } from "../program/output.ts"
import { freeze, parseProps } from "../program/props.ts"
import { encode } from "../state/encode.ts"
import type { Row } from "../state/store.ts"
import { blocked, describe, describeRepeat, goneButRecorded, headOf, isForeign, providerSays } from "./compare.ts"
import type { Engine } from "./engine.ts"
import { fromMemory } from "./remembered.ts"
import { settle } from "./settle.ts"
import { isAbsent, isPresent, isProtected, NOTHING, type Repeat, remember, type Work } from "./work.ts"

/** The works of a plan by address. */
export type Works = ReadonlyMap<Address, Work>

/** Props with all outputs that are known by now; secrets opened. UNKNOWN stands where one is not known. */
export async function resolveProps(work: Work, works: Works, engine: Engine, optimistic: boolean): Promise<unknown> {
  const declaration = work.declaration
  if (declaration === undefined) return undefined
  const resolved = declaration.complete
    ? declaration.props
    : resolve(declaration.props, (node, key) => outputOf(works.get(node), key, optimistic))
  const unknown = !declaration.complete && holdsUnknown(resolved)
  const parsed =
    declaration.complete || unknown ? resolved : parseProps(work.provider, resolved, work.address, declaration.place)
  // A secret beside an unknown output stands in no resolved value yet, and a random one must be made before anything begins.
  const secrets = unknown ? secretsIn([parsed, declaration.props]) : secretsIn(parsed)
  if (secrets.length > 0) await Promise.all(secrets.map((secret) => engine.box.open(secret)))
  return parsed
}

/** An output of another node: as known now, or before its turn as predicted or recorded. */
function outputOf(work: Work | undefined, key: string, optimistic: boolean): unknown {
  if (work === undefined) return UNKNOWN
  if (key in work.known) return work.known[key]
  if (!optimistic) return UNKNOWN
  const predicted = work.want === undefined ? NOTHING : predictedOf(work)
  if (key in predicted) return predicted[key] // of what is wanted now: what is recorded may be about to change
  const recorded = work.last?.outputs as Record<string, unknown> | undefined
  return recorded !== undefined && key in recorded ? recorded[key] : UNKNOWN
}

/** The id of a thing, from whatever props are known; undefined where it cannot be told yet. */
export function idFrom(work: Work, props: unknown): string | undefined {
  return idInProps(work, props) ?? work.id ?? work.row?.id
}

/** The id that the props carry; undefined where they carry none, or not yet. */
function idInProps(work: Work, props: unknown): string | undefined {
  try {
    const id: unknown = work.provider.id(props)
    return typeof id === "string" ? id : undefined
  } catch {
    return undefined
  }
}

/** A thing whose id is no longer the recorded one is another thing: the new one is made, then the old one deleted. */
export function splitMoved(work: Work, props: unknown): void {
  const id = idInProps(work, props)
  if (id === undefined || work.declaration?.type !== "resource") return
  if (work.former !== undefined && work.former.id === id) {
    work.row = work.former
    const last = remember(work.row, work.provider)
    work.last = last instanceof FettleError ? undefined : last // of another version it would have been refused before
    work.former = undefined
  } else if (work.row?.id !== undefined && work.row.id !== id) {
    work.former = work.row
    work.row = undefined
    work.last = undefined
  }
}

/** Whether what was read still answers the question that the props ask now. */
export function needsReread(work: Work, props: unknown, id: string | undefined): boolean {
  if (work.seen === undefined || id !== work.id) return true
  return work.want !== props && (work.want === undefined || encode(work.want) !== encode(props))
}

/** Decides what is to happen to a declared node whose needs are decided and whose read has been answered. What its provider throws is an entry, too. */
export function decide(work: Work, options: PlanOptions, engine: Engine): PlannedChange {
  try {
    return decided(work, options, engine)
  } catch (thrown) {
    return blocked(work, asFettleError(thrown, "PROVIDER_THREW"))
  }
}

function decided(work: Work, options: PlanOptions, engine: Engine): PlannedChange {
  if (engine.remembers === true) return rememberedEntry(work)
  const declaration = work.declaration
  const seen = work.seen
  if (seen !== undefined && "failed" in seen) return blocked(work, unread(seen.failed))
  const waits = settle(work, engine.now())
  if (waits !== undefined) return blocked(work, waits)
  if (declaration?.type === "lookup") return lookUp(work)
  if (work.repeat !== undefined) return repeated(work, work.repeat)
  if (isForeign(work) && options.adopt?.includes(work.address) !== true)
    return blocked(
      work,
      new FettleError("FOREIGN", `${work.address}: ${work.id ?? "it"} is already there and Fettle did not make it`, {
        next: `fettle adopt '${work.address}' takes it over; or set adopt: true; or choose another id`,
      }),
    )
  const said = providerSays(work)
  const asked = options.replace?.includes(work.address) === true && said.action !== "create"
  const change = asked ? { action: "replace" as const, props: [], because: "asked for with --replace" } : said
  work.change = change
  if (change.action === "replace" && (isProtected(work) || work.row?.protect === true))
    return blocked(
      work,
      new FettleError("PROTECTED", `${work.address} is protected and would be replaced: ${change.because}`),
    )
  work.known = knownOutputs(work)
  const entry = describe(work, change)
  if (work.former !== undefined) return replaced(work, entry)
  return asked ? { ...entry, cause: "wanted" } : entry
}

/** The entry of a plan that looks at state alone. */
function rememberedEntry(work: Work): PlannedChange {
  const change = fromMemory(work)
  if (change.action === "decide") {
    work.known = work.last === undefined ? NOTHING : stableOf(work)
    return { ...headOf(work), ...change }
  }
  work.change = change
  work.known = knownOutputs(work)
  const entry = describe(work, change)
  return change.action === "create" ? { ...entry, because: "state knows nothing of it" } : entry
}

/**
 * The entry of a create that is made again. What is there says nothing of whose it is: the far side knows its token, and
 * refuses where somebody else took the id meanwhile.
 */
function repeated(work: Work, repeat: Repeat): PlannedChange {
  const stays = isProtected(work) || (work.former ?? work.row)?.protect === true
  if (repeat.intent.action === "replace" && stays)
    return blocked(
      work,
      new FettleError("PROTECTED", `${work.address} is protected, and a replacement of it was cut off`, {
        next: `let it be replaced: remove protect and apply; or look at the far side, then: fettle settle '${work.address}' --not-made`,
      }),
    )
  work.change = { action: "create" }
  work.known = predictedOf(work)
  return describeRepeat(work, repeat)
}

/** The entry of a thing that gets another id: made anew under it, then the old one deleted. */
function replaced(work: Work, made: PlannedChange): PlannedChange {
  const former = work.former as Row
  const because = `its id changes from ${former.id} to ${work.id}`
  if (former.protect)
    return blocked(work, new FettleError("PROTECTED", `${work.address} is protected and would be replaced: ${because}`))
  return { ...made, action: "replace", order: "create-first", because, cause: "wanted" }
}

/** Reasons that are no fault of the read: each is mended in a way of its own. */
const OWN_REMEDY: ReadonlySet<string> = new Set<FettleError["code"]>([
  "OUTPUT_WRONG",
  "FILE_REFUSED",
  "OPEN_INTENT",
  "TARGET_CHANGED",
  "DUPLICATE_ID",
  "HOST_KEY_UNKNOWN",
  "HOST_KEY_CHANGED",
  "HOST_KEY_REVOKED",
  "LOGIN_REFUSED",
  "SSH_MISSING",
  "BECOME_REFUSED",
  "BECOME_PASSWORD_MISSING",
  "BECOME_PASSWORD_WRONG",
])

/** Why a thing whose read failed is left alone. */
function unread(failed: FettleError): FettleError {
  const next = failed.next === "" ? {} : { next: failed.next }
  const code = OWN_REMEDY.has(failed.code) ? failed.code : "READ_FAILED"
  return new FettleError(code, failed.fact, { ...(failed.cause === undefined ? {} : { cause: failed.cause }), ...next })
}

function lookUp(work: Work): PlannedChange {
  if (isAbsent(work.seen))
    return blocked(
      work,
      new FettleError("LOOKUP_ABSENT", `${work.address} found nothing${work.id === undefined ? "" : ` at ${work.id}`}`),
    )
  work.known = isPresent(work.seen) ? (work.seen.outputs as Record<string, unknown>) : NOTHING
  work.change = { action: "none" }
  return { ...headOf(work), action: "none", because: "read only" }
}

/** Outputs that can be relied on before the change is made. */
function knownOutputs(work: Work): Readonly<Record<string, unknown>> {
  const action = work.change?.action
  const seen = isPresent(work.seen) ? (work.seen.outputs as Record<string, unknown>) : NOTHING
  if (action === "none") return seen
  if (action === "create" || action === "replace") return predictedOf(work)
  if (action !== "update") return NOTHING
  const stable = Object.fromEntries(
    (work.provider.stable ?? []).filter((key) => key in seen).map((key) => [key, seen[key]]),
  )
  return { ...stable, ...predictedOf(work) }
}

function predictedOf(work: Work): Readonly<Record<string, unknown>> {
  if (work.provider.predict === undefined || holdsUnknown(work.want)) return NOTHING
  const predicted = work.provider.predict(work.want, work.seen)
  return isPlain(predicted) ? (freeze(predicted) as Readonly<Record<string, unknown>>) : NOTHING
}

/** A node whose inputs are not known yet: decided as a whole during apply. */
export function undecided(work: Work, works: Works): PlannedChange {
  const needs = (work.declaration?.needs ?? []).filter((need) => works.get(need)?.planned?.action !== "none")
  work.known = stableOf(work)
  const { versions } = work.declaration ?? {}
  if (versions !== undefined) {
    const because = `${versions.from === undefined ? "" : `${versions.from} → `}${versions.own}, once its instances run`
    return { ...headOf(work), action: "decide", because }
  }
  return {
    ...headOf(work),
    action: "decide",
    because: `its inputs come from ${needs.slice(0, 3).join(", ") || "another node"}${needs.length > 3 ? ` and ${needs.length - 3} more` : ""}`,
  }
}

function stableOf(work: Work): Readonly<Record<string, unknown>> {
  if (!isPresent(work.seen)) return NOTHING
  const seen = work.seen.outputs as Record<string, unknown>
  return Object.fromEntries((work.provider.stable ?? []).filter((key) => key in seen).map((key) => [key, seen[key]]))
}

/** What is left of a thing that is recorded and no longer declared, or that is to be destroyed. */
export function decideLeaving(work: Work, engine: Engine): PlannedChange {
  const { row, seen } = work
  if (seen !== undefined && "failed" in seen) return blocked(work, unread(seen.failed))
  const waits = settle(work, engine.now())
  if (waits !== undefined) return blocked(work, waits)
  // That all is to be deleted is asked for; only what the program let go has a cause that is worth a word.
  const why = work.destroyed ? "destroy was asked for" : "left the program"
  const cause = work.destroyed ? {} : ({ cause: "left" } as const)
  const forget = (because: string): PlannedChange => ({ ...headOf(work), action: "forget", because, ...cause })
  if (leavesNothing(work)) return forget(why)
  if (work.heir !== undefined) return forget(`it is ${work.heir} now`)
  if (row?.retain === true) return forget(`${why}; retained`)
  if (goneButRecorded(work)) return forget(`${why}; already gone`)
  if (row?.owned === false) return forget(`${why}; it was not made by Fettle, so it stays`)
  if (row?.protect === true)
    return blocked(
      work,
      new FettleError("PROTECTED", `${work.address} is protected and ${work.destroyed ? "would be destroyed" : why}`),
    )
  if (isAbsent(seen)) return { ...headOf(work), action: "forget", because: "never made", cause: "interrupted" }
  const because = row?.deposed === "" ? why : "replaced; the old one remains"
  return { ...headOf(work), action: "delete", because, ...cause }
}

function leavesNothing({ provider, last }: Work): boolean {
  const { leavesNothing: says } = provider
  return typeof says === "function" ? last !== undefined && says(last.props) : says === true
}
