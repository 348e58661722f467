import type { PlanOptions } from "../events/plan.ts"
import type { Engine } from "../plan/engine.ts"
import type { Latecomers } from "../plan/latecomers.ts"
import type { Planned } from "../plan/planned.ts"
import { makePlan } from "../plan/planner.ts"
import type { Sessions } from "../plan/sessions.ts"
import { declare } from "../program/program.ts"
import { releaseMemories } from "../release/memory.ts"
import type { RunContext } from "./context.ts"
import { untilStopped } from "./until-stopped.ts"

/**
 * Calls the program of a run and compares it with the world, from what state says now. While planning nothing is under way
 * that had to be waited for: the first stop ends it at once.
 */
export function planOnce(
  context: RunContext,
  sessions: Sessions,
  options: PlanOptions,
  {
    engine = context.engine,
    latecomers,
  }: { readonly engine?: Engine; readonly latecomers?: Latecomers | undefined } = {},
): Promise<Planned> {
  const { setup, stage, params, snapshot } = context
  const { backTo } = options
  const scope = declare(setup.program, params, releaseMemories(snapshot, backTo), context.phase)
  const { name, options: given } = setup.program
  const request = { scope, program: name, stage, params, snapshot, options, policies: given.policies, latecomers }
  return untilStopped(context, "cancelled while planning", (signal) =>
    makePlan(request, sessions, { ...engine, signal }),
  )
}
