import type { ErrorFacts, EventBody } from "../../src/events/events.ts"
import type { Plan, PlannedChange } from "../../src/events/plan.ts"
import { change, plan } from "./build.ts"

/** Every property that may be missing, filled with `text`. */
export function fullError(text: string): Required<ErrorFacts> {
  return {
    code: "CHANGE_FAILED",
    fact: text,
    next: text,
    address: text,
    place: `${text}:12`,
    cause: text,
    details: { tail: text, list: [1, null, true] },
  }
}

/** A plan with everything that a plan can say, its texts all `text`. */
export function fullPlan(text: string): Plan {
  const { code, fact, next, place, cause } = fullError(text)
  const diffs = [{ name: text, from: text, to: text }, { name: text }]
  const more = {
    kind: text,
    because: text,
    connection: text,
    id: text,
    place: `${text}:3`,
    props: diffs,
    drift: diffs,
    text: `@@ -1 +1 @@\n-${text}\n+${text}`,
    from: text,
  }
  const actions: readonly PlannedChange["action"][] = [
    "create",
    "update",
    "replace",
    "delete",
    "run",
    "check",
    "decide",
    "adopt",
    "forget",
    "move",
    "refresh",
    "blocked",
    "none",
  ]
  const changes: readonly PlannedChange[] = [
    ...actions.map((action) => change(text, action, { ...more, cause: "wanted", order: "create-first" })),
    change(text, "blocked", { ...more, error: { code, fact, next, place, cause } }),
    change(text, "blocked", { because: text, error: { code, fact, next } }),
  ]
  const options = {
    targets: [text],
    replace: [text],
    force: [text],
    adopt: [text],
    refreshOnly: true,
    destroy: true,
    verifyOnly: true,
    expectAbsent: 1,
    expectDeletes: 2,
    expectTargets: [text],
    limit: text,
  }
  return plan(changes, {
    program: text,
    stage: text,
    params: { [text]: text, port: 80, on: true },
    options,
    bound: { program: text, state: text, world: text, wanted: text, sources: text, targets: text },
  })
}

/** At least one event of every type, its texts all `text`, with and without what may be missing. */
export function everyEvent(text: string): readonly EventBody[] {
  const byType: { readonly [T in EventBody["type"]]: readonly Extract<EventBody, { type: T }>[] } = {
    "run.started": [
      { type: "run.started", command: text, program: text, stage: text, who: text },
      { type: "run.started", command: text, program: text, stage: text, who: text, versions: { [text]: text } },
    ],
    "settle.started": [
      { type: "settle.started", intents: 1, waitMs: 0 },
      { type: "settle.started", intents: 2, waitMs: 1_000 },
    ],
    "settle.done": [{ type: "settle.done", address: text, how: text }],
    "plan.started": [{ type: "plan.started", nodes: 3 }],
    "plan.read": [{ type: "plan.read", connection: text, items: 3, durationMs: 2_400 }],
    "plan.ordered": [{ type: "plan.ordered", nodes: [text, `${text} 2`], needs: [[], [0]] }],
    "plan.made": [
      { type: "plan.made", plan: fullPlan(text) },
      { type: "plan.made", plan: plan([]) },
    ],
    "apply.started": [{ type: "apply.started", total: 3, pass: 1 }],
    "node.started": [
      { type: "node.started", address: text, action: "create" },
      { type: "node.started", address: `${text} 2`, action: text },
    ],
    "node.log": (["stdout", "stderr", "fettle"] as const).map((stream) => ({
      type: "node.log",
      address: text,
      stream,
      text,
    })),
    "node.measured": [{ type: "node.measured", address: text, measured: { counted: text } }],
    "check.finished": (["yes", "no", "inconclusive"] as const).map((verdict) => ({
      type: "check.finished",
      address: `${text} ${verdict}`,
      verdict,
      evidence: text,
      durationMs: 1.5,
      ...(verdict === "no" ? { measured: { [text]: text } } : {}),
    })),
    "node.finished": (["done", "failed", "maybe", "skipped", "unchanged"] as const).flatMap((outcome) => [
      { type: "node.finished", address: text, action: "run", outcome, durationMs: 0 },
      {
        type: "node.finished",
        address: text,
        action: text,
        outcome,
        durationMs: 12,
        because: text,
        order: "create-first",
        error: fullError(`${text} ${outcome}`),
      },
      {
        type: "node.finished",
        address: text,
        action: "create",
        outcome,
        durationMs: 12,
        error: { code: text, fact: text, next: text },
      },
    ]),
    note: (["info", "warning", "error"] as const).flatMap((level) => [
      { type: "note", level, text },
      { type: "note", level, text, error: fullError(text) },
    ]),
    "run.finished": (["done", "unchanged", "changes", "failed", "no", "inconclusive", "cancelled"] as const).map(
      (outcome) => ({ type: "run.finished", outcome, exitCode: 0, durationMs: 10, counts: { create: 1, [text]: 2 } }),
    ),
  }
  return Object.values(byType).flat()
}
