import { expect, test } from "vitest"
import { type TaskProps, taskProps } from "../program/task.ts"
import type { Json, Last, Seen } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import { decode, encode } from "../state/encode.ts"
import { taskProvider } from "./task.ts"
import type { Observed } from "./task-inputs.ts"
import { seenOf, type TaskOutputs } from "./task-plan.ts"

const OUTPUTS: TaskOutputs = { result: "done", inputsHash: "in-1", outputsHash: "out-1", durationMs: 5 }

function secret(fingerprint: string): Secret<string> {
  const made = new Secret<string>("KEY", { type: "recorded" })
  Secret.remember(made, { value: undefined, fingerprint })
  return made
}

interface Case {
  readonly want?: Partial<TaskProps>
  /** Null: it never ran. */
  readonly before?: Partial<TaskProps> | null
  readonly now?: Partial<Observed>
  readonly files?: Json
  readonly unfinished?: boolean
  readonly cutOff?: boolean
  readonly because?: string
}

/** What the plan says of a task whose last run is known as state remembers it. */
function planned({ want = {}, before = {}, now = {}, files, unfinished = false, cutOff = false }: Case) {
  const props = taskProps.parse({ run: ["make"], files: ["src/**"], outputs: ["out"], ...want })
  if (before === null) return taskProvider.plan(props, { absent: true }, undefined)
  const recorded = decode(encode(taskProps.parse({ ...props, ...before }))) as TaskProps
  const last: Last<TaskProps, TaskOutputs> = {
    props: recorded,
    outputs: OUTPUTS,
    unfinished,
    ...(files === undefined ? {} : { carry: files }),
  }
  const observed: Observed = {
    inputsHash: "in-1",
    outputsHash: "out-1",
    missing: [],
    files: { inputs: {}, outputs: {} },
    ...now,
  }
  return taskProvider.plan(props, seenOf(observed, last, cutOff), last)
}

const named = { inputs: { "src/a.ts": "1", "src/b.ts": "1" }, outputs: { out: "1" } }
const inputs = (files: Record<string, string>) => ({ inputsHash: "in-2", files: { ...named, inputs: files } })
const f = (): number => 1
const g = (): number => 2

test.each<[string, Case]>([
  ["nothing changed", {}],
  ["a secret that is the same", { want: { secrets: [secret("x")], env: { KEY: secret("x") } } }],
  ["a long value that is the same", { want: { values: { text: "x".repeat(5_000) } } }],
  ["a function that is the same", { want: { run: f } }],
])("does not run: %s", (_what, each) => {
  expect(planned(each)).toEqual({ action: "none" })
})

test.each<[string, Case]>([
  ["it has not run yet", { before: null }],
  ["it runs at every apply", { want: { always: true } }],
  ["its last run did not end well", { unfinished: true }],
  ["its last run was cut off", { cutOff: true }],
  ["an input file changed", { now: { inputsHash: "in-2" } }],
  ["an input changed", { want: { files: [] }, now: { inputsHash: "in-2" } }],
  ["input src/a.ts changed", { now: inputs({ "src/a.ts": "2", "src/b.ts": "1" }), files: named }],
  ["input src/c.ts is new", { now: inputs({ "src/a.ts": "1", "src/b.ts": "1", "src/c.ts": "1" }), files: named }],
  [
    "inputs src/a.ts, src/b.ts are gone; input src/c.ts is new",
    {
      now: inputs({ "src/c.ts": "1" }),
      files: named,
      because: "input src/c.ts is new; inputs src/a.ts, src/b.ts are gone",
    },
  ],
  ["its command changed", { before: { run: ["make", "all"] }, now: { inputsHash: "in-2" } }],
  ["its function changed", { want: { run: f }, before: { run: g }, now: { inputsHash: "in-2" } }],
  [
    "value level changed",
    { want: { values: { level: 2, same: 1 } }, before: { values: { level: 1, same: 1 } }, now: { inputsHash: "in-2" } },
  ],
  [
    "environment variable KEY changed",
    { want: { env: { KEY: secret("x") } }, before: { env: { KEY: secret("y") } }, now: { inputsHash: "in-2" } },
  ],
  ["environment variable OLD changed", { before: { env: { OLD: "1" } }, now: { inputsHash: "in-2" } }],
  [
    "a secret changed",
    { want: { secrets: [secret("x")] }, before: { secrets: [secret("y")] }, now: { inputsHash: "in-2" } },
  ],
  ["its folder changed", { want: { cwd: "b" }, before: { cwd: "a" }, now: { inputsHash: "in-2" } }],
  ["output out is missing", { now: { outputsHash: "other", missing: ["out"] } }],
  ["outputs a, b, c and 2 more are missing", { now: { missing: ["a", "b", "c", "d", "e"] } }],
  ["an output is not as the last run left it", { now: { outputsHash: "out-2" } }],
  ["output out changed", { now: { outputsHash: "out-2", files: { ...named, outputs: { out: "2" } } }, files: named }],
  [
    "input src/a.ts changed; output out is missing",
    { now: { ...inputs({ "src/a.ts": "2", "src/b.ts": "1" }), missing: ["out"] }, files: named },
  ],
])("runs because %s", (because, each) => {
  expect(planned(each)).toEqual({ action: "run", because: each.because ?? because })
})

test("nothing is concluded where nothing could be seen", () => {
  const want = taskProps.parse({ run: ["make"] })
  const last = { props: want, outputs: OUTPUTS }
  expect(taskProvider.plan(want, { absent: true } satisfies Seen<TaskOutputs>, last)).toMatchObject({
    action: "run",
    because: "nothing is known of its inputs",
  })
})

test("a row without outputs, as a cut off first run leaves it, is no last run", () => {
  const want = taskProps.parse({ run: ["make"] })
  const last = { props: want, outputs: {} as TaskOutputs }
  expect(taskProvider.plan(want, { absent: true }, last)).toMatchObject({
    action: "run",
    because: "it has not run yet",
  })
})

test("settles by asking only where it may run once", () => {
  const settles = taskProvider.settles as (want: TaskProps) => unknown
  expect(settles(taskProps.parse({ run: ["make"] }))).toBe("unique")
  expect(settles(taskProps.parse({ run: ["make"], once: true }))).toBe("ask")
})
