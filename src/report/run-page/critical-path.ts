/** When a node worked, in milliseconds since the run began. */
export interface Worked {
  readonly beginMs: number
  readonly endMs: number
}

/**
 * The chain of nodes that the end of a run waited for: from the node that ended last back over the need of each that ended last.
 * Positions in the order in which they worked; empty where nothing worked. Linear in nodes and edges.
 *
 * @param needs of each node the positions of what it needs
 * @param worked of each node when it worked; undefined where it did not
 */
export function criticalPath(
  needs: readonly (readonly number[])[],
  worked: readonly (Worked | undefined)[],
): readonly number[] {
  let at = lastOf(worked.keys(), worked)
  const path: number[] = []
  const met = new Set<number>()
  while (at !== undefined && !met.has(at)) {
    met.add(at)
    path.push(at)
    at = lastOf(worksBefore(at, needs, worked), worked)
  }
  return path.reverse()
}

/** What a node waited for: its needs that worked; of one that did not work, what that one needs. */
function worksBefore(
  of: number,
  needs: readonly (readonly number[])[],
  worked: readonly (Worked | undefined)[],
): readonly number[] {
  const found: number[] = []
  const open = [...(needs[of] ?? [])]
  const met = new Set<number>(open)
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (worked[at] !== undefined) {
      found.push(at)
      continue
    }
    for (const need of needs[at] ?? []) {
      if (met.has(need)) continue
      met.add(need)
      open.push(need)
    }
  }
  return found
}

function lastOf(positions: Iterable<number>, worked: readonly (Worked | undefined)[]): number | undefined {
  let last: number | undefined
  for (const at of positions) {
    const end = worked[at]?.endMs
    if (end !== undefined && (last === undefined || end > (worked[last]?.endMs ?? 0))) last = at
  }
  return last
}
