import { describe, expect, test } from "vitest"
import { type HostAnswer, hostKindOf } from "../../connect/host/kind.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { command } from "./command.ts"

const kind = hostKindOf(command)
if (kind === undefined) throw new Error("host.command is no host kind")

const want = (props: object = {}) => command.props.parse({ name: "c", script: "make", ...props })
const fingerprint = (props: object = {}): string => command.predict?.(want(props)).fingerprint as string
const outputs = (over: object = {}) => ({ name: "c", stdout: "out", exitCode: 0, fingerprint: fingerprint(), ...over })
const last = { props: want(), outputs: outputs() }

describe("what the answer means", () => {
  const answer = (parts: object, out?: string, exitCode = 0): Seen<unknown> => {
    const found: HostAnswer = {
      path: () => "absent",
      local: () => ({ failed: "" }),
      ...(out === undefined ? {} : { script: { exitCode, out, err: "" } }),
    }
    return kind.answer({ address: "host.command[a]" as Address, want: want(), ...parts }, found, (hash) => hash)
  }
  const already = { outputs: outputs({ stdout: "" }), shown: { needless: false } }

  test.each([
    ["never run, no guard", {}, undefined, { absent: true }],
    ["run, no guard", { last }, undefined, { outputs: outputs(), shown: { needless: false } }],
    [
      "settled by hand",
      { last: { props: want(), outputs: {} } },
      undefined,
      { outputs: outputs({ stdout: "" }), shown: { needless: false } },
    ],
    ["what it creates is there", {}, "creates yes\n", already],
    ["what it creates is missing", { last }, "creates no\n", { absent: true }],
    ["unless is so", {}, "unless yes\n", { ...already, shown: { needless: true } }],
    ["unless is not so", { last }, "unless no\n", { absent: true }],
    ["onlyIf is so", { last }, "onlyIf yes\n", { absent: true }],
    ["onlyIf is not so", { last }, "onlyIf no\n", { outputs: outputs(), shown: { needless: true } }],
    ["one says due, one says needless", {}, "creates no\nunless yes\n", { ...already, shown: { needless: true } }],
    ["left, with nothing to undo", { want: undefined, last }, undefined, { absent: true }],
    [
      "left, to be undone",
      { want: undefined, last: { props: want({ undo: "x" }), outputs: outputs() } },
      "creates yes\n",
      { outputs: outputs() },
    ],
    [
      "left, already gone",
      { want: undefined, last: { props: want({ undo: "x" }), outputs: outputs() } },
      "creates no\n",
      { absent: true },
    ],
  ])("%s", (_what, parts, out, seen) => {
    expect(answer(parts, out)).toEqual(seen)
  })

  const undoing = { want: undefined, last: { props: want({ undo: "x" }), outputs: {}, unfinished: true } }
  const done = { exitCode: 0, word: "as of then" }
  const made = { outputs: outputs({ stdout: "", fingerprint: "as of then" }), mark: "t" }
  const asks = { failed: { code: "OPEN_INTENT", fact: expect.stringMatching(/cannot be told: why$/) } }
  test.each([
    ["it has run", {}, done, made],
    ["it has run, and something else before", { last }, done, made],
    ["it has run and failed", {}, { exitCode: 1, word: "w" }, { absent: true }],
    ["it was never begun", {}, "not begun", { absent: true }],
    ["it was never begun again", { last }, "not begun", { outputs: outputs(), shown: { needless: false } }],
    ["nobody can tell", {}, { unknown: "why" }, asks],
    [
      "nobody can tell, and it may be repeated",
      { want: want({ repeatable: true }) },
      { unknown: "why" },
      { absent: true },
    ],
    ["left, and it has run", undoing, done, made],
    ["left, and it was never begun", undoing, "not begun", { absent: true }],
    ["left, and nobody can tell", undoing, { unknown: "why" }, asks],
    ["left with nothing to undo", { ...undoing, last }, { unknown: "why" }, { absent: true }],
  ] as const)("cut off: %s", (_what, parts, noted, seen) => {
    const key = { address: "host.command[a]" as Address, want: want(), open: ["t"], ...parts }
    const found: HostAnswer = { path: () => "absent", local: () => ({ failed: "" }), noted: new Map([["t", noted]]) }
    expect(kind.answer(key, found, (hash) => hash)).toMatchObject(seen)
  })

  test("a guard that could not be asked is a failure, not absence", () => {
    expect(answer({}, "unless cannot be asked\n", 31)).toMatchObject({
      failed: { code: "READ_FAILED", fact: "c: unless cannot be asked" },
    })
  })
})

