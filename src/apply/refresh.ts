import { asFettleError, FettleError } from "../errors.ts"
import { blocked, headOf } from "../plan/compare.ts"
import { decide, decideLeaving, idFrom, resolveProps, splitMoved } from "../plan/decide.ts"
import type { Engine } from "../plan/engine.ts"
import { readAll } from "../plan/read.ts"
import type { Sessions } from "../plan/sessions.ts"
import type { Work } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import { holdsUnknown } from "../program/output.ts"
import { encode } from "../state/encode.ts"
import type { Step } from "./steps.ts"

/**
 * An observation older than this is made anew before its change. The time between a plan and its first changes is
 * shorter when nobody has to be asked; a person who reads the plan takes longer.
 */
const FRESH_MS = 5_000

/**
 * Brings steps up to what is true at their turn: inputs that became known, and things that may have moved since the plan.
 * Where one must be looked at again because of its age, all that wait behind it are, too: one read serves them all.
 * @returns those of which something else is known now than the plan told those that use it
 */
export async function refresh(
  steps: readonly Step[],
  works: ReadonlyMap<Address, Work>,
  changed: ReadonlySet<Address>,
  guards: boolean,
  queued: readonly Step[],
  sessions: Sessions,
  engine: Engine,
): Promise<ReadonlySet<Address>> {
  const again: { readonly work: Work; readonly before: string }[] = []
  for (const step of steps) {
    const { work } = step
    const before = work.planned?.action ?? "decide"
    if (before === "blocked" || work.error !== undefined) continue
    try {
      if (await mustRead(step, works, changed, guards, engine)) again.push({ work, before })
    } catch (thrown) {
      work.planned = blocked(work, asFettleError(thrown, "CHANGE_FAILED"))
    }
  }
  if (again.some(({ work }) => isOld(work, guards, engine)))
    for (const { work } of queued)
      if (
        work.planned?.action !== "none" &&
        work.want !== undefined &&
        work.declaration?.complete === true &&
        work.declaration.type === "resource" &&
        isOld(work, guards, engine)
      )
        again.push({ work, before: work.planned?.action ?? "decide" })
  const reading = again.map(({ work }) => work).filter((work) => work.declaration?.type !== "check")
  if (reading.length > 0) await readAll(reading, sessions, engine)
  const told = new Map(again.map(({ work }) => [work, knownText(work)]))
  for (const { work, before } of again) decideAgain(work, before, engine)
  const isMoved = ([work, known]: readonly [Work, string | undefined]): boolean =>
    known === undefined || knownText(work) !== known
  return new Set([...told].filter(isMoved).map(([{ address }]) => address))
}

/** What is known of its outputs, to be compared; undefined where it cannot be. */
function knownText({ known }: Work): string | undefined {
  try {
    return encode(known)
  } catch {
    return undefined
  }
}

/** Looks at one thing anew, and decides what its program still wants changed. */
export async function lookAgain(work: Work, sessions: Sessions, engine: Engine): Promise<void> {
  work.id = idFrom(work, work.want)
  splitMoved(work, work.want)
  await readAll([work], sessions, engine)
  work.planned = decide(work, {}, engine)
}

async function mustRead(
  step: Step,
  works: ReadonlyMap<Address, Work>,
  changed: ReadonlySet<Address>,
  guards: boolean,
  engine: Engine,
): Promise<boolean> {
  const { work } = step
  const old = isOld(work, guards, engine)
  if (step.kind !== "node" || work.declaration === undefined) return work.seen === undefined || old
  const needsMoved = work.declaration.needs.some((need) => changed.has(need))
  const follows = work.followsMaker || work.followsChange || (needsMoved && work.provider.followsNeeds === true)
  if (work.want !== undefined && (work.declaration.complete || !needsMoved))
    return follows || (old && work.declaration.type === "resource" && work.planned?.action !== "none")
  const props = await resolveProps(work, works, engine, false)
  if (holdsUnknown(props))
    throw new FettleError("OUTPUT_WRONG", `an input of ${work.address} is still not known after its turn`)
  if (work.want !== undefined && encode(work.want) === encode(props)) return follows
  work.want = props
  work.id = idFrom(work, props)
  splitMoved(work, props)
  return true
}

/** Whether what was seen must be looked at again; a connection whose changes guard themselves needs no second look. */
function isOld(work: Work, guards: boolean, engine: Engine): boolean {
  return !guards && engine.now() - work.readAt > FRESH_MS
}

function decideAgain(work: Work, before: string, engine: Engine): void {
  if (work.declaration === undefined) {
    work.planned = decideLeaving(work, engine)
    return
  }
  if (work.declaration.type === "check") {
    work.planned = { ...headOf(work), action: "check", because: "asked at every apply" }
    return
  }
  const { planned } = work
  const exactly = work.change?.exactly
  work.planned = decide(work, work.options, engine)
  const now = work.planned.action
  if (before === "move" && now === "none") work.planned = planned // its new address is recorded by now, and to be told
  if (before === "decide" || now === "none" || now === "blocked") return
  if (now === before) holdFast(work, exactly)
  else work.planned = blocked(work, stale(`${work.address} was to be ${before}d and would now be ${now}d`))
}

/** What the plan named is done, and nothing else: not what has come since, nor what is another thing under its name. */
function holdFast(work: Work, exactly: readonly string[] | undefined): void {
  if (exactly === undefined || work.change === undefined) return
  const now = work.change.exactly ?? []
  const moved = exactly.find((each) => !now.includes(each))
  if (moved === undefined) work.change = { ...work.change, exactly }
  else work.planned = blocked(work, stale(`${work.address}: ${moved} is not as it was planned`))
}

function stale(fact: string): FettleError {
  return new FettleError("STALE", fact)
}
