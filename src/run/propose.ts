import type { PlanOptions } from "../events/plan.ts"
import { RememberedSessions } from "../plan/remembered.ts"
import { DataKey } from "../secrets/key.ts"
import type { Snapshot } from "../state/store.ts"
import type { RunResult, RunSetup } from "./context.ts"
import { planOnce } from "./plan-once.ts"
import { planOutcome } from "./run.ts"
import { type Begun, running } from "./running.ts"

/**
 * Says what a program would change, from what state remembers alone: nothing is opened, neither connection nor secret nor data key.
 * @param remembered state without what is sealed
 * @throws nothing: what went wrong is in the result
 * @example const { plan } = await proposeProgram(setup, snapshot, {})
 */
export function proposeProgram(setup: RunSetup, remembered: Snapshot, options: PlanOptions): Promise<RunResult> {
  const begin = async (): Promise<Begun> => ({ snapshot: remembered, key: DataKey.passing() })
  return running({ ...setup, remembers: true }, begin, async (context) => {
    const sessions = new RememberedSessions(context.engine, new Map())
    const { plan } = await planOnce(context, sessions, options)
    return { plan, applied: undefined, ...planOutcome(plan, false) }
  })
}