describe("what is wanted and what is there decide the change", () => {
  const again = "its inputs are others now: it runs again"
  test.each([
    ["never run", {}, { absent: true }, undefined, { action: "create" }],
    ["as it was run", {}, { outputs: outputs() }, last, { action: "none" }],
    [
      "another script",
      { script: "other" },
      { outputs: outputs() },
      last,
      { action: "replace", props: ["runsWhen"], because: again, order: "delete-first" },
    ],
    [
      "another input",
      { runsWhen: [1], creates: "/x" },
      { outputs: outputs() },
      last,
      { action: "update", props: ["runsWhen"], because: again },
    ],
    [
      "another input, and no harm in it",
      { runsWhen: [1], repeatable: true },
      { outputs: outputs() },
      last,
      { action: "update", props: ["runsWhen"], because: again },
    ],
    [
      "another input, and a guard says no",
      { runsWhen: [1], unless: "x" },
      { outputs: outputs(), shown: { needless: true } },
      last,
      { action: "none" },
    ],
    [
      "its last run failed",
      { creates: "/x" },
      { outputs: outputs() },
      { ...last, unfinished: true },
      { action: "update", props: ["runsWhen"], because: "its last run did not end well" },
    ],
  ] as const)("%s", (_what, props, seen, recorded, change) => {
    expect(command.plan(want(props), seen, recorded as never)).toEqual(change)
  })

  test("only what a guard proves, or what may be repeated, needs no notes on the host", () => {
    const isNoted = (props: object): boolean => kind.noted?.(want(props)) !== undefined
    expect([{}, { creates: "/x" }, { unless: "x" }, { onlyIf: ["x"] }, { repeatable: true }].map(isNoted)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
    expect(kind.noted?.(want())).toBe(fingerprint())
  })
})

test("secrets of the environment stand in one sealed slot, and change the fingerprint", () => {
  const key = (value: string) => {
    const made = new Secret<string>("K", { type: "value", value })
    Secret.remember(made, { value, fingerprint: `fp:${value}` })
    return made
  }
  const one = want({ env: { KEY: key("swordfish") }, cwd: "/srv/it's" })
  const change = kind.change({
    want: one,
    seen: { absent: true },
    change: { action: "create" },
    last: undefined,
    token: "t",
  })
  expect(change.script).not.toMatch(/swordfish|KEY/)
  const run = change.slots?.run as { build: (open: (of: unknown) => string) => string }
  expect(run.build(() => "swordfish")).toBe(
    "unset S ASTRAY\ncd -- '/srv/it'\\''s' || exit 126\nexport KEY='swordfish'\nset -e\nmake\n",
  )
  expect(fingerprint({ env: { KEY: key("a") } })).not.toBe(fingerprint({ env: { KEY: key("b") } }))
})

test.each([
  [{}, "give either command or script"],
  [{ command: ["x"], script: "x" }, "give either command or script"],
  [{ command: ["a\0b"] }, "cannot hold a NUL"],
  [{ script: "x", user: "-l" }, "a user is a name"],
  [{ script: "x", creates: "made" }, "is not an absolute path"],
  [{ script: "x", env: { "a-b": "x" } }, "a variable is letters, digits and _"],
  [{ script: "x", runsWhen: [() => 1] }, "give a value or an output"],
  [{ script: "x", exitCodes: [] }, "Too small"],
])("%o is refused: %s", (props, words) => {
  const result = command.props.safeParse({ name: "c", ...props })
  expect(result.success ? "" : JSON.stringify(result.error.issues)).toContain(words)
})
