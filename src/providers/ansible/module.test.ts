import { describe, expect, test } from "vitest"
import type { ModuleAnswer } from "../../connect/ansible/warm-python.ts"
import type { Address, Json, Last } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { module, planModule } from "./module.ts"
import { saidBy } from "./module-answer.ts"
import { fingerprintOf, isRepeatable, moduleProps, type Outputs, type Want } from "./module-props.ts"
import { seenOf } from "./module-read.ts"

const want = moduleProps.parse({ module: "file", args: { path: "/a", state: "directory" } })
const answer = (result: Record<string, Json> | undefined, more: Partial<ModuleAnswer> = {}): ModuleAnswer => ({
  init: true,
  late: false,
  exitCode: 0,
  stderr: "",
  ...(result === undefined ? {} : { result }),
  ...more,
})
const last = (more: Partial<Outputs> = {}, unfinished = false): Last<Want, Outputs> => ({
  props: want,
  outputs: { module: "file", result: { state: "directory" }, fingerprint: fingerprintOf(want), ...more },
  unfinished,
})
const planned = (given: ModuleAnswer, known?: Last<Want, Outputs>) =>
  planModule(
    want,
    seenOf({ key: { address: "a" as Address, want, ...(known && { last: known }) }, want }, saidBy("file", given)),
    known,
  )

const SKIPPED = { skipped: true, msg: "remote module (file) does not support check mode" }

test.each<[string, ModuleAnswer, Last<Want, Outputs> | undefined, object]>([
  ["as it is to be", answer({ changed: false }), undefined, { action: "none" }],
  [
    "otherwise",
    answer({ changed: true }, { text: "+a" }),
    last(),
    { action: "run", because: "file says that it would change something", text: "+a" },
  ],
  [
    "in want of something",
    answer({ failed: true, msg: "no such folder" }),
    undefined,
    { action: "run", because: "asked as things are now it fails: file: no such folder" },
  ],
  [
    "not to be asked, first",
    answer(SKIPPED),
    undefined,
    { action: "run", because: expect.stringContaining("has no check mode") },
  ],
  ["not to be asked, then", answer(SKIPPED), last(), { action: "none" }],
  [
    "not to be asked, with other arguments",
    answer(SKIPPED),
    last({ fingerprint: "other" }),
    { action: "run", because: expect.stringContaining("its arguments are others now") },
  ],
  [
    "not to be asked, after a failure",
    answer(SKIPPED),
    last({}, true),
    { action: "run", because: expect.stringContaining("its last run did not end well") },
  ],
  ["not to be asked, settled by hand", answer(SKIPPED), { ...last(), outputs: {} as Outputs }, { action: "none" }],
])("what is planned where the module says that things are %s", (_what, given, known, change) => {
  expect(planned(given, known)).toMatchObject(change)
})

describe("what a module said", () => {
  test.each<[string, ModuleAnswer, object]>([
    [
      "wrong arguments",
      answer({ failed: true, msg: "missing: path" }, { init: false }),
      { code: "ANSIBLE_ARGS", details: { notMade: true } },
    ],
    [
      "a failure",
      answer({ failed: true, msg: "no", stderr: "first\nlast" }),
      { code: "ANSIBLE_FAILED", fact: "file: no" },
    ],
    [
      "a bad exit code",
      answer({ rc: 3, msg: "non-zero return code" }),
      { code: "ANSIBLE_FAILED", details: { exitCode: 3 } },
    ],
    ["too long", answer(undefined, { late: true }), { code: "TIMEOUT" }],
    [
      "nothing",
      answer(undefined, { exitCode: 139 }),
      { code: "ANSIBLE_FAILED", fact: "file ended with exit code 139 and gave no result" },
    ],
  ])("%s", (_what, given, error) => {
    expect(saidBy("file", given)).toMatchObject({ says: "fails", error })
  })

  test("what it is, without how it was come to", () => {
    const result = { changed: false, invocation: {}, diff: [], _ansible_x: 1, ansible_facts: { a: 1 }, stat: {} }
    expect(saidBy("file", answer(result))).toEqual({ says: "same", result: { ansible_facts: { a: 1 }, stat: {} } })
  })
})

test.each<[string, object, boolean]>([
  ["file", {}, true],
  ["ansible.builtin.command", {}, false],
  ["shell", { args: { creates: "/a" } }, true],
  ["shell", { repeatable: true }, true],
  ["uri", { args: { url: "http://a" } }, true],
  ["uri", { args: { url: "http://a", method: "POST" } }, false],
  ["pip", { repeatable: false }, false],
])("whether %s with %j may be run again after a crash: %s", (name, more, isIt) => {
  const props = moduleProps.parse({ module: name, ...more })
  expect(isRepeatable(props)).toBe(isIt)
  expect(module.settles).toBeInstanceOf(Function)
})

test.each<[string, object]>([
  ["a secret in absent", { absent: { path: new Secret("KEY", { type: "value", value: "x" }) } }],
  ["an argument of Ansible's own", { args: { _ansible_check_mode: true } }],
  ["a function", { args: { path: () => "" } }],
  ["bytes", { args: { content: new Uint8Array(1) } }],
  ["a path for a name", { module: "../file" }],
])("props with %s are refused", (_what, more) => {
  expect(moduleProps.safeParse({ module: "file", ...more }).success).toBe(false)
})
