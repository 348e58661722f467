import type { PlanOptions } from "../events/plan.ts"
import { Latecomers } from "../plan/latecomers.ts"
import type { Planned } from "../plan/planned.ts"

/** One pass of a run: its plan, and who is left for the next one. */
export interface Pass {
  readonly planned: Planned
  readonly latecomers: Latecomers | undefined
}

/** Passes that may begin without somebody; the one after them waits for all. */
const LATE_PASSES_MAX = 5
/** What may be asked of a plan that may begin without somebody. All else is about the whole, or about what is named. */
const ABOUT_HOSTS: ReadonlySet<string> = new Set<keyof PlanOptions>(["limit", "expectTargets"])

/** Whether the first pass may begin without those who do not answer: undefined where it is about the whole. */
export function firstPass(options: PlanOptions): Latecomers | undefined {
  return Object.keys(options).every((each) => ABOUT_HOSTS.has(each)) ? new Latecomers() : undefined
}

/** The pass for those who were left out of this one; undefined where nobody was. */
export function nextPass(now: Latecomers | undefined, { plan }: Planned, pass: number): Latecomers | undefined {
  if (now === undefined || now.left.size === 0) return undefined
  const deletes = now.deletes + plan.changes.filter(({ action }) => action === "delete").length
  return new Latecomers(now.left, deletes, pass < LATE_PASSES_MAX)
}
