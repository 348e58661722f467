import { FettleError } from "../errors.ts"
import type { Collected } from "./collect.ts"
import { blocked } from "./compare.ts"
import { prefixOfVersions, versionIn } from "./versions.ts"
import type { Work } from "./work.ts"

type User = Pick<Work, "address" | "row"> & Partial<Pick<Work, "declaration">>

/**
 * Keeps what a kept thing needs. A thing that stays because it is protected, could not be read, waits to be settled, is no target, or
 * can no longer be reached from the program, would lose what it stands on: so everything on the way down from it stays, too. By recorded
 * needs: they are what it was made with.
 */
export function keepNeeds({
  works,
  leaving,
  kept,
  stranded,
}: Pick<Collected, "works" | "leaving" | "kept" | "stranded">): readonly Work[] {
  const going = goingByAddress(leaving)
  const staying: Work[] = []
  if (going.size === 0) return staying
  const untouched = [...works.values()].filter(({ planned }) => planned?.because === "not a target")
  const queue: User[] = [...untouched, ...leaving.filter(stays)]
  for (const row of [...kept, ...stranded.map((each) => each.row)])
    queue.push({ address: row.address as Work["address"], row })
  for (const user of queue)
    for (const need of needsOf(user, going.keys())) {
      for (const work of going.get(need) ?? []) {
        const fact = `${work.address} stays: ${user.address}, which stays, needs it`
        work.planned = blocked(work, new FettleError("STILL_NEEDED", fact))
        queue.push(work)
        staying.push(work)
      }
      going.delete(need)
    }
  return staying
}

/**
 * What it was made with; of a release without its versions: which of them stay is decided by what gets traffic. One that is to leave
 * and stays keeps them all.
 */
function needsOf({ address, row, declaration }: User, going: Iterable<string>): readonly string[] {
  const needs = row?.needs ?? []
  const prefix = prefixOfVersions(address)
  if (prefix === undefined) return needs
  if (declaration === undefined) return [...needs, ...[...going].filter((each) => each.startsWith(prefix))]
  return needs.filter((need) => versionIn(need, prefix) === undefined)
}

/** What is to leave, by the address that others recorded for it. */
function goingByAddress(leaving: readonly Work[]): Map<string, Work[]> {
  const going = new Map<string, Work[]>()
  for (const work of leaving)
    if (work.row !== undefined && !stays(work) && isHolding(work))
      going.set(work.row.address, [...(going.get(work.row.address) ?? []), work])
  return going
}

/** Blocked, or not looked at. */
function stays({ planned }: Work): boolean {
  return planned === undefined || planned.action === "blocked"
}

/** What is gone already holds nothing up. */
function isHolding({ seen, planned }: Work): boolean {
  return planned?.action === "delete" || seen === undefined || !("absent" in seen)
}
