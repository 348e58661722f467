import type { Work } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import type { Connection } from "../provider.ts"
import { isGuarded } from "./policies-for.ts"
import type { Step } from "./steps.ts"

/** Steps that can travel with a batch, in an order in which each stands after its needs. */
export interface Chain {
  readonly steps: readonly Step[]
  /** The steps of batch and chain that must have ended well before this one begins. */
  needsOf(step: Step): readonly Step[]
}

export const NO_CHAIN: Chain = { steps: [], needsOf: () => [] }

/**
 * What waits for nothing but changes of this batch, on the same connection, and is known as a whole: it is told to the far side
 * together with what it waits for (`admits` may keep a step for later), which saves a round trip for each link. Linear in the steps and edges that it walks.
 */
export function chainOf(
  batch: readonly Step[],
  connection: Connection | undefined,
  admits: (step: Step) => boolean,
): Chain {
  const heads = batch.filter(isPlain)
  if (heads.length === 0) return NO_CHAIN
  const left = new Map<Step, number>()
  const needs = new Map<Step, Step[]>()
  const steps: Step[] = []
  const walk = [...heads]
  for (const step of walk) {
    const passes = step.work.planned?.action === "none" ? (needs.get(step) ?? []) : [step]
    for (const follower of step.followers) {
      const known = needs.get(follower)
      if (known === undefined) needs.set(follower, [...passes])
      else known.push(...passes)
      const waits = (left.get(follower) ?? follower.waits) - 1
      left.set(follower, waits)
      if (waits > 0 || follower.heldBy !== undefined) continue
      if (isUntouched(follower.work)) walk.push(follower)
      else if (follower.work.connection === connection && canFollow(follower) && admits(follower)) {
        walk.push(follower)
        steps.push(follower)
      }
    }
  }
  return { steps, needsOf: (step) => [...new Set(needs.get(step))] }
}

/** Whether it uses outputs of one of these: where they were planned as something else, it gets its own turn, with what they came to. */
export function usesAny({ work: { declaration } }: Step, moved: ReadonlySet<Address>): boolean {
  return declaration?.complete === false && declaration.needs.some((need) => moved.has(need))
}

/** Only a change that is made once, without policies around it, can have others come after it in the same call. */
function isPlain({ work, kind }: Step): boolean {
  // A create that is made again as it was gives what was wanted then: what others were told is of what is wanted now.
  if (isGuarded(work) || work.repeat !== undefined) return false
  return kind !== "node" || (work.change?.action !== "replace" && work.former === undefined)
}

function canFollow(step: Step): boolean {
  const { work, kind } = step
  if (work.error !== undefined || work.open.length > 0 || !isPlain(step)) return false
  if (kind !== "node") return work.planned?.action === "delete" && work.seen !== undefined
  const action = work.planned?.action
  return (
    work.declaration?.type === "resource" &&
    (action === "create" || action === "update") &&
    work.want !== undefined &&
    work.provider.followsNeeds !== true
  )
}

/** A thing that is as it should be, whatever comes before it does: what waits for it waits for those. */
function isUntouched({ declaration, planned, want, open }: Work): boolean {
  return (
    declaration?.type === "resource" &&
    declaration.complete &&
    planned?.action === "none" &&
    planned.because !== "not a target" &&
    want !== undefined &&
    open.length === 0
  )
}
