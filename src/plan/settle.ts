import { FettleError } from "../errors.ts"
import { freeze } from "../program/props.ts"
import type { AnyProvider, Settles } from "../provider.ts"
import { encode } from "../state/encode.ts"
import { restore } from "../state/restore.ts"
import type { IntentLine } from "../state/store.ts"
import { isPresent, type Work } from "./work.ts"

/** How one kind settles with these props. */
export function settlesOf(provider: AnyProvider, want: unknown): Settles {
  return typeof provider.settles === "function" ? provider.settles(want) : provider.settles
}

/** How long after `orphanedAt` absence is still no proof. */
export function horizonLeftMs(provider: AnyProvider, intent: IntentLine, want: unknown, now: number): number {
  const settles = settlesOf(provider, want)
  if ((intent.action !== "create" && intent.action !== "replace") || typeof settles !== "object") return 0
  return Math.max(0, (intent.orphanedAt ?? now) + settles.horizonMs - now)
}

/**
 * Settles the creates of one address that a crash left open, by what was read. Sets `found` or `repeat`.
 * @returns why it must wait or ask, or undefined where it is settled
 */
export function settle(work: Work, now: number): FettleError | undefined {
  const wanted = work.want ?? work.last?.props ?? {}
  const settles = settlesOf(work.provider, wanted)
  if (settles === "ask" && work.open.some((each) => each.action === "run")) return cutOff(work)
  const intent = work.open.findLast((each) => each.action === "create" || each.action === "replace")
  if (intent === undefined || (work.seen !== undefined && "failed" in work.seen)) return undefined
  // A create is written only where nothing is recorded; with a row, only a replacement can have been cut off.
  if (work.row !== undefined && intent.action === "create" && isPresent(work.seen)) return undefined
  if (settles === "ask") return ask(work, intent)
  if (isOurs(work, settles)) return undefined
  if (settles === "token") return repeat(work, intent)
  const leftMs = horizonLeftMs(work.provider, intent, wanted, now)
  return leftMs > 0 ? tooEarly(work, leftMs) : undefined
}

/** Whether what was found is what the cut off create made; then it is taken as ours, and what it replaces is to be deleted. */
function isOurs(work: Work, settles: Settles): boolean {
  const { seen, row } = work
  if (!isPresent(seen)) return false
  const marked = seen.mark !== undefined && work.open.some((each) => each.token === seen.mark)
  if (settles === "unique" ? seen.mark !== undefined && !marked : !marked) return false
  if (row !== undefined) {
    if (seen.id === undefined || seen.id === row.id) return false
    work.former = row
    work.row = undefined
    work.last = undefined
  }
  work.found = true
  return true
}

/** The call is made again as it was: a far side takes its token with the same props alone. What the program says now comes after it. */
function repeat(work: Work, intent: IntentLine): FettleError | undefined {
  if (work.declaration === undefined) return ask(work, intent)
  const isSame = encode(work.want) === intent.want
  const { value, lost } = isSame ? { value: work.want, lost: [] } : restore(intent.want, work.want)
  if (lost.length > 0) return unrepeatable(work, intent, lost)
  work.repeat = { intent, want: freeze(value) }
  return undefined
}

function unrepeatable(work: Work, intent: IntentLine, lost: readonly string[]): FettleError {
  const since = new Date(intent.startedAt).toISOString()
  return new FettleError(
    "OPEN_INTENT",
    `a create of ${work.address}, begun ${since}, was cut off, and cannot be repeated as it was: ${lost.join(", ")} held what the program no longer has`,
    {
      next: `restore that, apply, then change it; or look at the far side, then: fettle settle '${work.address}' --made ID, or --not-made`,
    },
  )
}

function ask(work: Work, intent: IntentLine): FettleError {
  const since = new Date(intent.startedAt).toISOString()
  return new FettleError(
    "OPEN_INTENT",
    `a create of ${work.address}, begun ${since}, was cut off; whether it was made cannot be seen`,
    {
      next: `look at the far side, then: fettle settle '${work.address}' --made ID, or fettle settle '${work.address}' --not-made`,
    },
  )
}

function cutOff(work: Work): FettleError {
  return new FettleError("TASK_CUT_OFF", `${work.address} runs only once and was cut off`, {
    next: `see what it did, then: fettle settle '${work.address}' --made done, or fettle settle '${work.address}' --not-made`,
  })
}

function tooEarly(work: Work, leftMs: number): FettleError {
  return new FettleError(
    "OPEN_INTENT",
    `a create of ${work.address} was cut off; that it is absent is proof in ${Math.ceil(leftMs / 1000)} s`,
    { next: "fettle apply waits that long by itself" },
  )
}
