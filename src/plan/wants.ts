import type { PlannedAction, PropDiff } from "../events/plan.ts"
import type { Address } from "../program/address.ts"
import { told, UNKNOWN } from "../program/output.ts"
import { show } from "./tellable.ts"
import type { Work } from "./work.ts"

/** Actions whose whole content is what the program says: others name the props that differ. */
const MADE: ReadonlySet<PlannedAction> = new Set(["create", "replace", "run", "check", "decide"])

/**
 * Each prop that the program gives to what is made anew, run or asked, so that who approves the plan sees what it will be. Texts that are
 * built of secrets hold their names; functions stand as they are written. Values of several kilobytes may come of it: it is asked once, as the plan is told.
 */
export function wantsOf(work: Work, works: ReadonlyMap<Address, Work>): readonly PropDiff[] {
  const { declaration, planned } = work
  if (declaration === undefined || planned === undefined) return []
  const isAll = MADE.has(planned.action)
  // Of a change the names of secrets say nothing of the text around them.
  const built = new Set(planned.props?.filter(({ to }) => to?.startsWith("[secret ")).map(({ name }) => name))
  if (!isAll && built.size === 0) return []
  if (declaration.type !== "resource" && declaration.type !== "task" && declaration.type !== "check") return []
  return Object.entries(toldProps(work, works))
    .filter(([name, value]) => value !== undefined && (isAll || built.has(name)))
    .map(([name, value]) => ({ name, to: show(value) }))
    .filter(({ to }) => to !== "[]" && to !== "{}")
}

/** The props of a declared node as a person may see them; UNKNOWN where only apply can know. */
export function toldProps({ declaration }: Work, works: ReadonlyMap<Address, Work>): Readonly<Record<string, unknown>> {
  const known = (node: Address, key: string): unknown => {
    const outputs = works.get(node)?.known ?? {}
    return key in outputs ? outputs[key] : UNKNOWN
  }
  return told(declaration?.props ?? {}, known) as Record<string, unknown>
}
