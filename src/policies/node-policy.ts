import type { NotifyRule } from "./notify.ts"
import type { Policy } from "./policy.ts"
import { isRule } from "./policy-list.ts"

/** What may stand in `policies` of a node: a policy, or `notify(…)`, which the engine carries out around the change. */
export type NodePolicy = Policy | NotifyRule

export function isNotifyRule(value: unknown): value is NotifyRule {
  return isRule(value)
}
