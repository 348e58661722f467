import { FettleError } from "../errors.ts"
import { isPending, type Plan, type PlannedChange } from "../events/plan.ts"
import type { Consent } from "../run/recorded.ts"
import { ask } from "./ask.ts"
import type { Call } from "./call.ts"

/** How a command gets consent. */
export interface Asking {
  /** What must be typed; without it, y. */
  readonly word?: string
  /** Changes that the command line itself consents to. */
  readonly meant?: (change: PlannedChange) => boolean
}

/**
 * Consent to a plan: `--yes` is one, a person at the terminal is asked, and without either it is refused.
 * The reporter has shown the plan before.
 * @throws FettleError `CONSENT_MISSING`
 */
export function consentOf(call: Call, asking: Asking, stopping: AbortSignal): Consent {
  return async (plan) => {
    const open = plan.changes.filter((change) => isPending(change) && asking.meant?.(change) !== true)
    if (call.options.yes === true) return "--yes"
    if (open.length === 0) return "the command itself"
    if (!call.around.canAsk || call.options.json === true) throw missing(plan, open.length, call)
    const { word } = asking
    const changes = `${open.length === 1 ? "this change" : `these ${open.length} changes`}`
    const question =
      word === undefined
        ? `Apply ${changes}? [y/N] `
        : `Everything above is deleted. Type the program's name (${word}) to go on: `
    const answer = (await ask(question, stopping)).trim()
    return (word === undefined ? /^y(es)?$/i.test(answer) : answer === word) && "typed at a terminal"
  }
}

function missing(plan: Plan, pending: number, call: Call): FettleError {
  const needs = pending === 1 ? "1 change needs" : `${pending} changes need`
  return new FettleError(
    "CONSENT_MISSING",
    `${needs} consent in ${plan.program} (${plan.stage}), and there is no terminal to ask on`,
    {
      next: `read the plan, then: fettle ${call.command} --yes`,
    },
  )
}
