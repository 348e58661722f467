import { checkNames, checkTexts } from "./given.ts"
import type { Policy } from "./policy.ts"
import { badSetting, notAllowed } from "./policy-errors.ts"

/** Who may make a call, and on which stages; both must agree where both are given. */
export interface AllowedOptions {
  readonly who?: readonly string[] | undefined
  readonly stages?: readonly string[] | undefined
}

/**
 * Makes a call only for the callers and stages on its lists, compared with `who` and `stage` of the call's context;
 * everything else, an unknown caller or stage too, is refused with `POLICY_NOT_ALLOWED` before the call starts.
 *
 * It asks nobody who the caller is: whoever gives the context (the command line, your own code) vouches for it.
 *
 * @example
 * const drop = guarded(dropTable, [allowed({ who: ["ann"], stages: ["dev", "test"] })], { who, stage })
 */
export function allowed(options: AllowedOptions): Policy {
  checkNames("allowed", options, ["who", "stages"])
  const { who, stages } = options
  for (const [name, value] of Object.entries({ who, stages })) checkTexts("allowed", name, value)
  if (who === undefined && stages === undefined) throw badSetting("allowed", "give who, stages or both")
  return {
    name: "allowed",
    settings: { ...(who && { who: [...who] }), ...(stages && { stages: [...stages] }) },
    wrap: (call, context) => async (signal) => {
      const because = refusal(options, context)
      if (because !== undefined) throw notAllowed(context.name, because)
      return call(signal)
    },
  }
}

/**
 * Why a caller is refused, or undefined where it is not: the same decision as `allowed`, before anything runs.
 *
 * @example
 * refusal({ stages: ["dev"] }, { stage: "prod" }) // 'stage "prod" is not one of "dev"'
 */
export function refusal(
  options: AllowedOptions,
  caller: { readonly who?: string | undefined; readonly stage?: string | undefined },
): string | undefined {
  return missing("caller", caller.who, options.who) ?? missing("stage", caller.stage, options.stages)
}

/** The rules of all `allowed` policies in a list. */
export function rulesIn(policies: readonly { readonly name: string }[]): readonly AllowedOptions[] {
  return policies.flatMap((each) =>
    each.name === "allowed" && "settings" in each ? [each.settings as AllowedOptions] : [],
  )
}

/** The rules of a list of policies as state remembers them; undefined where there is none. */
export function remembered(policies: readonly { readonly name: string }[]): string | undefined {
  const rules = rulesIn(policies)
  return rules.length === 0 ? undefined : JSON.stringify(rules)
}

/** The rules that `remembered` gave. */
export function recalled(text: string | undefined): readonly AllowedOptions[] {
  return text === undefined ? [] : (JSON.parse(text) as readonly AllowedOptions[])
}

function missing(what: string, value: string | undefined, list: readonly string[] | undefined): string | undefined {
  if (list === undefined || (value !== undefined && list.includes(value))) return undefined
  const names = list.map((name) => JSON.stringify(name)).join(", ")
  if (value === undefined) return `no ${what} is known, and it must be one of ${names}`
  return list.length === 0
    ? `${what} ${JSON.stringify(value)} is refused like everybody`
    : `${what} ${JSON.stringify(value)} is not one of ${names}`
}
