import { each, group, on, type Program, program, resource, retire, task } from "fettle"
import type { Connection } from "fettle/provider"
import { provider } from "fettle/provider"
import { describe, expect, test } from "vitest"
import { expandEach } from "../../src/plan/collect.ts"
import { isProgram, paramsFor } from "../../src/program/program.ts"
import { thing } from "../support/world.ts"
import { scopeOf, thrownBy } from "./declared.ts"

const at = { folder: "/nowhere" }
const shop = program("shop", { port: 8080, host: "127.0.0.1", tls: false }, () => {}, {
  stages: { prod: { port: 80, tls: true }, test: {} },
})

/** A kind that is reached through a connection of type "test". */
const far = provider({ ...thing, kind: "test.far", connects: "test" })
const connection = (name: string, more: Partial<Connection<undefined>> = {}): Connection<undefined> => ({
  type: "test",
  name,
  target: `test://${name}`,
  secrets: [],
  open: async () => {
    throw new Error("a program opens nothing")
  },
  ...more,
})

describe("parameters", () => {
  const cases: readonly [
    what: string,
    stage: string,
    given: Record<string, string | number | boolean>,
    expected: unknown,
  ][] = [
    ["have their defaults", "dev", {}, { port: 8080, host: "127.0.0.1", tls: false }],
    ["are those of the stage", "prod", {}, { port: 80, host: "127.0.0.1", tls: true }],
    ["are those of a stage that changes none", "test", {}, { port: 8080, host: "127.0.0.1", tls: false }],
    ["are what is given, over the stage", "prod", { port: 443 }, { port: 443, host: "127.0.0.1", tls: true }],
    ["are read from text", "prod", { port: "443", tls: "false", host: "1" }, { port: 443, host: "1", tls: false }],
  ]
  for (const [what, stage, given, expected] of cases)
    test(what, () => expect(paramsFor(shop, stage, given)).toEqual(expected))

  const wrong: readonly [
    what: string,
    stage: string,
    given: Record<string, string | number | boolean>,
    code: string,
    fact: string,
  ][] = [
    ["an unknown stage", "live", {}, "STAGE_UNKNOWN", 'no stage "live"; it has dev, prod, test'],
    ["a stage that objects have by nature", "constructor", {}, "STAGE_UNKNOWN", 'no stage "constructor"'],
    ["an unknown parameter", "dev", { ports: 1 }, "PARAM_INVALID", 'no parameter "ports"; it has port, host, tls'],
    ["no number", "dev", { port: "http" }, "PARAM_INVALID", 'parameter port is "http", it must be a number'],
    ["an empty number", "dev", { port: " " }, "PARAM_INVALID", "it must be a number"],
    ["a number too large for one", "dev", { port: "1e999" }, "PARAM_INVALID", "it must be a finite number"],
    ["a number without end", "dev", { port: Number.POSITIVE_INFINITY }, "PARAM_INVALID", "it must be a finite number"],
    ["what is not a number", "dev", { port: Number.NaN }, "PARAM_INVALID", "it must be a number"],
    ["no boolean", "dev", { tls: "yes" }, "PARAM_INVALID", "it must be a boolean"],
  ]
  for (const [what, stage, given, code, fact] of wrong)
    test(`refuse ${what}`, () =>
      expect(thrownBy(() => paramsFor(shop, stage, given))).toMatchObject({
        code,
        fact: expect.stringContaining(fact),
      }))

  test("reach the function, and nobody changes them there", () => {
    let seen: unknown
    const one = program("one", { port: 1 }, (params) => {
      seen = params
      ;(params as { port: number }).port = 2
    })
    expect(thrownBy(() => scopeOf(one, "dev", { port: 3 })).code).toBe("PROGRAM_THREW")
    expect(seen).toEqual({ port: 3 })
  })
})

