import { expect, test } from "vitest"
import type { ErrorFacts } from "../../src/events/events.ts"
import { terminalReporter } from "../../src/report/terminal.ts"
import { change, created, events, MIXED, plan, type Step } from "./build.ts"
import { framed } from "./frame.ts"

interface Look {
  readonly columns?: number
  readonly color?: boolean
  readonly verbose?: boolean
}

/** What a log file holds after a run. */
function logged(steps: readonly Step[], { columns = 80, color = false, verbose = false }: Look = {}): string {
  let text = ""
  const write = (more: string): void => {
    text += more
  }
  const reporter = terminalReporter({
    write,
    columns: () => columns,
    color,
    isTTY: false,
    verbose,
    root: "/home/ann/shop",
  })
  for (const event of events(steps)) reporter.subscriber(event)
  reporter.close()
  expect(text.endsWith("\n")).toBe(true)
  return framed(text.slice(0, -1).split("\n"), columns)
}

const STARTED: Step = { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" }

function error(code: string, fact: string, more: Partial<ErrorFacts> = {}): ErrorFacts {
  return { code, fact, next: "mend the cause and apply again", ...more }
}

test("a run that fails in one place", () => {
  expect(logged(MIXED)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + host.directory[/srv/shop]  new
    |  ~ web/host.file[config]      wanted: content differs
    |      port  80 → 8080
    |  > task[build]                never ran
    |  + host.process[shop]         new
    |  ○ 2 checks: check[answers], check[rows]
    |
    |2 to create, 1 to update, 1 to run, 2 checks · 2 unchanged
    |
    |  + host.directory[/srv/shop]  created  12ms
    |  ~ web/host.file[config]      updated  31ms
    |  × task[build]                failed  2.4s  TASK_FAILED
    |      tsc ended with exit code 2
    |      declared  fettle.ts:21
    |      next      fettle logs 7c9e6679 'task[build]' shows all it wrote
    |      the last 2 lines of its log:
    |      │ compiling 34 files
    |      │ src/a.ts:3 error: no such name: ordres
    |  · host.process[shop]         skipped: waits for task[build]
    |  ✗ check[rows]                no: 0 rows, wanted at least 1  9ms
    |      declared  fettle.ts:30
    |      next      read its evidence; what depends on it was not changed
    |  ✓ check[answers]             yes: 200 in 41 ms  1.1s
    |
    |Failed  1 created, 1 updated, 1 failed, 1 skipped · 2 checks: 1 yes, 1 no · 5.6s
    |  ✗ check[rows]  no: 0 rows, wanted at least 1
    |  · 1 skipped, because task[build] did not go through"
  `)
})

test("a run that fails, on a narrow terminal", () => {
  expect(logged(MIXED, { columns: 40 })).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + host.directory[/srv/shop]  new
    |  ~ web/host.file[config]
    |      wanted: content differs
    |      port  80 → 8080
    |  > task[build]         never ran
    |  + host.process[shop]  new
    |  ○ 2 checks: check[answers] and 1 more
    |
    |2 to create, 1 to update, 1 to run,
    |2 checks · 2 unchanged
    |
    |  + host.directory[/srv/shop]
    |      created  12ms
    |  ~ web/host.file[config]  updated  31ms
    |  × task[build]
    |      failed  2.4s  TASK_FAILED
    |      tsc ended with exit code 2
    |      declared  fettle.ts:21
    |      next      fettle logs 7c9e6679
    |                'task[build]' shows all
    |                it wrote
    |      the last 2 lines of its log:
    |      │ compiling 34 files
    |      │ src/a.ts:3 error: no such name:
    |      │ ordres
    |  · host.process[shop]
    |      skipped: waits for task[build]
    |  ✗ check[rows]
    |      no: 0 rows, wanted at least 1  9ms
    |      declared  fettle.ts:30
    |      next      read its evidence; what
    |                depends on it was not
    |                changed
    |  ✓ check[answers]
    |      yes: 200 in 41 ms  1.1s
    |
    |Failed  1 created, 1 updated, 1 failed,
    |  1 skipped · 2 checks: 1 yes, 1 no ·
    |  5.6s
    |  × task[build]
    |      TASK_FAILED  tsc ended with exit
    |      code 2
    |      next  fettle logs 7c9e6679
    |            'task[build]' shows all it
    |            wrote
    |  ✗ check[rows]
    |      no: 0 rows, wanted at least 1
    |  · 1 skipped, because task[build] did
    |      not go through"
  `)
})

test("a run that fails, in colour at 120 columns", () => {
  expect(logged(MIXED, { columns: 120, color: true })).toMatchInlineSnapshot(`
    "|<bold>shop</> · prod<dim> · apply</>
    |
    |<green>  + </>host.directory[/srv/shop]  <dim>new</>
    |<yellow>  ~ </>web/host.file[config]      wanted<dim>: content differs</>
    |      port  <dim>80</><dim> → </>8080
    |<cyan>  > </>task[build]                <dim>never ran</>
    |<green>  + </>host.process[shop]         <dim>new</>
    |<cyan>  ○ </>2 checks<dim>: check[answers], check[rows]</>
    |
    |<green>2 to create</>, <yellow>1 to update</>, <cyan>1 to run</>, 2 checks <dim>· 2 unchanged</>
    |
    |<green>  + </>host.directory[/srv/shop]  created<dim>  12ms</>
    |<yellow>  ~ </>web/host.file[config]      updated<dim>  31ms</>
    |<red>  × </>task[build]                <alarm>failed</><dim>  2.4s</>  <alarm>TASK_FAILED</>
    |      tsc ended with exit code 2
    |      <dim>declared  </>fettle.ts:21
    |      <cyan>next      </>fettle logs 7c9e6679 'task[build]' shows all it wrote
    |      <dim>the last 2 lines of its log:</>
    |<dim>      │ </>compiling 34 files
    |<dim>      │ </>src/a.ts:3 error: no such name: ordres
    |<dim>  · </>host.process[shop]         <dim>skipped: waits for task[build]</>
    |<alarm>  ✗ </>check[rows]                <alarm>no</>: 0 rows, wanted at least 1<dim>  9ms</>
    |      <dim>declared  </>fettle.ts:30
    |      <cyan>next      </>read its evidence; what depends on it was not changed
    |<green>  ✓ </>check[answers]             <green>yes</><dim>: 200 in 41 ms</><dim>  1.1s</>
    |
    |<alarm>Failed</>  1 created, 1 updated, 1 failed, 1 skipped<dim> · 2 checks: 1 yes, 1 no</><dim> · 5.6s</>
    |<alarm>  ✗ </>check[rows]  <alarm>no</>: 0 rows, wanted at least 1
    |<dim>  · 1 skipped, because task[build] did not go through</>"
  `)
})

test("a run that fails, with all there is to say", () => {
  expect(logged(MIXED, { verbose: true })).toMatchInlineSnapshot(`
    "|shop · prod · apply · by ann · run 7c9e6679-7425-40de-944b-e07fc1f90ae7
    |
    |Read 6 items from web in 41ms
    |
    |  + host.directory[/srv/shop]  new
    |  ~ web/host.file[config]      wanted: content differs
    |      port  80 → 8080
    |  > task[build]                never ran
    |  + host.process[shop]         new
    |  ○ check[answers]             asked at every apply
    |  ○ check[rows]                asked at every apply
    |
    |2 to create, 1 to update, 1 to run, 2 checks · 2 unchanged
    |
    |  + host.directory[/srv/shop]  begins
    |  > task[build]                begins
    |  + host.directory[/srv/shop]  created  12ms
    |  ~ web/host.file[config]      begins
    |  ~ web/host.file[config]      updated  31ms
    |    task[build] │ compiling 34 files
    |    task[build] │ src/a.ts:3 error: no such name: ordres
    |  × task[build]                failed  2.4s  TASK_FAILED
    |      tsc ended with exit code 2
    |      declared  fettle.ts:21
    |      next      fettle logs 7c9e6679 'task[build]' shows all it wrote
    |  · host.process[shop]         skipped: waits for task[build]
    |  ✗ check[rows]                no: 0 rows, wanted at least 1  9ms
    |      declared  fettle.ts:30
    |      next      read its evidence; what depends on it was not changed
    |  ✓ check[answers]             yes: 200 in 41 ms  1.1s
    |
    |Failed  1 created, 1 updated, 1 failed, 1 skipped · 2 checks: 1 yes, 1 no · 5.6s
    |  ✗ check[rows]  no: 0 rows, wanted at least 1
    |  · 1 skipped, because task[build] did not go through"
  `)
})

test("a run where all goes well", () => {
  const steps: readonly Step[] = [
    STARTED,
    { type: "plan.started", nodes: 2 },
    { type: "plan.made", plan: plan([created("host.file[config]"), change("check[answers]", "check")]) },
    { type: "apply.started", total: 2, pass: 1 },
    { type: "node.started", address: "host.file[config]", action: "create" },
    { type: "node.finished", address: "host.file[config]", action: "create", outcome: "done", durationMs: 12 },
    { type: "node.started", address: "check[answers]", action: "check" },
    { type: "check.finished", address: "check[answers]", verdict: "yes", evidence: "200 in 41 ms", durationMs: 41 },
    { type: "node.finished", address: "check[answers]", action: "check", outcome: "done", durationMs: 41 },
    { type: "run.finished", outcome: "done", exitCode: 0, durationMs: 310, counts: { create: 1, check: 1 } },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + host.file[config]  new
    |  ○ 1 check: check[answers]
    |
    |1 to create, 1 check · 0 unchanged
    |
    |  + host.file[config]  created  12ms
    |  ✓ check[answers]     yes: 200 in 41 ms  41ms
    |
    |Done  1 created · 1 check yes · 310ms"
  `)
})

test("a run that finds nothing to do", () => {
  const steps: readonly Step[] = [
    STARTED,
    { type: "plan.started", nodes: 34 },
    { type: "plan.read", connection: "web", items: 34, durationMs: 20 },
    { type: "plan.made", plan: plan([], { total: 34 }) },
    { type: "apply.started", total: 0, pass: 1 },
    { type: "run.finished", outcome: "unchanged", exitCode: 0, durationMs: 120, counts: {} },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |Nothing to change: 34 resources are as declared.
    |
    |Done  nothing had to be changed · 120ms"
  `)
})

test("a plan, with a slow read", () => {
  const steps: readonly Step[] = [
    { ...STARTED, command: "plan" } as Step,
    { type: "plan.started", nodes: 1 },
    { type: "plan.read", connection: "web", items: 1_200, durationMs: 4_210 },
    { type: "plan.read", connection: "", items: 3, durationMs: 2_000 },
    { type: "plan.made", plan: plan([created("host.file[config]")]) },
    { type: "run.finished", outcome: "changes", exitCode: 2, durationMs: 4_400, counts: {} },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · plan
    |
    |Read 1,200 items from web in 4.2s
    |Read 3 items in 2.0s
    |
    |  + host.file[config]  new
    |
    |1 to create · 0 unchanged
    |
    |Planned  nothing was changed yet · 4.4s"
  `)
})

test("a plan in which something is blocked, carried out all the same", () => {
  const foreign = error("FOREIGN", "/etc/motd is already there and Fettle did not make it", {
    next: "fettle adopt ADDRESS takes it over",
  })
  const steps: readonly Step[] = [
    STARTED,
    {
      type: "plan.made",
      plan: plan([
        change("host.file[motd]", "blocked", { because: foreign.fact, error: foreign }),
        change("host.process[greeter]", "blocked", { because: "waits for host.file[motd]", error: foreign }),
        created("host.file[config]"),
      ]),
    },
    { type: "apply.started", total: 3, pass: 1 },
    {
      type: "node.finished",
      address: "host.file[motd]",
      action: "blocked",
      outcome: "failed",
      durationMs: 0,
      error: { ...foreign, address: "host.file[motd]" },
    },
    {
      type: "node.finished",
      address: "host.process[greeter]",
      action: "blocked",
      outcome: "failed",
      durationMs: 0,
      error: { ...foreign, address: "host.file[motd]" },
    },
    { type: "node.finished", address: "host.file[config]", action: "create", outcome: "done", durationMs: 12 },
    { type: "run.finished", outcome: "failed", exitCode: 1, durationMs: 310, counts: { create: 1, failed: 2 } },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + host.file[config]  new
    |
    |  × host.file[motd]  FOREIGN
    |      /etc/motd is already there and Fettle did not make it
    |      next      fettle adopt 'host.file[motd]' takes it over
    |  × host.process[greeter]  waits for host.file[motd]
    |
    |1 to create, 2 blocked · 0 unchanged
    |
    |  × host.file[motd]        blocked: see above
    |  × host.process[greeter]  blocked: waits for host.file[motd]
    |  + host.file[config]      created  12ms
    |
    |Failed  1 created, 1 failed, 1 skipped · 310ms
    |  · 1 skipped, because host.file[motd] did not go through"
  `)
})

test("one error of many nodes is told once", () => {
  const down = error("CONNECTION_FAILED", "web closed the connection", { cause: "read ECONNRESET" })
  const names = Array.from({ length: 8 }, (_, index) => `host.file[page-${index}]`)
  const steps: readonly Step[] = [
    STARTED,
    { type: "plan.made", plan: plan(names.map(created)) },
    { type: "apply.started", total: 8, pass: 1 },
    ...names.map(
      (address): Step => ({
        type: "node.finished",
        address,
        action: "create",
        outcome: "failed",
        durationMs: 1_200,
        error: { ...down, address },
      }),
    ),
    { type: "run.finished", outcome: "failed", exitCode: 1, durationMs: 1_310, counts: { failed: 8 } },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + host.file[page-0]  new
    |  + host.file[page-1]  new
    |  + host.file[page-2]  new
    |  + host.file[page-3]  new
    |  + host.file[page-4]  new
    |  + host.file[page-5]  new
    |  + host.file[page-6]  new
    |  + host.file[page-7]  new
    |
    |8 to create · 0 unchanged
    |
    |  × host.file[page-0]  failed  1.2s  CONNECTION_FAILED
    |      web closed the connection
    |      cause     read ECONNRESET
    |      next      mend the cause and apply again
    |  × host.file[page-1]  failed  1.2s: the same as host.file[page-0]
    |  × host.file[page-2]  failed  1.2s: the same as host.file[page-0]
    |  × host.file[page-3]  failed  1.2s: the same as host.file[page-0]
    |  × host.file[page-4]  failed  1.2s: the same as host.file[page-0]
    |  × host.file[page-5]  failed  1.2s: the same as host.file[page-0]
    |  × host.file[page-6]  failed  1.2s: the same as host.file[page-0]
    |  × host.file[page-7]  failed  1.2s: the same as host.file[page-0]
    |
    |Failed  8 failed · 1.3s"
  `)
})

test("what a run that was cut off left open, and a change of which nobody knows whether it happened", () => {
  const steps: readonly Step[] = [
    STARTED,
    { type: "settle.done", address: "web", how: "an earlier run was cut off: its finally runs now" },
    { type: "settle.started", intents: 2, waitMs: 30_000 },
    { type: "plan.started", nodes: 1, after: 30_000 },
    { type: "plan.made", plan: plan([created("http.object[queue]")]) },
    { type: "apply.started", total: 1, pass: 1 },
    { type: "node.started", address: "http.object[queue]", action: "create" },
    {
      type: "node.finished",
      address: "http.object[queue]",
      action: "create",
      outcome: "maybe",
      durationMs: 30_000,
      error: error("TIMEOUT", "the call took longer than 30s", {
        address: "http.object[queue]",
        place: "/home/ann/shop/fettle.ts:4",
      }),
      after: 30_000,
    },
    {
      type: "note",
      level: "error",
      text: "cancelled with 3 steps left",
      error: error("CANCELLED", "cancelled with 3 steps left"),
    },
    { type: "run.finished", outcome: "cancelled", exitCode: 130, durationMs: 61_000, counts: { maybe: 1 } },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  = web  an earlier run was cut off: its finally runs now
    |2 changes of an earlier run were cut off. What they made may take 30s to show;
    |  waiting.
    |
    |  + http.object[queue]  new
    |
    |1 to create · 0 unchanged
    |
    |  ? http.object[queue]  maybe  30s  TIMEOUT
    |      the call took longer than 30s
    |      declared  fettle.ts:4
    |      next      mend the cause and apply again
    |      It may have happened or not; the next run finds out.
    |  × CANCELLED
    |      cancelled with 3 steps left
    |      next      mend the cause and apply again
    |
    |Cancelled  1 maybe · 1m 01s
    |  ? http.object[queue]  TIMEOUT  the call took longer than 30s
    |      next  mend the cause and apply again
    |    What was done is recorded; apply again to go on."
  `)
})

test("a run that cannot begin", () => {
  const locked = error("STATE_LOCKED", "ann holds the lock of prod since 03:02 (apply, pid 4711 on build-7)", {
    next: "wait for it to end",
  })
  const steps: readonly Step[] = [
    { type: "note", level: "error", text: locked.fact, error: locked },
    { type: "run.finished", outcome: "failed", exitCode: 1, durationMs: 12, counts: {} },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|  × STATE_LOCKED
    |      ann holds the lock of prod since 03:02 (apply, pid 4711 on build-7)
    |      next      wait for it to end
    |
    |Failed  12ms"
  `)
})

test("checks that say no, or nothing", () => {
  const answer = (address: string, verdict: "no" | "inconclusive", evidence: string): readonly Step[] => [
    { type: "check.finished", address, verdict, evidence, durationMs: 30_000, measured: { status: 503 } },
    {
      type: "node.finished",
      address,
      action: "check",
      outcome: "failed",
      durationMs: 30_000,
      error: error(verdict === "no" ? "CHECK_NO" : "CHECK_INCONCLUSIVE", evidence, {
        address,
        next: "read its evidence",
      }),
    },
  ]
  const steps: readonly Step[] = [
    { ...STARTED, command: "verify" } as Step,
    {
      type: "plan.made",
      plan: plan([change("check[answers]", "check"), change("check[rows]", "check")], {
        options: { verifyOnly: true },
      }),
    },
    { type: "apply.started", total: 2, pass: 1 },
    ...answer("check[answers]", "no", "503 Service Unavailable\n<h1>down</h1>"),
    ...answer("check[rows]", "inconclusive", "the database did not answer"),
    { type: "run.finished", outcome: "no", exitCode: 3, durationMs: 60_000, counts: { failed: 2 } },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · verify
    |
    |Only checks are asked; nothing is changed.
    |
    |2 checks
    |
    |  ✗ check[answers]  no: 503 Service Unavailable
    |      <h1>down</h1>  30s
    |      next      read its evidence
    |  ? check[rows]     inconclusive: the database did not answer  30s
    |      next      read its evidence
    |
    |A check said no  2 checks: 1 no, 1 inconclusive · 1m 00s
    |  ✗ check[answers]  no: 503 Service Unavailable …
    |  ? check[rows]     inconclusive: the database did not answer"
  `)
})

test("a list that becomes known on the way", () => {
  const steps: readonly Step[] = [
    STARTED,
    {
      type: "plan.made",
      plan: plan([
        created("http.object[queue]"),
        change("each[users]", "decide", { type: "each", because: "its list is known only during apply" }),
      ]),
    },
    { type: "apply.started", total: 2, pass: 1 },
    { type: "node.finished", address: "http.object[queue]", action: "create", outcome: "done", durationMs: 80 },
    { type: "plan.made", plan: plan([created("http.object[user ann]")], { total: 3 }) },
    { type: "apply.started", total: 1, pass: 2 },
    { type: "node.finished", address: "http.object[user ann]", action: "create", outcome: "done", durationMs: 70 },
    { type: "note", level: "warning", text: "the API answers slowly" },
    { type: "note", level: "info", text: "2 calls were repeated" },
    { type: "run.finished", outcome: "done", exitCode: 0, durationMs: 400, counts: { create: 2 } },
  ]
  expect(logged(steps)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + http.object[queue]  new
    |  ? each[users]         its list is known only during apply
    |
    |1 to create, 1 to decide · 0 unchanged
    |
    |  + http.object[queue]  created  80ms
    |
    |More is known now:
    |  + http.object[user ann]  new
    |
    |1 to create · 2 unchanged
    |
    |  + http.object[user ann]  created  70ms
    |  ! the API answers slowly
    |  · 2 calls were repeated
    |
    |Done  2 created · 400ms"
  `)
})

test("every kind of end has its line", () => {
  const ends = ["done", "unchanged", "changes", "failed", "no", "inconclusive", "cancelled"] as const
  const lines = ends.map((outcome) =>
    logged([{ type: "run.finished", outcome, exitCode: 0, durationMs: 65_000, counts: {} }]),
  )
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "|Done  1m 05s
    |Done  nothing had to be changed · 1m 05s
    |Planned  nothing was changed yet · 1m 05s
    |Failed  1m 05s
    |A check said no  1m 05s
    |Inconclusive  1m 05s
    |Cancelled  1m 05s"
  `)
})
