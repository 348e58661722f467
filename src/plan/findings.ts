import type { PlannedChange, PlannedFinding } from "../events/plan.ts"
import type { JudgedNode, PlanPolicy } from "../policies/plan-policy.ts"
import type { Address } from "../program/address.ts"
import { isPlain, UNKNOWN } from "../program/output.ts"
import type { Engine } from "./engine.ts"
import type { PlanRequest } from "./planned.ts"
import { toldProps } from "./wants.ts"
import { isProtected, type Work } from "./work.ts"

/** Most findings of one policy: thousands are one mistake. */
const FINDINGS_MAX = 100

/** What the policies of a program say of a plan. They are people's code: one that throws, or answers something else, has found that. */
export function findingsOf(
  { policies = [], program, stage, params }: PlanRequest,
  works: ReadonlyMap<Address, Work>,
  changes: readonly PlannedChange[],
  engine: Engine,
): readonly PlannedFinding[] {
  if (policies.length === 0) return []
  const nodes = [...works.values()].map((work) => judged(work, works))
  const places = new Map(nodes.map(({ address, place }) => [address, place]))
  return policies.flatMap((policy) => {
    const found = asked(policy, { program, stage, params, nodes, changes })
    const told = found.slice(0, FINDINGS_MAX).map(({ message, address }): PlannedFinding => {
      const place = address === undefined ? undefined : places.get(address)
      return {
        policy: policy.name,
        level: policy.level,
        message: engine.redact(message),
        ...(address === undefined ? {} : { address: engine.redact(address) }),
        ...(place === undefined ? {} : { place }),
      }
    })
    const left = found.length - told.length
    return left === 0 ? told : [...told, { policy: policy.name, level: policy.level, message: `… and ${left} more` }]
  })
}

function asked(
  policy: PlanPolicy,
  plan: Parameters<PlanPolicy["judge"]>[0],
): readonly { message: string; address?: string }[] {
  let answer: unknown
  try {
    answer = policy.judge(plan)
  } catch (thrown) {
    return [{ message: `it threw: ${thrown instanceof Error ? thrown.message : String(thrown)}` }]
  }
  if (!Array.isArray(answer)) return [{ message: "it gave no list of findings; it must not be async" }]
  return answer.map((each) => {
    const { message, address } = Object(each) as { message?: unknown; address?: unknown }
    if (typeof message !== "string") return { message: "it gave a finding without a message" }
    return { message, ...(typeof address === "string" ? { address } : {}) }
  })
}

function judged(work: Work, works: ReadonlyMap<Address, Work>): JudgedNode {
  const { address, declaration, provider } = work
  return {
    address,
    type: declaration?.type ?? "resource",
    kind: provider.kind,
    connection: work.connection?.name,
    props: declaration?.type === "each" ? {} : (known(toldProps(work, works)) as Record<string, unknown>),
    protect: isProtected(work),
    place: declaration === undefined ? undefined : String(declaration.place),
  }
}

/** Without what only apply can know. */
function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((each) => each !== UNKNOWN).map(known)
  if (!isPlain(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (each === UNKNOWN ? [] : [[key, known(each)]])),
  )
}