describe("a program is refused at its own place", () => {
  const make = program as (...all: unknown[]) => Program
  const none = () => {}
  const cases: readonly [what: string, all: unknown[], code: string, fact: string][] = [
    [
      "with a stage that sets an unknown parameter",
      ["one", { port: 1 }, none, { stages: { prod: { prot: 80 } } }],
      "PARAM_INVALID",
      'stage prod sets "prot", which is no parameter; did you mean port?',
    ],
    [
      "with a stage whose value is of another type",
      ["one", { port: 1 }, none, { stages: { prod: { port: "80" } } }],
      "PARAM_INVALID",
      'parameter port of stage prod is "80", it must be a number',
    ],
    [
      "with a stage that sets nothing where a value belongs",
      ["one", { port: 1 }, none, { stages: { prod: { port: undefined } } }],
      "PARAM_INVALID",
      "parameter port of stage prod is undefined",
    ],
    ["with a stage that is no object", ["one", {}, none, { stages: { prod: 1 } }], "PARAM_INVALID", "stage prod"],
    ["with a parameter without end", ["one", { port: Infinity }, none], "PARAM_INVALID", "parameter port is Infinity"],
    ["with a parameter that is a list", ["one", { ports: [1] }, none], "PARAM_INVALID", "parameter ports is a list"],
    ["with an unknown option", ["one", {}, none, { stage: {} }], "PROPS_INVALID", "did you mean stages?"],
    ["without a function", ["one", {}], "PROPS_INVALID", "its third argument must be a function, not undefined"],
    [
      "with a notification that is none",
      ["one", {}, none, { notify: ["https://example.com"] }],
      "PROPS_INVALID",
      "notify must be a list of what notify(…) gives",
    ],
  ]
  for (const [what, all, code, fact] of cases)
    test(what, () => {
      const thrown = thrownBy(() => make(...all))
      expect(thrown).toMatchObject({ code, fact: expect.stringContaining(fact) })
      expect(thrown.place).toContain("programs.test.ts:")
    })

  test("inside the function of another: its nodes would belong to nothing", () => {
    const outer = program("outer", {}, () => void program("inner", {}, () => {}))
    expect(thrownBy(() => scopeOf(outer))).toMatchObject({
      code: "PROGRAM_NESTED",
      fact: "program inner is made inside the function of another program",
      place: expect.stringContaining("programs.test.ts:"),
    })
  })
})

describe("a function that only declares returns no promise", () => {
  const later = async (): Promise<void> => {
    await Promise.resolve()
    throw new Error("what it throws later ends nothing")
  }
  const cases: Record<string, () => unknown> = {
    "the function of group g": () => group("g", later),
    "the function of on(web, …)": () => on(connection("web"), later),
    "the function of fettle.each[e]": () => each("e", ["a"], String, later),
    "the function of group inner": () => group("outer", () => void group("inner", { finally: [] }, later)),
  }
  for (const [what, build] of Object.entries(cases))
    test(what, async () => {
      const one = program("late", {}, () => void build())
      const expand = () => expandEach(scopeOf(one), ({ items }) => items as readonly unknown[], new Set())
      const thrown = thrownBy(expand)
      expect(thrown).toMatchObject({ code: "PROGRAM_ASYNC", fact: `${what} returned a promise` })
      expect(thrown.place).toContain("programs.test.ts:")
      await new Promise((resolve) => setTimeout(resolve, 5))
    })
})

