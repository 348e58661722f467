import type { Engine } from "../plan/engine.ts"
import { rulesOf } from "../plan/permit.ts"
import type { Work } from "../plan/work.ts"
import { allowed } from "../policies/allowed.ts"
import { isNotifyRule } from "../policies/node-policy.ts"
import { notified } from "../policies/notify.ts"
import type { Policy } from "../policies/policy.ts"

/**
 * The policies around one write: those of the declaration, for a deletion by `destroy` too; of what left the program only
 * who may delete it is remembered.
 */
export function policiesFor(work: Work, engine: Engine): readonly Policy[] {
  if (work.policies === undefined) return rulesOf(work).map(allowed)
  return work.policies.map((each) => (isNotifyRule(each) ? notified(each, engine.notify) : each))
}

/** Whether anything stands around the writes of a thing: then each is made alone, in a call of its own. */
export function isGuarded(work: Work): boolean {
  return (work.policies ?? rulesOf(work)).length > 0
}
