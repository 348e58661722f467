import type { PlannedAction } from "../events/plan.ts"
import { recalled, refusal, rulesIn } from "../policies/allowed.ts"
import { notAllowed } from "../policies/policy-errors.ts"
import { blocked } from "./compare.ts"
import type { Work } from "./work.ts"

/** Who plans or applies, and for which stage: what `allowed` looks at. */
export interface Caller {
  readonly who: string
  readonly program: string
  readonly stage: string
}

/** Actions that call the far side to change it: what a node's policies go around. */
const WRITES: ReadonlySet<PlannedAction> = new Set(["create", "update", "replace", "delete", "run"])

/**
 * Blocks a change that this caller may not make on this stage, so that the plan says so and what depends on it is left alone.
 * What left the program is held to the rules it had: to take a node out must not be a way around them.
 */
export function permit(work: Work, caller: Caller): void {
  if (!WRITES.has(work.planned?.action ?? "none")) return
  for (const rule of rulesOf(work)) {
    const because = refusal(rule, caller)
    if (because === undefined) continue
    work.planned = blocked(work, notAllowed(work.address, because))
    return
  }
}

/** The `allowed` rules around a thing's writes: of the program, or as remembered where that no longer speaks of it. */
export function rulesOf({ policies, row }: Pick<Work, "policies" | "row">): ReturnType<typeof rulesIn> {
  if (policies !== undefined) return rulesIn(policies)
  // An old one that waits behind its replacement is part of a change that was allowed.
  return row?.deposed === "" ? recalled(row.allowed) : []
}