describe("a program", () => {
  test("is a frozen value that does nothing until it is built", () => {
    let built = 0
    const one = program("one", { port: 1 }, () => (built += 1))
    expect(built).toBe(0)
    expect(Object.isFrozen(one) && Object.isFrozen(one.params)).toBe(true)
    expect([isProgram(one), isProgram({}), isProgram(null), isProgram("one")]).toEqual([true, false, false, false])
  })

  test("declares the same each time it is built", () => {
    const one = program("one", {}, () => group("g", () => resource(thing, "a", { ...at, name: "a" })))
    const seen = () => [...scopeOf(one).declarations.values()].map(({ address, props }) => [address, props])
    expect(seen()).toEqual(seen())
  })

  test("returns no promise, and one that fails later ends nothing", async () => {
    const slow = program("slow", {}, async () => {
      await Promise.resolve()
      throw new Error("later")
    })
    expect(thrownBy(() => scopeOf(slow))).toMatchObject({
      code: "PROGRAM_ASYNC",
      fact: expect.stringContaining("slow"),
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
  })

  test("that throws is told with what it threw", () => {
    const thrown = thrownBy(() => scopeOf(program("broken", {}, () => JSON.parse("{"))))
    expect(thrown).toMatchObject({ code: "PROGRAM_THREW", fact: expect.stringContaining("JSON") })
    expect(
      thrownBy(() =>
        scopeOf(
          program("text", {}, () => {
            throw "a text"
          }),
        ),
      ).fact,
    ).toBe("a text")
    const silent: readonly [unknown, string][] = [
      [null, "it threw null"],
      [undefined, "it threw undefined"],
      ["", "it threw an empty text"],
    ]
    for (const [value, fact] of silent)
      expect(
        thrownBy(() =>
          scopeOf(
            program("silent", {}, () => {
              throw value
            }),
          ),
        ),
      ).toMatchObject({ code: "PROGRAM_THREW", fact, place: expect.stringContaining("programs.test.ts:") })
  })

  test("leaves nothing behind when it throws: the next one is built as if alone", () => {
    const open = connection("web")
    const broken = program("broken", {}, () => group("g", () => on(open, () => JSON.parse("{"))))
    expect(thrownBy(() => scopeOf(broken)).code).toBe("PROGRAM_THREW")
    const next = program("next", {}, () => resource(thing, "a", { ...at, name: "a" }))
    expect([...scopeOf(next).declarations.keys()]).toEqual(["test.thing[a]"])
    expect(thrownBy(() => resource(thing, "a", { ...at, name: "a" })).code).toBe("OUTSIDE_PROGRAM")
  })

  test("built inside another keeps to itself", () => {
    const inner = program("inner", {}, () => void resource(thing, "a", { ...at, name: "a" }))
    const outer = program("outer", {}, () => {
      group("g", () => scopeOf(inner))
      resource(thing, "b", { ...at, name: "b" })
    })
    expect([...scopeOf(outer).declarations.keys()]).toEqual(["test.thing[b]"])
  })
})

describe("what is declared outside a program is refused", () => {
  const cases: Record<string, () => unknown> = {
    resource: () => resource(thing, "a", { ...at, name: "a" }),
    task: () => task("a", { run: ["true"] }),
    group: () => group("a", () => {}),
    on: () => on(connection("web"), () => {}),
    each: () => each("a", [], String, () => {}),
    retire: () => retire(connection("web")),
  }
  for (const [what, declare] of Object.entries(cases))
    test(what, () =>
      expect(thrownBy(declare)).toMatchObject({ code: "OUTSIDE_PROGRAM", fact: expect.stringContaining(`${what}(…)`) }),
    )

  test("also after its function has returned", () => {
    let later = (): unknown => undefined
    const one = program("one", {}, () => {
      later = () => resource(thing, "a", { ...at, name: "a" })
    })
    scopeOf(one)
    expect(thrownBy(later).code).toBe("OUTSIDE_PROGRAM")
  })
})

describe("connections", () => {
  const web = connection("web")
  const connectionsOf = (build: () => unknown) => {
    const scope = scopeOf(program("connections", {}, build))
    return [...scope.declarations.values()].map((each) => `${each.address} ${each.connection?.name ?? "-"}`)
  }

  test("are given by `on`, innermost first, and by the option before all", () => {
    const db = connection("db", { type: "other" })
    const all = connectionsOf(() =>
      on(web, () => {
        resource(far, "outer", { ...at, name: "a" })
        on(connection("inner"), () => resource(far, "inner", { ...at, name: "b" }))
        on(db, () => resource(far, "beside", { ...at, name: "c" }))
        resource(far, "own", { ...at, name: "d" }, { on: connection("own") })
        resource(thing, "none", { ...at, name: "e" })
      }),
    )
    expect(all).toEqual([
      "test.far[outer] web",
      "test.far[inner] inner",
      "test.far[beside] web",
      "test.far[own] own",
      "test.thing[none] -",
    ])
  })

  test("end with their block, also when it throws", () => {
    const all = () =>
      connectionsOf(() => {
        try {
          on(web, () => JSON.parse("{"))
        } catch {}
        resource(far, "after", { ...at, name: "a" })
      })
    expect(thrownBy(all)).toMatchObject({
      code: "CONNECTION_MISSING",
      fact: expect.stringContaining("test.far[after] needs a connection of type test"),
    })
  })

  test("of another type are refused", () => {
    const db = connection("db", { type: "other" })
    const wrong = () => connectionsOf(() => resource(far, "a", { ...at, name: "a" }, { on: db }))
    expect(thrownBy(wrong)).toMatchObject({
      code: "CONNECTION_WRONG",
      fact: expect.stringMatching(/type test, and db is of type other/),
    })
  })

  test("of one name and two targets are refused", () => {
    const two = () =>
      connectionsOf(() => {
        resource(far, "a", { ...at, name: "a" }, { on: connection("web") })
        resource(far, "b", { ...at, name: "b" }, { on: connection("web", { target: "test://elsewhere" }) })
      })
    expect(thrownBy(two)).toMatchObject({
      code: "CONNECTION_DUPLICATE",
      fact: expect.stringMatching(/test:\/\/web at .*programs\.test\.ts:\d+ and test:\/\/elsewhere at/),
    })
    expect(
      connectionsOf(() => ["a", "b"].map((name) => resource(far, name, { ...at, name }, { on: connection("web") }))),
    ).toHaveLength(2)
  })

  test("that retire are remembered", () => {
    const scope = scopeOf(program("retire", {}, () => retire(web)))
    expect([...scope.retired]).toEqual(["web"])
    expect(scope.connections.get("web")?.connection).toBe(web)
  })
})

describe("group", () => {
  test("gives what its function gives, keeps its commands, and ends when it throws", () => {
    let given: unknown
    const scope = scopeOf(
      program("groups", {}, () => {
        given = group("web", { finally: [["rm", "-f", "/tmp/x"]] }, () => group("deep", () => 42))
        expect(() => group("broken", () => JSON.parse("{"))).toThrow(SyntaxError)
        resource(thing, "a", { ...at, name: "a" })
      }),
    )
    expect(given).toBe(42)
    expect(scope.groups.get("web")?.finally).toEqual([["rm", "-f", "/tmp/x"]])
    expect([...scope.declarations.keys()]).toEqual(["test.thing[a]"])
  })
})
