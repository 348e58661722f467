import { isPending, type PlannedChange } from "../events/plan.ts"
import type { Address } from "../program/address.ts"
import { headOf } from "./compare.ts"
import type { Makers } from "./makers.ts"
import { NOTHING, type Work } from "./work.ts"

/** What it reads may be made by a node that changes: only its turn can tell. */
export function followNeeds(work: Work, works: ReadonlyMap<Address, Work>): void {
  const changes = (need: Address): boolean => !leavesAlone(works.get(need)?.planned ?? { action: "none" })
  const mover = work.declaration?.needs.find(changes)
  if (mover === undefined) return
  work.known = NOTHING
  work.planned = { ...headOf(work), action: "decide", because: `it looks at what ${mover} makes` }
}

/** What is refused as it is now may be another once what it needs has changed: only its turn can tell. */
export function followChange(work: Work, works: ReadonlyMap<Address, Work>): void {
  if (work.planned?.action !== "blocked" || work.planned.error?.code !== "FILE_REFUSED") return
  const changes = (need: Address): boolean => !leavesAlone(works.get(need)?.planned ?? { action: "none" })
  const mover = work.declaration?.needs.find((need) => works.get(need)?.connection === work.connection && changes(need))
  if (mover === undefined) return
  work.followsChange = true
  work.error = undefined
  work.known = NOTHING
  work.planned = {
    ...headOf(work),
    action: "decide",
    because: `it is refused as it is now, and ${mover} changes first`,
  }
}

/** What is wanted may be made before its turn: what was read of that now says nothing of then, nor that it is not there. */
export function followMaker(work: Work, makers: Makers): void {
  const { provider, want } = work
  const maker = want === undefined ? undefined : makers.of(work, provider.readsHere?.(want) ?? [])
  const isUnread = work.seen !== undefined && "failed" in work.seen
  work.followsMaker = maker !== undefined && (isUnread || work.planned?.action !== "blocked")
  if (!work.followsMaker) return
  work.error = undefined
  work.known = (provider.predict?.(want) as Record<string, unknown> | undefined) ?? NOTHING
  work.planned = { ...headOf(work), action: "decide", because: `it reads what ${maker} may make` }
}

/** Whether the world stays as it is. */
export function leavesAlone(planned: Pick<PlannedChange, "action">): boolean {
  return !isPending(planned) || planned.action === "move"
}
