import type { Plan, PlanOptions } from "../events/plan.ts"
import type { PlanPolicy } from "../policies/plan-policy.ts"
import type { Address } from "../program/address.ts"
import type { Params } from "../program/program.ts"
import type { Scope } from "../program/scope.ts"
import type { Snapshot } from "../state/store.ts"
import type { Latecomers } from "./latecomers.ts"
import type { Work } from "./work.ts"

/** A plan, and beside it what apply needs that is not data: opened props, connections, what was read. */
export interface Planned {
  readonly plan: Plan
  readonly scope: Scope
  readonly works: ReadonlyMap<Address, Work>
  /** Needs first. */
  readonly order: readonly Address[]
  readonly leaving: readonly Work[]
  /** True where an each could not be expanded yet: plan again when its list is known. */
  readonly partial: boolean
  readonly snapshot: Snapshot
}

export interface PlanRequest {
  readonly scope: Scope
  readonly program: string
  readonly stage: string
  readonly params: Params
  readonly snapshot: Snapshot
  readonly options: PlanOptions
  /** The rules of the program for its plans. */
  readonly policies?: readonly PlanPolicy[] | undefined
  /** Where it may begin without those who do not answer. */
  readonly latecomers?: Latecomers | undefined
}
