import { asFettleError } from "../../errors.ts"
import type { ChangeItem } from "../../provider.ts"
import type { HostChange } from "./kind.ts"
import { openSlots, type Prepared, refuseLong, type Slot } from "./prepare.ts"

/** What one request does as one: an item, or several whose changes one script makes. */
export interface Unit {
  /** Its number among the units of its request. */
  readonly number: number
  readonly members: readonly Prepared[]
  readonly change: HostChange
  readonly files: Prepared["files"]
  readonly slots: readonly Slot[]
  /** Units that must have ended well before it begins. */
  readonly after: readonly Unit[]
  /** 0 where it comes after none, else one more than the latest of those. */
  readonly turn: number
  readonly timeoutMs: number
}

/** Most items that one script changes together: its text must fit one argument. */
const TOGETHER_MAX = 500

/**
 * Groups prepared items into the units of one request, what others come after first. Items whose need is not among them come
 * after nothing here: it has ended well in an earlier request. `alone` are items that have failed together.
 */
export async function unitsOf(prepared: readonly Prepared[], alone: ReadonlySet<Prepared>): Promise<readonly Unit[]> {
  const unitOf = new Map<ChangeItem, Unit>()
  const units: Unit[] = []
  for (const group of groupsOf(prepared, alone)) {
    const made = await together(group)
    for (const { change, slots, members } of made) {
      const [one] = members as [Prepared, ...Prepared[]]
      const after = [...new Set((one.given.item.after ?? []).flatMap((need) => unitOf.get(need) ?? []))]
      const unit: Unit = {
        number: units.length,
        members,
        change,
        files: members.length === 1 ? one.files : [],
        slots,
        after,
        turn: after.reduce((latest, { turn }) => Math.max(latest, turn + 1), 0),
        timeoutMs: Math.max(...members.map(({ given }) => given.item.timeoutMs)),
      }
      units.push(unit)
      for (const { given } of members) unitOf.set(given.item, unit)
    }
  }
  return units
}

/** Items of one kind, word and needs stand together, where the first of them stands. */
function groupsOf(prepared: readonly Prepared[], alone: ReadonlySet<Prepared>): readonly (readonly Prepared[])[] {
  const numbers = new Map(prepared.map(({ given }, at) => [given.item, at]))
  const groups = new Map<string, Prepared[]>()
  for (const [at, each] of prepared.entries()) {
    const word = alone.has(each) ? undefined : wordOf(each)
    const needs = (each.given.item.after ?? []).map((need) => numbers.get(need) ?? -1).sort((a, b) => a - b)
    const key =
      word === undefined
        ? `${at}`
        : JSON.stringify([each.given.kind.kind, each.given.item.action, word, needs.filter((need) => need >= 0)])
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [each])
    else known.push(each)
  }
  return [...groups.values()]
}

function wordOf({ given: { item, kind }, parts }: Prepared): string | undefined {
  return item.action === "delete"
    ? kind.removalAll && kind.removedTogether?.({ seen: item.seen, last: item.last })
    : kind.changeAll && kind.together?.(parts)
}

/** One script for all of a group; where its kind cannot make one, each by itself. */
async function together(group: readonly Prepared[]): Promise<readonly Pick<Unit, "members" | "change" | "slots">[]> {
  const [first] = group as [Prepared, ...Prepared[]]
  if (group.length === 1) return [{ members: group, change: first.change, slots: first.slots }]
  if (group.length > TOGETHER_MAX)
    return [...(await together(group.slice(0, TOGETHER_MAX))), ...(await together(group.slice(TOGETHER_MAX)))]
  const { kind } = first.given
  try {
    const items = group.map(({ given }) => given.item)
    const change =
      first.given.item.action === "delete"
        ? kind.removalAll?.(items.map(({ seen, last }) => ({ seen, last })))
        : kind.changeAll?.(group.map(({ parts }) => parts))
    if (change?.script === undefined) return singly(group)
    refuseLong(change, kind)
    return [{ members: group, change, slots: await openSlots(change, first.call) }]
  } catch (thrown) {
    for (const { given } of group) given.settle({ failed: asFettleError(thrown, "PROVIDER_THREW"), maybe: false })
    return []
  }
}

function singly(group: readonly Prepared[]): readonly Pick<Unit, "members" | "change" | "slots">[] {
  return group.map((each) => ({ members: [each], change: each.change, slots: each.slots }))
}
