import { check, each, group, http, lookup, notify, on, program, resource, retry, task } from "fettle"
import { describe, expect, test } from "vitest"
import { thing } from "../support/world.ts"
import { declared, scopeOf, thrownBy } from "./declared.ts"

const props = { folder: "/nowhere", name: "a" }
// As a program without types, or one that casts, writes them.
const loose = (options: unknown): never => options as never
const thrownIn = (build: () => unknown) => thrownBy(() => scopeOf(program("options", {}, () => void build())))

describe("options of a node are refused", () => {
  const a = "test.thing[a]"
  const cases: readonly [what: string, options: unknown, fact: string][] = [
    [
      "under a name like another",
      { protected: true },
      `${a}: protected: there is no such option; did you mean protect?`,
    ],
    ["under a name like no other", { colour: "red" }, "there are on, after, protect, retain, adopt, renamedFrom"],
    [
      "that are undefined",
      { protect: undefined },
      `${a}: protect: it is undefined; leave it out where it is not meant`,
    ],
    ["that are no truth", { retain: "yes" }, 'retain: expected true or false, not "yes"'],
    ["that are no name", { renamedFrom: 1 }, "renamedFrom: expected a name or an address, not 1"],
    ["that are no duration", { timeout: "soon" }, 'timeout: "soon" is not a duration'],
    ["that leave no time", { timeout: 0 }, "timeout: it must be longer than 0 ms"],
    [
      "that name one node",
      { after: "test.thing[b]" },
      "after: expected a list of nodes, not a single one; write [node]",
    ],
    ["that are no connection", { on: "web" }, 'on: expected a connection, not "web"'],
    [
      "that are a policy alone",
      { policies: retry() },
      "policies: expected a list of policies, not a single one; write [retry(…)]",
    ],
    [
      "with a word for a policy",
      { policies: ["retry"] },
      'policies: 0: expected a policy such as retry(), not "retry"',
    ],
    [
      "with anything for a policy",
      { policies: [retry(), { foo: 1 }] },
      "policies: 1: expected a policy such as retry(), not an object",
    ],
    ["that are a list", [], `${a}: its options must be an object, not a list`],
    [
      "two at once",
      { protect: 1, retain: 1 },
      "protect: expected true or false, not 1; retain: expected true or false, not 1",
    ],
  ]
  for (const [what, options, fact] of cases)
    test(what, () => {
      const thrown = thrownIn(() => resource(thing, "a", props, loose(options)))
      expect(thrown).toMatchObject({ code: "PROPS_INVALID", fact: expect.stringContaining(fact) })
      expect(thrown.place).toContain("options.test.ts:")
    })

  test("of whatever type the node is", () => {
    const all: Record<string, () => unknown> = {
      "protect?": () => lookup(thing, "a", props, loose({ protec: true })),
      "there is no such option": () => task("a", { run: ["true"] }, loose({ on: {} })),
      "within?": () => check("a", http.get("http://127.0.0.1/"), loose({ wihtin: "30s" })),
      "within: it is undefined": () => check("a", http.get("http://127.0.0.1/"), loose({ within: undefined })),
      "finally?": () => group("a", loose({ finaly: [] }), () => {}),
      "expected a list of commands": () => group("a", loose({ finally: ["rm"] }), () => {}),
      "build must be a function": () => each("a", [], String, loose(undefined)),
    }
    for (const [fact, build] of Object.entries(all))
      expect(thrownIn(build)).toMatchObject({
        code: "PROPS_INVALID",
        fact: expect.stringContaining(fact),
        place: expect.stringContaining("options.test.ts:"),
      })
  })
})

test("options are copied and frozen, and notify is one of the policies", () => {
  const policies = [retry(), notify({ command: ["page"] })]
  const one = program("one", {}, () => {
    resource(thing, "a", props, { policies, protect: true })
    policies.length = 0
  })
  const { options } = declared(one, "test.thing[a]")
  expect(options.policies?.map(({ name }) => name)).toEqual(["retry", "notify"])
  expect(Object.isFrozen(options)).toBe(true)
})

test("something else where a kind belongs is named, with its place", () => {
  const cases: readonly [unknown, string][] = [
    [undefined, "resource(…) was given undefined where a kind belongs"],
    [{ file: thing }, "resource(…) was given an object where a kind belongs"],
    ["test.thing", 'resource(…) was given "test.thing" where a kind belongs'],
  ]
  for (const [kind, fact] of cases)
    expect(thrownIn(() => resource(loose(kind), "a", loose(props)))).toMatchObject({
      code: "PROPS_INVALID",
      fact,
      place: expect.stringContaining("options.test.ts:"),
    })
  const read = lookup as (...all: unknown[]) => unknown
  expect(
    thrownIn(() => on({ type: "x", name: "n", target: "t", secrets: [], open: loose(1) }, () => read(1, props))),
  ).toMatchObject({
    fact: "lookup(…) was given 1 where a kind belongs",
  })
})
