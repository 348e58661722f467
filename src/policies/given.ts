import { didYouMean } from "./nearest.ts"
import { badSetting } from "./policy-errors.ts"

/**
 * The options of a policy as they were given: a typing error in one must not leave the policy at its default.
 * @throws FettleError `PROPS_INVALID` where they are no object, or hold a name that the policy does not know
 */
export function checkNames(policy: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw badSetting(policy, `its options must be an object, not ${shown(options)}`)
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw badSetting(policy, `it has no option ${name}${didYouMean(name, known)}`)
}

/** @throws FettleError `PROPS_INVALID` where a list of texts is something else */
export function checkTexts(policy: string, name: string, value: unknown): void {
  if (value === undefined || (Array.isArray(value) && value.every((each) => typeof each === "string"))) return
  throw badSetting(policy, `${name} must be a list of texts, not ${shown(value)}`)
}

/** @throws FettleError `PROPS_INVALID` where a value is not one of a few words */
export function checkWord(policy: string, name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === "string" && words.includes(value)) return
  const known = words.map((word) => JSON.stringify(word)).join(", ")
  throw badSetting(policy, `${name} must be one of ${known}, not ${shown(value)}`)
}

/** @throws FettleError `PROPS_INVALID` */
export function checkFunction(policy: string, name: string, value: unknown): void {
  if (typeof value !== "function") throw badSetting(policy, `${name} must be a function, not ${shown(value)}`)
}

/** A value that was given by mistake, in a few words. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40))
  if (value === null || typeof value !== "object") return typeof value === "function" ? "a function" : String(value)
  return Array.isArray(value) ? "a list" : "an object"
}
