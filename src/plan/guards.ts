import { FettleError } from "../errors.ts"
import type { PlanOptions } from "../events/plan.ts"
import { isAbsent, type Work } from "./work.ts"

/** More absences than this share of what a connection holds stop a plan. */
const ABSENT_SHARE = 0.2
/** Up to this many absences are ordinary loss. */
const ABSENT_FEW = 5
/** Up to this many deletions need no extra word. */
const DELETES_FEW = 10

/**
 * Stops a plan that looks like a mistake about its target.
 * @param before deletions that passes before this one had
 * @throws FettleError `MASS_ABSENCE`, `MASS_DELETION`
 */
export function guard(works: Iterable<Work>, options: PlanOptions, before = 0): void {
  const recorded = new Map<string, number>()
  const absent = new Map<string, string[]>()
  const deletes: string[] = []
  for (const work of works) {
    const name = work.connection?.name ?? ""
    if (work.row !== undefined && work.declaration?.type !== "task") recorded.set(name, (recorded.get(name) ?? 0) + 1)
    if (work.row !== undefined && isAbsent(work.seen) && work.row.deposed === "" && !work.row.unfinished)
      add(absent, name, work.address)
    if (work.planned?.action === "delete") deletes.push(work.address)
  }
  // To destroy is consent to all of it being gone, and what is gone already is less to delete.
  if (options.destroy === true) return
  for (const [name, addresses] of absent) {
    const count = addresses.length
    const all = recorded.get(name) ?? 0
    if (count <= ABSENT_FEW || count <= all * ABSENT_SHARE || count <= (options.expectAbsent ?? 0)) continue
    throw new FettleError(
      "MASS_ABSENCE",
      `${count} of ${all} recorded things${name === "" ? "" : ` of ${name}`} are absent at once: ${listed(addresses)}`,
      {
        next: `check the target; if it is true: --expect-absent ${count}`,
        details: { addresses: addresses.slice(0, DETAILED) },
      },
    )
  }
  const count = deletes.length === 0 ? 0 : before + deletes.length
  if (count > DELETES_FEW && count > (options.expectDeletes ?? 0))
    throw new FettleError("MASS_DELETION", `the plan deletes ${count} things: ${listed(deletes)}`, {
      next: `if that is meant: --expect-deletes ${count}`,
      details: { addresses: deletes.slice(0, DETAILED) },
    })
}

/** Addresses named in the words of an error: enough to see what they are about. */
const NAMED = 12
/** Addresses named for machines. */
const DETAILED = 1_000

function listed(addresses: readonly string[]): string {
  const left = addresses.length - NAMED
  const words = addresses.slice(0, NAMED).join(", ")
  return left > 0 ? `${words} and ${left} more` : words
}

function add(map: Map<string, string[]>, name: string, address: string): void {
  const known = map.get(name)
  if (known === undefined) map.set(name, [address])
  else known.push(address)
}
