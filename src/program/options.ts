import { FettleError } from "../errors.ts"
import { type Duration, durationMs } from "../policies/duration.ts"
import { shown } from "../policies/given.ts"
import { didYouMean } from "../policies/nearest.ts"
import { wrongPolicies } from "../policies/policy-list.ts"
import { type GroupOptions, isNode, type NodeOptions, type NodeType } from "./declaration.ts"
import { copyOf, isPlain } from "./output.ts"
import type { LazyPlace } from "./place.ts"
import { freeze } from "./props.ts"

/** What is wrong with the value of an option, in words; undefined where nothing is. */
type Rule = (value: unknown) => string | undefined

const flag: Rule = (value) => (typeof value === "boolean" ? undefined : `expected true or false, not ${shown(value)}`)

const named: Rule = (value) =>
  typeof value === "string" && value !== "" ? undefined : `expected a name or an address, not ${shown(value)}`

const duration: Rule = (value) => {
  try {
    return durationMs(value as Duration) > 0 ? undefined : "it must be longer than 0 ms"
  } catch (thrown) {
    return (thrown as FettleError).fact
  }
}

const nodes: Rule = (value) => {
  if (Array.isArray(value)) return undefined // each of them is looked at where it becomes an edge
  return `expected a list of nodes, not ${isNode(value) || typeof value === "string" ? "a single one; write [node]" : shown(value)}`
}

const connection: Rule = (value) =>
  typeof value === "object" && value !== null && "type" in value && "open" in value
    ? undefined
    : `expected a connection, not ${shown(value)}`

const policies: Rule = (value) => wrongPolicies(value, true)

const commands: Rule = (value) => {
  const isCommand = (each: unknown): boolean =>
    Array.isArray(each) && each.length > 0 && each.every((word) => typeof word === "string")
  if (Array.isArray(value) && value.every(isCommand)) return undefined
  return `expected a list of commands, each a list of words, not ${Array.isArray(value) ? "a list of something else" : shown(value)}`
}

const any: Rule = () => undefined

const common = {
  after: nodes,
  protect: flag,
  retain: flag,
  adopt: flag,
  renamedFrom: named,
  timeout: duration,
  policies,
} as const satisfies Readonly<Record<string, Rule>>

/** What each type of node takes. How a check waits is checked with its props. */
const RULES = {
  resource: { on: connection, ...common },
  lookup: { on: connection, ...common },
  task: common,
  check: { on: connection, after: nodes, policies, within: any, for: any, every: any },
} as const satisfies Partial<Record<NodeType, Readonly<Record<string, Rule>>>>

/**
 * The options of a node as declared, copied and frozen. A name that nobody knows is refused: `protected: true` must not
 * leave a thing without its protection.
 * @throws FettleError `PROPS_INVALID`
 */
export function fixOptions<O extends NodeOptions>(
  type: keyof typeof RULES,
  given: O | undefined,
  address: string,
  place: LazyPlace,
): O {
  if (given === undefined) return NONE as O
  check(given, RULES[type], address, place)
  const fixed: { -readonly [K in keyof O]: O[K] } = { ...given }
  if (given.after !== undefined) fixed.after = [...given.after]
  if (given.policies !== undefined) fixed.policies = [...given.policies]
  return Object.freeze(fixed)
}

const NONE: NodeOptions = Object.freeze({})

/** The options of a group, copied and frozen as those of a node. @throws FettleError `PROPS_INVALID` */
export function fixGroupOptions(given: GroupOptions, name: string, place: LazyPlace): GroupOptions {
  check(given, { finally: commands }, `group ${name}`, place)
  return freeze(copyOf(given)) as GroupOptions
}

function check(given: unknown, rules: Readonly<Record<string, Rule>>, whose: string, place: LazyPlace): void {
  if (!isPlain(given)) throw wrong(whose, [`its options must be an object, not ${shown(given)}`], place)
  let words: string[] | undefined
  for (const name of Object.keys(given)) {
    const fact = wrongWith(name, given[name], rules)
    if (fact !== undefined) words = [...(words ?? []), `${name}: ${fact}`]
  }
  if (words !== undefined) throw wrong(whose, words, place)
}

function wrongWith(name: string, value: unknown, rules: Readonly<Record<string, Rule>>): string | undefined {
  if (!Object.hasOwn(rules, name)) return `there is no such option${didYouMean(name, Object.keys(rules))}`
  if (value === undefined) return "it is undefined; leave it out where it is not meant"
  return rules[name]?.(value)
}

function wrong(whose: string, words: readonly string[], place: LazyPlace): FettleError {
  return new FettleError("PROPS_INVALID", `${whose}: ${words.join("; ")}`, { place, next: "correct the named option" })
}
