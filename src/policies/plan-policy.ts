import { FettleError } from "../errors.ts"
import type { PlannedChange } from "../events/plan.ts"

/** A declared node as a policy sees it. */
export interface JudgedNode {
  readonly address: string
  readonly type: "resource" | "lookup" | "task" | "check" | "release" | "each"
  readonly kind: string
  /** Name of its connection. */
  readonly connection: string | undefined
  /** What the program says of it: a secret is the text `[secret NAME]`, also within others; what only apply can know is left out. */
  readonly props: Readonly<Record<string, unknown>>
  readonly protect: boolean
  /** `file:line` of its declaration. */
  readonly place: string | undefined
}

/** What a policy judges: all that is declared, and what the plan would do. */
export interface JudgedPlan {
  readonly program: string
  readonly stage: string
  readonly params: Readonly<Record<string, string | number | boolean>>
  readonly nodes: readonly JudgedNode[]
  readonly changes: readonly PlannedChange[]
}

/** What a policy found, in words; with the address of a node where it is about one. */
export interface PolicyFinding {
  readonly message: string
  readonly address?: string
}

/** "deny": nothing is applied while it finds something. "warn": it is told. */
export type PolicyLevel = "deny" | "warn"

/** A rule that a team has for all plans of a program. */
export interface PlanPolicy {
  readonly name: string
  readonly level: PolicyLevel
  readonly judge: (plan: JudgedPlan) => readonly PolicyFinding[]
}

const made = new WeakSet<object>()

/**
 * A rule for plans, as `policies` of a program takes it. It is asked in each plan, before anything is applied; it gets no secret, and
 * must not wait for anything. One that throws has found something.
 * @throws FettleError `PROPS_INVALID`
 * @example policy("stages in the EU", ({ params }) => params.region === "eu" ? [] : [{ message: "region must be eu" }])
 */
export function policy(
  name: string,
  judge: (plan: JudgedPlan) => readonly PolicyFinding[],
  { level = "deny" }: { readonly level?: PolicyLevel } = {},
): PlanPolicy {
  if (typeof name !== "string" || name.trim() === "" || typeof judge !== "function")
    throw new FettleError("PROPS_INVALID", "a policy needs a name and a function", {
      next: 'policy("no open ports", ({ nodes }) => nodes.flatMap(…))',
    })
  if (level !== "deny" && level !== "warn")
    throw new FettleError("PROPS_INVALID", `policy ${name}: its level is "deny" or "warn"`)
  const result = Object.freeze({ name, level, judge })
  made.add(result)
  return result
}

/** Whether it is what `policy` gives. */
export function isPlanPolicy(value: unknown): value is PlanPolicy {
  return typeof value === "object" && value !== null && made.has(value)
}
