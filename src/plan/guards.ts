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
 * @throws FettleError `MASS_ABSENCE`, `MASS_DELETION`
 */
export function guard(works: Iterable<Work>, options: PlanOptions): void {
  const recorded = new Map<string, number>()
  const absent = new Map<string, number>()
  let deletes = 0
  for (const work of works) {
    const name = work.connection?.name ?? ""
    if (work.row !== undefined && work.declaration?.type !== "task") recorded.set(name, (recorded.get(name) ?? 0) + 1)
    if (work.row !== undefined && isAbsent(work.seen) && work.row.deposed === "" && !work.row.unfinished)
      absent.set(name, (absent.get(name) ?? 0) + 1)
    if (work.planned?.action === "delete") deletes += 1
  }
  for (const [name, count] of absent) {
    const all = recorded.get(name) ?? 0
    if (count <= ABSENT_FEW || count <= all * ABSENT_SHARE || count <= (options.expectAbsent ?? 0)) continue
    throw new FettleError(
      "MASS_ABSENCE",
      `${count} of ${all} recorded things${name === "" ? "" : ` of ${name}`} are absent at once`,
      { next: `check the target; if it is true: --expect-absent ${count}` },
    )
  }
  if (options.destroy !== true && deletes > DELETES_FEW && deletes > (options.expectDeletes ?? 0))
    throw new FettleError("MASS_DELETION", `the plan deletes ${deletes} things`, {
      next: `read the plan; if it is meant: --expect-deletes ${deletes}`,
    })
}
