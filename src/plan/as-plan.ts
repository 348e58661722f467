import { hashOf, type Plan, type PlannedChange } from "../events/plan.ts"
import type { Collected } from "./collect.ts"
import { driftOf, errorOf, headOf, tellable } from "./compare.ts"
import type { Engine } from "./engine.ts"
import type { PlanRequest } from "./planned.ts"
import type { Work } from "./work.ts"

/** Turns every change into "state takes over what is observed". */
export function onlyRefresh(works: readonly Work[]): void {
  for (const work of works) {
    if (work.planned === undefined || work.planned.action === "blocked") continue
    const drift = work.row === undefined ? [] : driftOf(work)
    const gone = work.row !== undefined && work.seen !== undefined && "absent" in work.seen
    work.planned =
      drift.length > 0 || gone
        ? {
            ...headOf(work),
            action: gone ? "forget" : "refresh",
            because: gone ? "it is gone" : "it moved since it was recorded",
            drift,
          }
        : { ...headOf(work), action: "none", because: "only state is refreshed" }
  }
}

/** A plan and one of a later pass of the same run, as one. */
export function together(first: Plan, later: Plan): Plan {
  const { hash: _hash, ...body } = { ...first, changes: [...first.changes, ...later.changes] }
  return { ...body, hash: hashOf(body) }
}

export function asPlan(request: PlanRequest, collected: Collected, works: readonly Work[], engine: Engine): Plan {
  const changes = works
    .map((work) => work.planned)
    .filter((planned): planned is PlannedChange => planned !== undefined && planned.action !== "none")
  for (const { row, error } of collected.stranded)
    changes.push({
      address: row.address,
      type: "resource",
      kind: row.kind,
      connection: row.connection,
      action: "blocked",
      because: "stranded",
      error: errorOf(error),
    })
  const { program, stage, params, options } = request
  const told = changes.map((change) => tellable(change, engine.redact))
  const body = { format: 1 as const, program, stage, params, options, changes: told, total: works.length }
  return { ...body, hash: hashOf(body) }
}
