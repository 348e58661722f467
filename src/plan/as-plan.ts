import type { FettleError } from "../errors.ts"
import { hashOf, type Plan, type PlannedChange } from "../events/plan.ts"
import type { Row } from "../state/store.ts"
import type { Collected } from "./collect.ts"
import { driftOf, errorOf, headOf } from "./compare.ts"
import type { Engine } from "./engine.ts"
import { findingsOf } from "./findings.ts"
import type { PlanRequest } from "./planned.ts"
import { tellable } from "./tellable.ts"
import { wantsOf } from "./wants.ts"
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

/** Characters of what things are to be, in one plan; from there on long values are told by their hash. */
const WANTS_MAX = 8_000_000

export function asPlan(request: PlanRequest, collected: Collected, works: readonly Work[], engine: Engine): Plan {
  const declared = new Map(works.filter((work) => work.declaration !== undefined).map((work) => [work.address, work]))
  const changes: PlannedChange[] = []
  let left = WANTS_MAX
  for (const work of works) {
    if (work.planned === undefined || work.planned.action === "none") continue
    const wants = wantsOf(work, declared)
    for (const { to = "" } of wants) left -= to.length
    const planned = wants.length === 0 ? work.planned : { ...work.planned, wants }
    changes.push(tellable(planned, engine.redact, left < 0))
  }
  for (const { row, error } of collected.stranded) changes.push(tellable(strandedOf(row, error), engine.redact))
  const { program, stage, params, options } = request
  const findings = options.verifyOnly === true ? [] : findingsOf(request, collected.works, changes, engine)
  const found = findings.length === 0 ? {} : { findings }
  const body = { format: 1 as const, program, stage, params, options, changes, ...found, total: works.length }
  return { ...body, hash: hashOf(body) }
}

function strandedOf({ address, kind, connection }: Row, error: FettleError): PlannedChange {
  const head = { address, type: "resource" as const, kind, connection }
  return { ...head, action: "blocked", because: "stranded", error: errorOf(error) }
}
