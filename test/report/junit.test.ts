import { expect, test } from "vitest"
import { junitReporter } from "../../src/report/junit.ts"
import { change, events, MIXED, plan, type Step } from "./build.ts"
import { wellFormed } from "./xml.ts"

function junit(steps: readonly Step[]): string {
  const files: string[] = []
  const reporter = junitReporter((xml) => files.push(xml), "/home/ann/shop")
  for (const event of events(steps)) reporter(event)
  expect(files.length).toBe(1)
  expect(wellFormed(files[0] as string)).toEqual([])
  return files[0] as string
}

test("checks and tasks of a run; resources are not cases", () => {
  expect(junit(MIXED)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="fettle" tests="3" failures="2" errors="0" skipped="0" time="5.600">
      <testsuite name="shop prod" timestamp="2026-11-23T03:00:00.000Z" tests="3" failures="2" errors="0" skipped="0" time="5.600">
        <testcase name="task[build]" classname="shop prod" time="2.400">
          <failure type="TASK_FAILED" message="tsc ended with exit code 2">tsc ended with exit code 2
    declared: fettle.ts:21
    next: fettle logs 7c9e6679 'task[build]' shows all it wrote</failure>
          <system-out>compiling 34 files
    src/a.ts:3 error: no such name: ordres</system-out>
        </testcase>
        <testcase name="check[rows]" classname="shop prod" time="0.009">
          <failure type="CHECK_NO" message="0 rows, wanted at least 1">0 rows, wanted at least 1
    declared: fettle.ts:30
    next: read its evidence; what depends on it was not changed</failure>
        </testcase>
        <testcase name="check[answers]" classname="shop prod" time="1.100">
          <system-out>200 in 41 ms</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "
  `)
})

test("passed, unanswered, skipped and blocked", () => {
  const steps: readonly Step[] = [
    { type: "run.started", command: "apply", program: "a<b", stage: "prod", who: "ann" },
    {
      type: "plan.made",
      plan: plan([
        change("task[lint]", "run"),
        change("task[late]", "decide", { type: "task" }),
        change("check[x]", "check"),
      ]),
    },
    { type: "apply.started", total: 3, pass: 1 },
    { type: "node.finished", address: "task[lint]", action: "run", outcome: "done", durationMs: 900 },
    {
      type: "node.finished",
      address: "task[late]",
      action: "blocked",
      outcome: "failed",
      durationMs: 0,
      error: { code: "FOREIGN", fact: "it is there", next: "adopt it", address: "host.file[a]" },
    },
    { type: "node.finished", address: "task[calm]", action: "run", outcome: "unchanged", durationMs: 0 },
    { type: "node.finished", address: "host.file[a]", action: "create", outcome: "done", durationMs: 5 },
    { type: "check.finished", address: "check[x]", verdict: "inconclusive", evidence: "no answer", durationMs: 5 },
    {
      type: "node.finished",
      address: "check[y]",
      action: "check",
      outcome: "skipped",
      durationMs: 0,
      error: { code: "CHANGE_FAILED", fact: "waits for task[late]", next: "" },
    },
    { type: "run.finished", outcome: "failed", exitCode: 1, durationMs: 1_200, counts: {} },
  ]
  expect(junit(steps)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="fettle" tests="4" failures="0" errors="1" skipped="2" time="1.200">
      <testsuite name="a&lt;b prod" timestamp="2026-11-23T03:00:00.000Z" tests="4" failures="0" errors="1" skipped="2" time="1.200">
        <testcase name="task[lint]" classname="a&lt;b prod" time="0.900"/>
        <testcase name="task[late]" classname="a&lt;b prod" time="0.000">
          <skipped message="waits for host.file[a]"/>
        </testcase>
        <testcase name="check[x]" classname="a&lt;b prod" time="0.005">
          <error type="CHECK_INCONCLUSIVE" message="no answer">no answer</error>
        </testcase>
        <testcase name="check[y]" classname="a&lt;b prod" time="0.000">
          <skipped message="waits for task[late]"/>
        </testcase>
      </testsuite>
    </testsuites>
    "
  `)
})

test("a run without checks and tasks is an empty suite", () => {
  expect(junit([{ type: "run.finished", outcome: "done", exitCode: 0, durationMs: 5, counts: {} }])).toContain(
    'tests="0"',
  )
})
