import { type EventBody, EventStream, type FettleEvent } from "../../src/events/events.ts"
import type { Plan, PlannedChange } from "../../src/events/plan.ts"

/** When the runs of these tests begin. */
export const START = Date.UTC(2026, 10, 23, 3, 0, 0)

/** A change with what a test does not care about filled in. */
export function change(
  address: string,
  action: PlannedChange["action"],
  more: Partial<PlannedChange> = {},
): PlannedChange {
  const kind = /([^/]+)\[/.exec(address)?.[1] ?? "host.file"
  return {
    address,
    type: action === "check" ? "check" : action === "run" ? "task" : "resource",
    kind,
    action,
    because: "",
    ...more,
  }
}

export function created(address: string): PlannedChange {
  return change(address, "create", { because: "not there", cause: "new" })
}

export function plan(changes: readonly PlannedChange[], more: Partial<Plan> = {}): Plan {
  return {
    format: 1,
    program: "shop",
    stage: "prod",
    params: {},
    options: {},
    changes,
    total: changes.length,
    hash: "0".repeat(64),
    ...more,
  }
}

export type Step = EventBody & { readonly after?: number }

/** Events of one run; `after` is how many milliseconds an event comes after the one before. */
export function events(steps: readonly Step[]): readonly FettleEvent[] {
  let at = START
  return steps.map(({ after = 0, ...body }, index) => {
    at += after
    return {
      runId: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
      traceId: "0af7651916cd43dd8448eb211c80319c",
      seq: index + 1,
      at,
      ...body,
    } as FettleEvent
  })
}

/** The same through the real stream, which stamps and freezes them. */
export function streamed(
  bodies: readonly EventBody[],
  redact = (text: string): string => text,
): readonly FettleEvent[] {
  const taken: FettleEvent[] = []
  const stream = new EventStream("7c9e6679-7425-40de-944b-e07fc1f90ae7", redact)
  stream.subscribe((event) => taken.push(event))
  for (const body of bodies) stream.emit(body)
  return taken
}

/** A run that plans, applies, fails in one place and skips what waits for it. */
export const MIXED: readonly Step[] = [
  { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" },
  { type: "plan.started", nodes: 8 },
  { type: "plan.read", connection: "web", items: 6, durationMs: 41, after: 41 },
  {
    type: "plan.made",
    after: 10,
    plan: plan(
      [
        created("host.directory[/srv/shop]"),
        change("web/host.file[config]", "update", {
          because: "content differs",
          cause: "wanted",
          props: [{ name: "port", from: "80", to: "8080" }],
        }),
        change("task[build]", "run", { because: "never ran" }),
        created("host.process[shop]"),
        change("check[answers]", "check", { because: "asked at every apply" }),
        change("check[rows]", "check", { because: "asked at every apply" }),
      ],
      { total: 8 },
    ),
  },
  { type: "apply.started", total: 6, pass: 1, after: 1_200 },
  { type: "node.started", address: "host.directory[/srv/shop]", action: "create", after: 5 },
  { type: "node.started", address: "task[build]", action: "run" },
  {
    type: "node.finished",
    address: "host.directory[/srv/shop]",
    action: "create",
    outcome: "done",
    durationMs: 12,
    after: 12,
  },
  { type: "node.started", address: "web/host.file[config]", action: "update" },
  {
    type: "node.finished",
    address: "web/host.file[config]",
    action: "update",
    outcome: "done",
    durationMs: 31,
    after: 31,
  },
  { type: "node.log", address: "task[build]", stream: "stdout", text: "compiling 34 files", after: 800 },
  {
    type: "node.log",
    address: "task[build]",
    stream: "stderr",
    text: "src/a.ts:3 error: no such name: ordres",
    after: 1_500,
  },
  {
    type: "node.finished",
    address: "task[build]",
    action: "run",
    outcome: "failed",
    durationMs: 2_400,
    error: {
      code: "TASK_FAILED",
      fact: "tsc ended with exit code 2",
      next: "fettle logs RUN NODE shows all it wrote",
      address: "task[build]",
      place: "/home/ann/shop/fettle.ts:21",
    },
  },
  {
    type: "node.finished",
    address: "host.process[shop]",
    action: "create",
    outcome: "skipped",
    durationMs: 0,
    error: { code: "CHANGE_FAILED", fact: "waits for task[build]", next: "", address: "host.process[shop]" },
  },
  {
    type: "check.finished",
    address: "check[rows]",
    verdict: "no",
    evidence: "0 rows, wanted at least 1",
    durationMs: 9,
    after: 9,
  },
  {
    type: "node.finished",
    address: "check[rows]",
    action: "check",
    outcome: "failed",
    durationMs: 9,
    error: {
      code: "CHECK_NO",
      fact: "0 rows, wanted at least 1",
      next: "read its evidence; what depends on it was not changed",
      address: "check[rows]",
      place: "/home/ann/shop/fettle.ts:30",
    },
  },
  {
    type: "check.finished",
    address: "check[answers]",
    verdict: "yes",
    evidence: "200 in 41 ms",
    durationMs: 1_100,
    after: 1_100,
  },
  { type: "node.finished", address: "check[answers]", action: "check", outcome: "done", durationMs: 1_100 },
  {
    type: "run.finished",
    outcome: "failed",
    exitCode: 1,
    durationMs: 5_600,
    counts: { create: 1, update: 1, check: 1, failed: 2, skipped: 1 },
  },
]
