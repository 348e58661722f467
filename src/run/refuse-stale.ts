import { FettleError } from "../errors.ts"
import type { Bound, Plan } from "../events/plan.ts"

/** What moved, in words. */
const MOVED: Readonly<Record<keyof Bound, string>> = {
  program: "the program was changed",
  state: "state was changed, by an apply or by hand",
  world: "the world moved",
  wanted:
    "what the program wants is another: a parameter, a secret, a file that it is made from, or what a function of it gives",
}

/**
 * Refuses a saved plan that was made from something else than what is there now.
 * @throws FettleError `PLAN_STALE` naming the cause; `details.moved` has it for machines
 */
export function refuseStale(now: Plan, saved: Plan): void {
  const differs = (each: keyof Bound): boolean => now.bound?.[each] !== saved.bound?.[each]
  const causes = (["program", "state", "world"] as const).filter(differs)
  // Props come to something else whenever their outputs do: only where nothing else moved is that a cause of its own.
  const moved = causes.length > 0 ? causes : (["wanted"] as const).filter(differs)
  if (moved.length === 0 && now.hash === saved.hash) return
  const words = moved.map((each) => MOVED[each]).join("; ")
  throw new FettleError(
    "PLAN_STALE",
    `${words || "the same things lead to another plan here"} since the plan was made`,
    {
      details: { moved },
    },
  )
}
