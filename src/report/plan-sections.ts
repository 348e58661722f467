import type { PlannedAction, PlannedChange } from "../events/plan.ts"

/** Changes of one kind and one action, of which only the first are shown. */
export interface Cropped {
  readonly shown: readonly PlannedChange[]
  readonly kind: string
  readonly action: PlannedAction
  /** How many are left out. */
  readonly more: number
}

/** Changes under one heading. */
export interface Section {
  /** The group that all of them are in; undefined where there is nothing to tell apart. */
  readonly group: string | undefined
  readonly size: number
  readonly lists: readonly Cropped[]
}

/** Most changes shown one by one: about two screens, the most that somebody reads before saying yes. */
const SHOWN_MAX = 40
/** Fewest shown of a list that is cropped, so that one sees what its members look like. */
const SHOWN_MIN = 3
/** Most groups that get a heading of their own. */
const GROUPS_MAX = 8
/** Lists above which one example of each must do. */
const LISTS_MANY = 20

/** Puts changes into an order and a number that a person can read: as they are while they are few, else by group, kind and action. */
export function sectionsOf(changes: readonly PlannedChange[], showAll: boolean): readonly Section[] {
  if (showAll || changes.length <= SHOWN_MAX)
    return changes.length === 0 ? [] : [{ group: undefined, size: changes.length, lists: [whole(changes)] }]
  const groups = Map.groupBy(changes, (change) => groupOf(change.address))
  const split = groups.size > 1 && groups.size <= GROUPS_MAX
  const parts = split ? [...groups] : [[undefined, changes] as const]
  const listed = parts.map(([group, members]) => ({
    group,
    members,
    lists: [...Map.groupBy(members, (each) => `${each.kind}\n${each.action}`).values()],
  }))
  const shares = shareOut(listed.flatMap(({ lists }) => lists.map((list) => list.length)))
  let at = 0
  return listed.map(({ group, members, lists }) => ({
    group,
    size: members.length,
    lists: lists.map((list) => cropped(list, shares[at++] ?? 0)),
  }))
}

/** The outermost group of an address: `web` of `web/blue/host.file[a/b]`. */
function groupOf(address: string): string {
  const open = address.indexOf("[")
  const path = open === -1 ? address : address.slice(0, open)
  const slash = path.indexOf("/")
  return slash === -1 ? "" : path.slice(0, slash)
}

function whole(changes: readonly PlannedChange[]): Cropped {
  return { shown: changes, kind: "", action: "none", more: 0 }
}

function cropped(list: readonly PlannedChange[], share: number): Cropped {
  const { kind, action } = list[0] as PlannedChange
  return { shown: list.slice(0, share), kind, action, more: list.length - Math.min(share, list.length) }
}

/** How many of each list are shown: all of the short ones, and the long ones share what is left. */
function shareOut(sizes: readonly number[]): readonly number[] {
  const least = sizes.length > LISTS_MANY ? 1 : SHOWN_MIN
  const order = sizes.map((_size, index) => index).sort((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0))
  const shares = sizes.map(() => 0)
  let room = SHOWN_MAX
  for (const [position, index] of order.entries()) {
    const size = sizes[index] ?? 0
    const fair = Math.max(least, Math.floor(room / (order.length - position)))
    // A line that says "1 more" takes as much room as the one it hides.
    const share = size <= fair + 1 ? size : fair
    shares[index] = share
    room = Math.max(0, room - share)
  }
  return shares
}
