import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { terminalReporter } from "../../src/report/terminal.ts"
import type { TerminalOptions } from "../../src/report/terminal-options.ts"
import { change, created, events, MIXED, plan, START, type Step } from "./build.ts"
import { Emulator, MOVES } from "./emulator.ts"
import { framed } from "./frame.ts"

beforeEach(() => {
  vi.useFakeTimers({ now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

function live(terminal: Emulator, more: Partial<TerminalOptions> = {}): ReturnType<typeof terminalReporter> {
  return terminalReporter({
    write: terminal.write,
    columns: () => terminal.columns,
    rows: () => terminal.height,
    color: true,
    isTTY: true,
    verbose: false,
    root: "/home/ann/shop",
    ...more,
  })
}

/** Tells steps, with the clock going on as they say. */
function play(reporter: ReturnType<typeof terminalReporter>, steps: readonly Step[], from = 0): void {
  for (const event of events(steps).slice(from)) {
    vi.advanceTimersByTime(Math.max(0, event.at - Date.now()))
    reporter.subscriber(event)
  }
}

const screen = (terminal: Emulator): string => framed(terminal.text.split("\n"), terminal.columns)

const NAMES = ["task[build]", "web/host.file[config]", "host.process[shop]"]

/** Steps up to where `NAMES` are under way. */
function underWay(names: readonly string[] = NAMES, every = 1_000): readonly Step[] {
  return [
    { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" },
    { type: "plan.made", plan: plan(names.map(created)) },
    { type: "apply.started", total: names.length, pass: 1 },
    ...names.map((address): Step => ({ type: "node.started", address, action: "create", after: every })),
  ]
}

test("the area shows what is under way, for how long, and its last words", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, [
    ...underWay(),
    { type: "node.log", address: "task[build]", stream: "stdout", text: "fetching\r 50 %\r100 %", after: 10 },
    { type: "node.log", address: "host.process[shop]", stream: "stderr", text: "listening on \x1b[31m8080" },
    { type: "node.log", address: "host.process[shop]", stream: "stderr", text: "" },
  ])
  vi.advanceTimersByTime(63_000)
  expect(screen(terminal)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |  + task[build]            new
    |  + web/host.file[config]  new
    |  + host.process[shop]     new
    |
    |3 to create · 0 unchanged
    |
    |  + task[build]            1m 05s
    |    │ 100 %
    |  + web/host.file[config]  1m 04s
    |  + host.process[shop]     1m 03s
    |    │ listening on \\x1b[31m8080
    |────────────────────────  0 of 3 · 3 under way · 1m 06s
    |"
  `)
  play(
    reporter,
    [
      ...underWay(),
      {
        type: "node.finished",
        address: "task[build]",
        action: "create",
        outcome: "done",
        durationMs: 66_000,
        after: 66_000,
      },
    ],
    6,
  )
  vi.advanceTimersByTime(100)
  expect(screen(terminal).split("\n").slice(6).join("\n")).toMatchInlineSnapshot(`
    "|3 to create · 0 unchanged
    |
    |  + task[build]            created  1m 06s
    |
    |  + web/host.file[config]  1m 07s
    |  + host.process[shop]     1m 06s
    |    │ listening on \\x1b[31m8080
    |━━━━━━━━────────────────  1 of 3 · 2 under way · 1m 09s
    |"
  `)
  reporter.close()
})

test("when a run has ended nothing of the area is left", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, MIXED)
  const ended = terminal.text
  reporter.close()
  reporter.close()
  vi.advanceTimersByTime(60_000)
  expect(terminal.text).toBe(ended)
  expect(ended).not.toMatch(/[━─]/)
  expect(ended).toContain("skipped: waits for task[build]")
  expect(terminal.cursor).toEqual({ row: terminal.text.split("\n").length - 1, column: 0 })
  expect(vi.getTimerCount()).toBe(0)
})

test("a terminal and a log file are told the same", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, MIXED)
  reporter.close()
  let text = ""
  const plain = live(terminal, { isTTY: false, color: false, write: (more) => (text += more) })
  for (const event of events(MIXED)) plain.subscriber(event)
  plain.close()
  expect(terminal.text).toBe(text)
})

test("the cursor is never hidden, and after a crash the prompt begins a line of its own", () => {
  const terminal = new Emulator(80)
  let written = ""
  const reporter = live(terminal, {
    write: (text) => {
      written += text
      terminal.write(text)
    },
  })
  play(reporter, underWay())
  vi.advanceTimersByTime(5_000)
  expect([...new Set(written.match(MOVES))].sort()).toEqual(["\x1b[1A", "\x1b[2K"])
  expect(terminal.cursor.column).toBe(0)
  expect(terminal.text.endsWith("\n")).toBe(true)
})

test("closed in the middle it says what was still under way", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, underWay([...NAMES, "a[1]", "a[2]", "a[3]", "a[4]"]))
  reporter.close()
  expect(terminal.text.split("\n").slice(-3).join("\n")).toMatchInlineSnapshot(`
    "Still under way when this output ended: task[build], web/host.file[config],
      host.process[shop], a[1], a[2] and 2 more
    "
  `)
})

test("while somebody is asked nothing is drawn and no clock goes", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, underWay().slice(0, 2))
  const before = terminal.bytes
  terminal.write("Apply these changes? (yes/no) ")
  vi.advanceTimersByTime(60_000)
  expect(vi.getTimerCount()).toBe(0)
  terminal.write("yes\n")
  expect(terminal.bytes - before).toBe(Buffer.byteLength("Apply these changes? (yes/no) yes\n"))
  play(reporter, underWay(), 2)
  expect(terminal.text).toContain("Apply these changes? (yes/no) yes")
  reporter.close()
})

test("a caller's own line goes above the area", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, underWay())
  reporter.say("Stopping: 3 changes under way finish first. Ctrl-C again stops at once.")
  expect(terminal.text.split("\n").slice(7).join("\n")).toMatchInlineSnapshot(`
    "Stopping: 3 changes under way finish first. Ctrl-C again stops at once.

      + task[build]            2s
      + web/host.file[config]  1s
      + host.process[shop]
    ────────────────────────  0 of 3 · 3 under way · 3s
    "
  `)
  reporter.close()
})

test("a slow plan and a wait say how far they are", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  const steps: readonly Step[] = [
    { type: "run.started", command: "apply", program: "shop", stage: "prod", who: "ann" },
    { type: "settle.started", intents: 1, waitMs: 12_000 },
    { type: "plan.started", nodes: 1_000, after: 12_000 },
    { type: "plan.read", connection: "web", items: 400, durationMs: 300, after: 300 },
    { type: "plan.made", plan: plan([], { total: 1_000 }), after: 5_000 },
  ]
  play(reporter, steps.slice(0, 2))
  vi.advanceTimersByTime(4_500)
  expect(screen(terminal)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |1 change of an earlier run was cut off. What it made may take 12s to show;
    |  waiting.
    |Waiting until what was cut off would show · 8s left
    |"
  `)
  play(reporter, steps.slice(0, 3), 2)
  expect(terminal.text).not.toContain("left")
  play(reporter, steps.slice(0, 4), 3)
  expect(terminal.text).not.toContain("Planning")
  vi.advanceTimersByTime(3_000)
  expect(terminal.text.split("\n").at(-2)).toMatchInlineSnapshot(`"Planning 1,000 nodes · 1 read · 3s"`)
  play(reporter, steps, 4)
  expect(screen(terminal)).toMatchInlineSnapshot(`
    "|shop · prod · apply
    |
    |1 change of an earlier run was cut off. What it made may take 12s to show;
    |  waiting.
    |
    |Nothing to change: 1,000 resources are as declared.
    |"
  `)
  reporter.close()
})

test.each([
  [100, 24, 20],
  [100, 12, 8],
  [3, 24, 8],
])("%i nodes under way take no more than their part of %i rows", (amount, height, most) => {
  const terminal = new Emulator(80, height)
  const reporter = live(terminal)
  const names = Array.from({ length: amount }, (_, index) => `host.file[page-${index}]`)
  play(reporter, underWay(names, 0))
  play(
    reporter,
    [
      ...underWay(names, 0),
      ...names.map((address): Step => ({ type: "node.log", address, stream: "stdout", text: `log of ${address}` })),
    ],
    3 + amount,
  )
  vi.advanceTimersByTime(2_000)
  const rows = terminal.text.trimEnd().split("\n")
  const area = rows.slice(rows.lastIndexOf(""))
  expect(area.length).toBeLessThanOrEqual(most)
  expect(area[1]).toBe("  + host.file[page-0]  2s")
  expect(/… \d+ more under way/.test(terminal.text)).toBe(amount > 8)
  reporter.close()
})

test.each([3, 5, 6])("a terminal of %i rows keeps one area", (height) => {
  const terminal = new Emulator(80, height)
  const reporter = live(terminal)
  const names = Array.from({ length: 30 }, (_, index) => `host.file[page-${index}]`)
  play(reporter, underWay(names, 300))
  expect(terminal.text.match(/ of 30/g)?.length).toBe(1)
  reporter.close()
  expect(terminal.text).not.toContain(" of 30")
})

test("a terminal that becomes narrower, then wider, keeps one area and every finished line", () => {
  const terminal = new Emulator(100)
  const reporter = live(terminal)
  const names = Array.from({ length: 12 }, (_, index) => `web/host.file[page ${index} with a name that goes on]`)
  play(reporter, underWay(names, 0))
  const told = (index: number, after: number): Step => ({
    type: "node.finished",
    address: names[index] as string,
    action: "create",
    outcome: "done",
    durationMs: 5,
    after,
  })
  const steps: Step[] = [...underWay(names, 0)]
  for (const [index, columns] of [40, 30, 100, 55].entries()) {
    vi.advanceTimersByTime(1_000)
    terminal.resize(columns)
    steps.push(told(index, 1_500))
    play(reporter, steps, steps.length - 1)
    vi.advanceTimersByTime(250)
    expect(terminal.text.match(/ of 12/g)?.length).toBe(1)
    // Once in the plan, and once in the area or as finished: a row that the terminal broke leaves nothing behind.
    const flat = terminal.text.replaceAll(/\s+/g, "")
    for (let each = 0; each < 12; each += 1)
      expect(flat.match(new RegExp(`page${each}(?!\\d)`, "g"))?.length).toBeLessThanOrEqual(2)
  }
  vi.advanceTimersByTime(250)
  const flat = terminal.text.replaceAll(/\s+/g, "")
  for (let index = 0; index < 4; index += 1)
    expect(flat.match(new RegExp(`page${index}withanamethatgoeson\\]created`, "g"))?.length).toBe(1)
  reporter.close()
  expect(terminal.text).not.toContain(" of 12")
})

test("it is drawn at most ten times a second, and not at all while nothing changes", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, underWay())
  vi.advanceTimersByTime(1_000)
  const before = terminal.writes
  for (let index = 0; index < 1_000; index += 1) {
    vi.advanceTimersByTime(1)
    play(reporter, [{ type: "node.log", address: "task[build]", stream: "stdout", text: `line ${index}` }])
  }
  expect(terminal.writes - before).toBeLessThanOrEqual(11)
  vi.advanceTimersByTime(1_000)
  const quiet = terminal.writes
  vi.advanceTimersByTime(10_000)
  expect(terminal.writes - quiet).toBeLessThanOrEqual(30)
  reporter.close()
})

test("skipped nodes are told one by one only while they are few", () => {
  const names = Array.from({ length: 200 }, (_, index) => `host.file[page-${index}]`)
  const steps: readonly Step[] = [
    { type: "plan.made", plan: plan([change("task[build]", "run"), ...names.map(created)]) },
    { type: "apply.started", total: 201, pass: 1 },
    {
      type: "node.finished",
      address: "task[build]",
      action: "run",
      outcome: "failed",
      durationMs: 5,
      error: { code: "TASK_FAILED", fact: "it failed", next: "", address: "task[build]" },
    },
    ...names.map(
      (address): Step => ({
        type: "node.finished",
        address,
        action: "create",
        outcome: "skipped",
        durationMs: 0,
        error: { code: "CHANGE_FAILED", fact: "waits for task[build]", next: "" },
      }),
    ),
    { type: "run.finished", outcome: "failed", exitCode: 1, durationMs: 100, counts: { failed: 1, skipped: 200 } },
  ]
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  play(reporter, steps)
  reporter.close()
  expect(terminal.text.match(/skipped: waits/g)?.length).toBe(5)
  expect(terminal.text.split("\n").slice(-4).join("\n")).toMatchInlineSnapshot(`
    "
    Failed  1 failed, 200 skipped · 100ms
      · 200 skipped, because task[build] did not go through
    "
  `)
})

test("a log file gets a line of progress every ten seconds", () => {
  let text = ""
  const reporter = terminalReporter({
    write: (more) => (text += more),
    columns: () => 80,
    color: false,
    isTTY: false,
    verbose: false,
  })
  play(reporter, [...underWay(), { type: "node.log", address: "task[build]", stream: "stdout", text: "working" }])
  text = ""
  vi.advanceTimersByTime(9_900 - 3_000)
  expect(text).toBe("")
  vi.advanceTimersByTime(20_000)
  expect(text).toMatchInlineSnapshot(`
    "  … 0 of 3 done, 3 under way · 10s · longest: task[build] 9s
      … 0 of 3 done, 3 under way · 20s · longest: task[build] 19s
    "
  `)
  text = ""
  reporter.close()
  expect(text).toMatchInlineSnapshot(`
    "Still under way when this output ended: task[build], web/host.file[config],
      host.process[shop]
    "
  `)
  expect(vi.getTimerCount()).toBe(0)
})

test("while somebody is asked something nothing is drawn; then all that happened is", () => {
  const terminal = new Emulator(80)
  const reporter = live(terminal)
  const end: Step = { type: "node.finished", address: "task[build]", action: "create", outcome: "done", durationMs: 1 }
  const steps = [...underWay(), end]
  play(reporter, steps.slice(0, 5))
  const resume = [reporter.pause(), reporter.pause()]
  terminal.write("Password: ")
  const asking = terminal.text
  play(reporter, steps, 5)
  vi.advanceTimersByTime(60_000)
  resume[0]?.()
  vi.advanceTimersByTime(60_000)
  expect(terminal.text).toBe(asking)
  expect(asking.split("\n").at(-1)).toBe("Password:")
  terminal.write("\n")
  resume[1]?.()
  vi.advanceTimersByTime(1_000)
  expect(terminal.text).toMatch(/Password:\n[\s\S]*task\[build\][\s\S]*host\.process\[shop\]/)
})

test("a log that only grows waits for the answer, too", () => {
  const written: string[] = []
  const reporter = terminalReporter({
    write: (text) => written.push(text),
    columns: () => 80,
    color: false,
    isTTY: false,
    verbose: false,
    root: "/",
  })
  const steps = [
    ...underWay(),
    { type: "node.finished", address: "task[build]", action: "create", outcome: "done" },
  ] as Step[]
  play(reporter, steps.slice(0, 5))
  const before = written.length
  const resume = reporter.pause()
  play(reporter, steps, 5)
  vi.advanceTimersByTime(60_000)
  expect(written.length).toBe(before)
  resume()
  expect(written.slice(before).join("")).toContain("task[build]")
})
