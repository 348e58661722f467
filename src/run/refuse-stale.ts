import { FettleError } from "../errors.ts"
import type { Bound, Plan } from "../events/plan.ts"
import type { Run } from "../state/store.ts"

/** What moved, in words. */
const MOVED: Readonly<Record<keyof Bound, string>> = {
  sources: "a file of the program, or of a package that it loads, was changed",
  targets: "another machine or account stands behind a connection",
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
  const causes = (["program", "state", "world", "targets"] as const).filter(differs)
  // Props come to something else whenever their outputs do: only where nothing else moved is that a cause of its own.
  const moved = causes.length > 0 ? causes : (["wanted", "sources"] as const).filter(differs)
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

/** How much a clock may run behind the one of an earlier run. */
const SKEW_MS = 60_000

/**
 * Refuses a saved plan where the clock stands before what state has seen: how long a plan is good would mean nothing.
 * @throws FettleError `PLAN_EXPIRED`
 */
export function refuseClockSetBack(runs: readonly Run[], nowMs: number): void {
  const earlier = runs
    .flatMap(({ startedAt, endedAt }) => [startedAt, endedAt ?? 0])
    .filter((each) => each > nowMs + SKEW_MS)
  if (earlier.length === 0) return
  const [now, last] = [nowMs, Math.max(...earlier)].map((each) => new Date(each).toISOString())
  throw new FettleError("PLAN_EXPIRED", `the clock here says ${now}, and an earlier run ended at ${last}`, {
    next: "set the clock, then make a new plan",
  })
}
