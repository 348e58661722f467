import { expect, test } from "vitest"
import type { HostStats, PlayEvent, TaskResult } from "../../connect/ansible/play.ts"
import { argvOf, playbookProps } from "./playbook-props.ts"
import { changesIn, failureOf, toldBy } from "./playbook-told.ts"

const result = (host: string, more: Partial<TaskResult> = {}): TaskResult => ({
  event: "result",
  how: "ok",
  host,
  task: "write",
  changed: false,
  words: "",
  unasked: false,
  ...more,
})
const stats = (more: Partial<HostStats> = {}): PlayEvent => ({
  event: "stats",
  hosts: { a: { ok: 1, changed: 0, failures: 0, unreachable: 0, skipped: 0, ...more } },
})

test("differences stand below the task that would make them", () => {
  const events: PlayEvent[] = [
    { event: "diff", host: "a", task: "write", text: "--- before\n+++ after\n@@ -0,0 +1 @@\n+x\n" },
    result("a", { changed: true }),
    { event: "diff", host: "a", task: "other", text: "+y" },
    result("a", { task: "other" }),
    stats({ changed: 1 }),
  ]
  const told = toldBy(events)
  expect(told.text).toBe("a: write\n@@ -0,0 +1 @@\n+x")
  expect(changesIn(told)).toBe("1 task would change something on a")
  expect(told.hosts).toEqual({ a: { ok: 1, changed: 1, failed: 0, unreachable: 0, skipped: 0 } })
})

test.each<[string, readonly PlayEvent[], string | undefined]>([
  ["all went well", [result("a"), stats()], undefined],
  [
    "one failed",
    [result("a", { how: "failed", words: "no luck" }), stats({ failures: 1 })],
    'a failed at "write": no luck',
  ],
  ["one was ignored", [result("a", { how: "failed", ignored: true }), stats()], undefined],
  [
    "one was rescued and a later one failed",
    [result("a", { how: "failed" }), result("a", { how: "failed", task: "later" }), stats({ failures: 1 })],
    'a failed at "later"',
  ],
  ["two failed", [result("a", { how: "failed" }), stats({ failures: 2 })], 'a failed at "write" (and 1 more)'],
  [
    "one is not there",
    [result("a", { how: "unreachable", words: "no route" }), stats({ unreachable: 1 })],
    "a cannot be reached: no route",
  ],
])("what failed where %s", (_what, events, fact) => {
  expect(failureOf(toldBy(events))?.fact).toBe(fact)
})

test("four hosts and more are counted", () => {
  const events = ["a", "b", "c", "d"].map((host) => result(host, { changed: true }))
  expect(changesIn(toldBy(events))).toBe("4 tasks would change something on a, b, c and 1 more")
})

test("no secret stands in the argument list", () => {
  const want = playbookProps.parse({
    playbook: "site.yml",
    inventory: ["one", "two"],
    extraVars: { key: "value" },
    limit: "web",
    tags: ["a", "b"],
    become: true,
  })
  expect(argvOf(want, true)).toEqual([
    "-i",
    "one",
    "-i",
    "two",
    "-l",
    "web",
    "-t",
    "a,b",
    "-b",
    "--check",
    "--diff",
    "site.yml",
  ])
  expect(playbookProps.safeParse({ playbook: "--help" }).success).toBe(false)
})
