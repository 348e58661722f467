import { shown } from "./given.ts"

/** Something with a name, as every policy and every rule is. */
interface Named {
  readonly name: string
}

/** Whether a value is a policy, as far as can be seen: it wraps calls. */
export function wraps(value: unknown): value is Named {
  return isNamed(value) && "wrap" in value && typeof value.wrap === "function"
}

/** Whether a value is what `notify(…)` gives: plain data that says whom to tell. */
export function isRule(value: unknown): value is Named {
  return isNamed(value) && value.name === "notify" && "on" in value && ("webhook" in value || "command" in value)
}

/**
 * What is wrong with a list of policies, in words; undefined where nothing is.
 * @param takesRules whether `notify(…)` may stand in it: somebody must carry it out
 */
export function wrongPolicies(given: unknown, takesRules: boolean): string | undefined {
  const fits = (value: unknown): value is Named => wraps(value) || (takesRules && isRule(value))
  if (!Array.isArray(given))
    return `expected a list of policies, not ${fits(given) ? `a single one; write [${given.name}(…)]` : shown(given)}`
  const at = given.findIndex((each) => !fits(each))
  if (at === -1) return undefined
  const wrong: unknown = given[at]
  return isRule(wrong)
    ? `${at}: notify(…) alone sends nothing here; write notified(notify(…), { fetch })`
    : `${at}: expected a policy such as retry(), not ${shown(wrong)}`
}

function isNamed(value: unknown): value is Named {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string"
}
