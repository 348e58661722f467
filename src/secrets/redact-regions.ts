/** A piece of text to hide. Its name comes from the match that begins first, then the longest, then the first given. */
export interface Region {
  start: number
  end: number
  owner: number
  /** The end of the match that gives the name. */
  nameEnd: number
}

/** Adds one match to disjoint regions in order, when no match before it ends later; what it touches becomes one. */
export function addMatch(regions: Region[], start: number, end: number, owner: number): void {
  const last = regions.at(-1)
  if (last !== undefined && last.start < start && start <= last.end) {
    last.end = end // by far the most frequent case where matches touch
    return
  }
  addRegion(regions, { start, end, owner, nameEnd: end })
}

/** One ordered list of disjoint regions out of several. */
export function mergeRegions(lists: readonly (readonly Region[])[]): Region[] {
  const merged: Region[] = []
  for (const region of lists.flat().sort((a, b) => a.start - b.start || b.end - a.end)) addRegion(merged, { ...region })
  return merged
}

function addRegion(regions: Region[], region: Region): void {
  for (let last = regions.at(-1); last !== undefined && region.start <= last.end; last = regions.at(-1)) {
    if (namesFirst(last, region)) {
      region.owner = last.owner
      region.nameEnd = last.nameEnd
    }
    region.start = Math.min(region.start, last.start)
    region.end = Math.max(region.end, last.end)
    regions.pop()
  }
  regions.push(region)
}

function namesFirst(a: Region, b: Region): boolean {
  if (a.start !== b.start) return a.start < b.start
  if (a.nameEnd !== b.nameEnd) return a.nameEnd > b.nameEnd
  return a.owner < b.owner
}
