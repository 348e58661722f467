import { expect, test } from "vitest"
import { logData } from "../../src/report/run-page/drawn-logs.ts"
import { reportData } from "../../src/report/run-page/drawn-run.ts"
import { runPage } from "../../src/report/run-page/run-page.ts"
import { RunRecord } from "../../src/report/run-page/run-record.ts"
import { verdictOf } from "../../src/report/run-page/verdict.ts"
import { change, created, events, MIXED, plan, type Step } from "./build.ts"
import { manyNodes } from "./many-nodes.ts"
import { RELEASED } from "./released.ts"

function recordOf(steps: readonly Step[]): RunRecord {
  const record = new RunRecord()
  for (const event of events(steps)) record.take(event)
  return record
}

const START: Step = { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" }
const FILE = "host.file[config]"

function made(...addresses: readonly string[]): readonly Step[] {
  return [
    START,
    { type: "plan.made", plan: plan(addresses.map(created)) },
    { type: "apply.started", total: addresses.length, pass: 1 },
  ]
}

function ended(outcome: Extract<Step, { type: "run.finished" }>["outcome"], counts: Record<string, number> = {}): Step {
  return { type: "run.finished", outcome, exitCode: 1, durationMs: 4_200, counts }
}

const refused = { code: "FOREIGN", fact: "it is there and not ours", next: "adopt it" }

test.each<readonly [string, readonly Step[], string, string]>([
  ["done", [...made(FILE), ended("done", { create: 2, run: 1 })], "good", "Done: 2 created and 1 ran. It took 4.2s."],
  ["unchanged", [START, ended("unchanged")], "good", "Nothing had to be changed. It took 4.2s."],
  [
    "planned",
    [START, { type: "plan.made", plan: plan([created(FILE), created("host.file[b]")]) }, ended("changes")],
    "calm",
    "Planned: 2 to create. Nothing was changed yet.",
  ],
  [
    "failed",
    MIXED,
    "bad",
    "task[build] failed: tsc ended with exit code 2. Before that, 1 created and 1 updated. 1 node was left alone because of it.",
  ],
  [
    "failed with colours",
    [
      ...made(FILE),
      {
        type: "node.finished",
        address: FILE,
        action: "create",
        outcome: "maybe",
        durationMs: 3,
        error: { code: "TIMEOUT", fact: "no answer\nin time", next: "", address: FILE },
      },
      ended("failed", { maybe: 1 }),
    ],
    "bad",
    `${FILE} may have failed or not: no answer. Nothing was changed.`,
  ],
  [
    "blocked",
    [START, { type: "plan.made", plan: plan([change(FILE, "blocked", { error: refused })]) }, ended("failed")],
    "bad",
    `${FILE} is blocked: it is there and not ours. Nothing was changed.`,
  ],
  [
    "failed before a plan",
    [START, { type: "note", level: "error", text: "no", error: { ...refused, code: "LOCKED" } }, ended("failed")],
    "bad",
    "Failed with LOCKED: it is there and not ours. Nothing was changed.",
  ],
  [
    "no",
    [
      ...made(FILE),
      { type: "check.finished", address: "check[a]", verdict: "no", evidence: "503, wanted 200", durationMs: 3 },
      ended("no", { create: 1 }),
    ],
    "bad",
    "check[a] said no: 503, wanted 200.",
  ],
  [
    "rolled back",
    RELEASED,
    "bad",
    "fettle.release[orders]: Rolled back at minute 1, with 50 %: 10 errors in 200 requests against 0 in 300; a version no worse is rolled back in at most 1 % of releases.",
  ],
  [
    "inconclusive",
    [
      START,
      { type: "check.finished", address: "check[a]", verdict: "inconclusive", evidence: "no answer", durationMs: 3 },
      ended("inconclusive"),
    ],
    "unsure",
    "Not proven: check[a] could not be answered: no answer.",
  ],
  ["cancelled", [...made(FILE), ended("cancelled")], "unsure", "Cancelled after 4.2s: nothing was changed."],
  [
    "cut off",
    [...made(FILE), { type: "node.started", address: FILE, action: "create" }],
    "bad",
    `The run has not told its end: it was cut off, or still goes on; 1 node was under way, first ${FILE}.`,
  ],
])("the verdict of a run that is %s", (_name, steps, tone, sentence) => {
  expect(verdictOf(recordOf(steps))).toMatchObject({ tone, sentence })
})

test("a node has the state that its run came to", () => {
  const { nodes } = reportData(recordOf(MIXED), "/home/ann/shop")
  expect(Object.fromEntries(nodes.map(({ address, state }) => [address, state]))).toEqual({
    "host.directory[/srv/shop]": "done",
    "web/host.file[config]": "done",
    "task[build]": "failed",
    "host.process[shop]": "skipped",
    "check[answers]": "yes",
    "check[rows]": "no",
  })
  expect(nodes.find(({ address }) => address === "task[build]")).toMatchObject({
    error: { code: "TASK_FAILED", place: "fettle.ts:21", next: "fettle logs RUN 'task[build]' shows all it wrote" },
    lines: 2,
    spans: [[1_256, 2_343]],
  })
})

test("what is made and deleted in one run has two turns, and only the first makes the critical path", () => {
  const { nodes } = reportData(recordOf(RELEASED), undefined)
  expect(nodes[0]).toMatchObject({
    did: ["create", "delete"],
    critical: true,
    spans: [
      [0, 900],
      [12_100, 300],
    ],
  })
  expect(nodes[1]).toMatchObject({ critical: true, state: "failed", needs: [0] })
})

test("what was decided in its turn and came to nothing is unchanged; before that it is planned", () => {
  const steps: readonly Step[] = [
    START,
    { type: "plan.made", plan: plan([change(FILE, "decide")]) },
    { type: "apply.started", total: 1, pass: 1 },
  ]
  expect(reportData(recordOf(steps), undefined).nodes[0]?.state).toBe("planned")
  expect(reportData(recordOf([...steps, ended("unchanged")]), undefined).nodes[0]?.state).toBe("unchanged")
})

test("of a long log the beginning and the end are kept, and what is between is counted", () => {
  const lines = Array.from(
    { length: 9_000 },
    (_each, at): Step => ({
      type: "node.log",
      address: "task[t]",
      stream: "stdout",
      text: `line ${at}\n`,
    }),
  )
  const [[node, kept] = [-1, []]] = logData(recordOf([START, ...lines]))
  expect(node).toBe(0)
  expect(kept.length).toBe(500 + 1 + 1_500)
  expect(kept[499]).toEqual([0, "line 499"])
  expect(kept[500]).toEqual([3, "… 7,000 lines are left out here; fettle logs prints them"])
  expect(kept[501]).toEqual([0, "line 7500"])
  expect(kept.at(-1)).toEqual([0, "line 8999"])
})

test("logs of nodes that failed are kept before others where all are too much", () => {
  const wide = "x".repeat(499)
  const log = (address: string): readonly Step[] =>
    Array.from({ length: 1_900 }, (): Step => ({ type: "node.log", address, stream: "stdout", text: wide }))
  const others = Array.from({ length: 12 }, (_each, at) => `task[${at}]`)
  const failed: Step = { type: "node.finished", address: "task[bad]", action: "run", outcome: "failed", durationMs: 1 }
  const logs = logData(recordOf([START, ...others.flatMap(log), ...log("task[bad]"), failed]))
  const size = logs.flatMap(([, lines]) => lines).reduce((sum, [, ...runs]) => sum + runs.join("").length, 0)
  expect(size).toBeLessThan(9_500_000)
  expect(logs[0]?.[1].length).toBe(1_900)
  expect(logs.at(-1)?.[1]).toEqual([[3, "left out here; fettle logs prints it"]])
})

test("looks that are no looks are left out, and of many every second is kept, and the last", () => {
  const measured = (n: number): Step => ({
    type: "node.measured",
    address: "fettle.release[a]",
    measured: {
      decision: "undecided",
      metrics: [{ name: "errors", candidate: { requests: n, bad: 0 }, baseline: { requests: n, bad: 0 } }],
    },
  })
  const other: Step = {
    type: "node.measured",
    address: "fettle.release[a]",
    measured: { decision: 3, metrics: [null] },
  }
  const steps = Array.from({ length: 1_001 }, (_each, at) => measured(at))
  const { looks } = reportData(recordOf([START, other, ...steps]), undefined).nodes[0] ?? {}
  expect(looks?.at.length).toBeLessThanOrEqual(401)
  expect(looks?.metrics[0]?.candidate.at(0)).toEqual([0, 0])
  expect(looks?.metrics[0]?.candidate.at(-1)).toEqual([1_000, 0])
})

test("a report of twice the nodes takes about twice the time", () => {
  const time = (hosts: number): number => {
    const record = new RunRecord()
    for (const event of manyNodes(hosts)) record.take(event)
    const before = performance.now()
    expect(runPage(record)).toContain("</html>")
    return performance.now() - before
  }
  time(200)
  const [small, large] = [Math.min(time(200), time(200)), Math.min(time(1_600), time(1_600))]
  expect(large / small).toBeLessThan(8 * 3)
})
