import type { Planned } from "../plan/planned.ts"
import { addressOfRow, newWork, type Work } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import type { Row } from "../state/store.ts"

/** What one step does to one address. */
export type StepKind = "node" | "delete" | "deposed"

/** One step of an apply and the steps it waits for. */
export interface Step {
  readonly key: string
  readonly kind: StepKind
  readonly work: Work
  /** How many steps must still end before this one. */
  waits: number
  readonly followers: Step[]
  /** Set when a step before it did not end well. */
  heldBy: Address | undefined
}

/** The steps of a plan: nodes after their needs; deletes after everything that used what they remove. Linear in nodes and edges. */
export function stepsOf(planned: Planned, verifyOnly: boolean): readonly Step[] {
  const nodes = new Map<string, Step>()
  for (const address of planned.order) {
    const work = planned.works.get(address) as Work
    if (work.declaration?.type !== "each" || work.planned !== undefined)
      nodes.set(address, newStep(address, "node", work))
  }
  for (const step of nodes.values()) for (const need of step.work.declaration?.needs ?? []) link(nodes.get(need), step)
  const leaving = planned.leaving.filter(
    (work) => work.planned?.action === "delete" || work.planned?.action === "forget",
  )
  const deletes = new Map<string, Step>()
  if (!verifyOnly)
    for (const work of leaving)
      deletes.set(
        `${work.address}\n${work.row?.deposed ?? ""}`,
        newStep(`${work.address}\n${work.row?.deposed ?? ""}`, work.row?.deposed === "" ? "delete" : "deposed", work),
      )
  linkDeletes(deletes, nodes)
  return [...nodes.values(), ...deletes.values()]
}

function linkDeletes(deletes: ReadonlyMap<string, Step>, nodes: ReadonlyMap<string, Step>): void {
  if (deletes.size === 0) return
  const byAddress = new Map<string, Step[]>()
  for (const step of deletes.values())
    byAddress.set(recordedAddress(step), [...(byAddress.get(recordedAddress(step)) ?? []), step])
  for (const user of deletes.values())
    for (const need of user.work.row?.needs ?? [])
      for (const step of byAddress.get(need) ?? []) if (step !== user) link(user, step)
  for (const user of nodes.values()) {
    if (user.work.declaration?.versions !== undefined) continue // a version that may go has no traffic
    for (const need of (user.work.row ?? user.work.former)?.needs ?? [])
      for (const step of byAddress.get(need) ?? []) link(user, step)
  }
  for (const step of deletes.values()) if (step.kind === "deposed") link(nodes.get(recordedAddress(step)), step)
}

/** The address that state has for what is to be deleted. */
function recordedAddress({ work }: Step): string {
  return work.row?.address ?? work.address
}

function newStep(key: string, kind: StepKind, work: Work): Step {
  return { key, kind, work, waits: 0, followers: [], heldBy: undefined }
}

export function link(before: Step | undefined, after: Step): void {
  if (before === undefined) return
  before.followers.push(after)
  after.waits += 1
}

/** The step that deletes the old one of a replaced thing. */
export function deposedStep({ work }: Step, old: Row): Step {
  return newStep(`${old.address}\n${old.deposed}`, "deposed", {
    ...newWork({
      address: addressOfRow(old),
      declaration: undefined,
      provider: work.provider,
      connection: work.connection,
      row: old,
      open: [],
    }),
    planned: { address: addressOfRow(old), type: "resource", kind: old.kind, action: "delete", because: "replaced" },
  })
}
