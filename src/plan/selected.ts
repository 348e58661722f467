import { FettleError } from "../errors.ts"
import type { PlanOptions } from "../events/plan.ts"
import { perhapsMeant } from "../policies/nearest.ts"
import type { Address } from "../program/address.ts"
import type { Collected } from "./collect.ts"
import { type Side, sidesOf } from "./limit.ts"

/** Options that name addresses, and what each asks for in words. */
const ASKED = {
  targets: "looked at",
  replace: "made anew",
  adopt: "taken over",
  force: "run",
} as const satisfies Partial<Record<keyof PlanOptions, string>>

/**
 * Addresses that a plan is about: all, or the targets and what they need.
 * @param chosen the connections of `--limit`
 * @throws FettleError `TARGET_UNKNOWN` where an option names what is not there, or what the plan would not look at
 */
export function selected(
  collected: Collected,
  options: PlanOptions,
  chosen: ReadonlySet<string> | undefined,
): ReadonlySet<Address> {
  for (const key of Object.keys(ASKED) as (keyof typeof ASKED)[])
    for (const name of options[key] ?? [])
      if (!collected.works.has(name as Address) && !collected.leaving.some((work) => work.address === name))
        throw new FettleError(
          "TARGET_UNKNOWN",
          `${name} is neither declared nor recorded${perhapsMeant(name, collected.works.keys())}`,
        )
  for (const name of options.replace ?? []) refuseReplace(name as Address, collected)
  const wanted = within(collected, options, chosen)
  for (const key of ["replace", "adopt", "force"] as const)
    for (const name of options[key] ?? [])
      if (!wanted.has(name as Address))
        throw new FettleError("TARGET_UNKNOWN", `${name} is to be ${ASKED[key]}, and is not among the targets`, {
          next: "name it with --target too, or leave --target out",
        })
  return wanted
}

/** Only what the program keeps can be made anew. */
function refuseReplace(name: Address, { works }: Collected): void {
  const type = works.get(name)?.declaration?.type
  if (type === "resource") return
  const what = type === undefined ? "it is not declared any more" : `it is a ${type}`
  throw new FettleError("TARGET_UNKNOWN", `${name} cannot be made anew: ${what}`, {
    next: type === "task" ? "fettle run TASK --force runs a task again" : "leave it out",
  })
}

function within(
  collected: Collected,
  options: PlanOptions,
  chosen: ReadonlySet<string> | undefined,
): ReadonlySet<Address> {
  const roots = options.verifyOnly === true ? checksOf(collected, options) : (options.targets ?? collected.works.keys())
  if (chosen !== undefined) {
    const sides = sidesOf(collected.graph, chosen)
    const inside = [...roots].filter((address) => sides.get(address as Address) === "in")
    return withNeeds(inside, collected, sides)
  }
  return options.targets === undefined && options.verifyOnly !== true
    ? new Set(collected.works.keys())
    : withNeeds([...roots], collected)
}

/** The checks to ask: all, or those among the targets and what they need. @throws FettleError `TARGET_UNKNOWN` */
function checksOf(collected: Collected, { targets }: PlanOptions): readonly string[] {
  const among = targets === undefined ? collected.works.keys() : withNeeds(targets, collected)
  const checks = [...among].filter((address) => collected.works.get(address)?.declaration?.type === "check")
  if (targets !== undefined && checks.length === 0)
    throw new FettleError("TARGET_UNKNOWN", `${targets.join(", ")} is no check and needs none, so nothing was asked`, {
      next: "name a check",
    })
  return checks
}

/** @param sides what is on the other side is left alone, also where it is needed */
function withNeeds(
  roots: readonly string[],
  { graph }: Collected,
  sides?: ReadonlyMap<Address, Side>,
): ReadonlySet<Address> {
  const wanted = new Set<Address>()
  const queue = [...roots] as Address[]
  for (let address = queue.pop(); address !== undefined; address = queue.pop()) {
    if (wanted.has(address)) continue
    wanted.add(address)
    queue.push(...(graph.nodes.get(address)?.needs ?? []).filter((need) => sides?.get(need) !== "out"))
  }
  return wanted
}
