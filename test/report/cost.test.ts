import { expect, test } from "vitest"
import type { FettleEvent } from "../../src/events/events.ts"
import { planLines } from "../../src/report/plan-lines.ts"
import { terminalReporter } from "../../src/report/terminal.ts"
import { created, events, plan, START, type Step } from "./build.ts"

const NODES = 1_000
/** Nodes under way at once. */
const WAVE = 100
/** How long each is under way. */
const NODE_MS = 2_000

/** A run of a thousand nodes, a hundred at a time, each with ten lines of log: 20 s by its own clock. */
function largeRun(): readonly FettleEvent[] {
  const names = Array.from({ length: NODES }, (_, index) => `web/host.file[a page with a longer name, number ${index}]`)
  const steps: Step[] = [
    { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" },
    { type: "plan.started", nodes: NODES },
    { type: "plan.made", plan: plan(names.map(created)) },
    { type: "apply.started", total: NODES, pass: 1 },
  ]
  for (let from = 0; from < NODES; from += WAVE) {
    const wave = names.slice(from, from + WAVE)
    steps.push(...wave.map((address): Step => ({ type: "node.started", address, action: "create" })))
    for (let line = 0; line < 10; line += 1)
      for (const [index, address] of wave.entries())
        steps.push({
          type: "node.log",
          address,
          stream: "stdout",
          text: `line ${line} of what it has to say, ${"word ".repeat(8)}`,
          after: index === 0 ? NODE_MS / 10 : 0,
        })
    steps.push(
      ...wave.map(
        (address): Step => ({ type: "node.finished", address, action: "create", outcome: "done", durationMs: NODE_MS }),
      ),
    )
  }
  steps.push({ type: "run.finished", outcome: "done", exitCode: 0, durationMs: 20_000, counts: { create: NODES } })
  return events(steps)
}

interface Cost {
  readonly bytes: number
  readonly writes: number
  readonly cpuMs: number
}

/** What showing a run costs; the clock is the run's own, asked whenever something could be drawn. */
function costOf(run: readonly FettleEvent[], how: { isTTY: boolean; verbose: boolean }): Cost {
  let bytes = 0
  let writes = 0
  let now = START
  const write = (text: string): void => {
    bytes += Buffer.byteLength(text)
    writes += 1
  }
  const reporter = terminalReporter({ write, columns: () => 80, rows: () => 40, color: true, now: () => now, ...how })
  const before = process.cpuUsage()
  for (const event of run) {
    now = event.at
    reporter.subscriber(event)
  }
  reporter.close()
  const { user, system } = process.cpuUsage(before)
  return { bytes, writes, cpuMs: (user + system) / 1_000 }
}

/** The cheapest of three: other tests may be running beside this one. */
function cheapest(run: readonly FettleEvent[], how: { isTTY: boolean; verbose: boolean }): Cost {
  const costs = [1, 2, 3].map(() => costOf(run, how)).toSorted((a, b) => a.cpuMs - b.cpuMs)
  return costs[0] as Cost
}

const run = largeRun()

test("a terminal: a run of 1,000 nodes, 100 at once, costs little and is drawn at most ten times a second", () => {
  const { bytes, writes, cpuMs } = cheapest(run, { isTTY: true, verbose: false })
  expect(cpuMs).toBeLessThan(300)
  expect(writes).toBeLessThanOrEqual(205)
  expect(bytes).toBeLessThan(600_000)
})

test("a log file: the same run costs one line a node", () => {
  const { bytes, writes, cpuMs } = cheapest(run, { isTTY: false, verbose: false })
  expect(cpuMs).toBeLessThan(300)
  expect(writes).toBeLessThan(NODES + 20)
  expect(bytes).toBeLessThan(150_000)
})

test("the lines of a plan grow with the plan and no faster", () => {
  const cpuOf = (amount: number): number => {
    const large = plan(Array.from({ length: amount }, (_, index) => created(`host.file[${index}]`)))
    const before = process.cpuUsage()
    expect(planLines(large, { color: true, columns: 80, verbose: false }).length).toBeLessThan(60)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
  cpuOf(1_000)
  expect(cpuOf(100_000)).toBeLessThan(1_500)
})
