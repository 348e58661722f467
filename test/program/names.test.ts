// biome-ignore-all lint/style/useTemplate: what is joined to text here must throw
import { group, program, resource, secret, text } from "fettle"
import { describe, expect, test } from "vitest"
import { thing } from "../support/world.ts"
import { declared, lineHere, scopeOf, thrownBy } from "./declared.ts"

const at = { folder: "/nowhere" }
const named = (name: string) => program("names", {}, () => void resource(thing, name, { ...at, name: "x" }))
const addresses = (build: () => unknown): readonly string[] => [
  ...scopeOf(program("names", {}, build)).declarations.keys(),
]

test("options behind the function of a group are not dropped in silence", () => {
  const swapped = group as unknown as (name: string, build: () => void, options: object) => void
  const wrong = program("swapped", {}, () => swapped("g", () => {}, { finally: [["true"]] }))
  expect(thrownBy(() => scopeOf(wrong))).toMatchObject({
    code: "PROPS_INVALID",
    fact: "group g: its options stand before its function",
  })
})

describe("addresses", () => {
  test("are groups, kind and name", () => {
    const all = addresses(() => {
      resource(thing, "a", { ...at, name: "a" })
      group("web", () => {
        resource(thing, "a", { ...at, name: "b" })
        group("deep", () => resource(thing, "a b/c", { ...at, name: "c" }))
      })
      resource(thing, { ...at, name: "by-id" })
    })
    expect(all).toEqual(["test.thing[a]", "web/test.thing[a]", "web/deep/test.thing[a b/c]", "test.thing[by-id]"])
  })

  test("without a name need an id that is known now", () => {
    const nameless = program("names", {}, () => {
      const first = resource(thing, "first", { ...at, name: "a" })
      resource(thing, { ...at, name: first.name })
    })
    expect(thrownBy(() => scopeOf(nameless))).toMatchObject({
      code: "NAME_INVALID",
      fact: expect.stringContaining("a test.thing needs a name here"),
    })
  })

  test("are not asked for where it is a prop that is wrong", () => {
    const lines: string[] = []
    const wrong = program("names", {}, () => {
      const first = resource(thing, "first", { ...at, name: "a" })
      resource(thing, { ...at, name: lines.push(lineHere()) as never })
      resource(thing, { ...at, name: first.name })
    })
    const error = thrownBy(() => scopeOf(wrong))
    expect(error).toMatchObject({
      code: "PROPS_INVALID",
      fact: expect.stringMatching(/^test\.thing: name: .*expected string/),
    })
    expect(error.place).toContain(lines[0])
    const mixed = program("names", {}, () => {
      const first = resource(thing, "first", { ...at, name: "a" })
      resource(thing, { ...at, name: first.name, ...({ sizes: 3 } as object) })
    })
    expect(thrownBy(() => scopeOf(mixed)).code).toBe("PROPS_INVALID")
  })

  test("of two nodes are never the same: both places are told", () => {
    const lines: string[] = []
    const twice = program("twice", {}, () => {
      resource(thing, "a", { ...at, name: `a${lines.push(lineHere())}` })
      resource(thing, "a", { ...at, name: `b${lines.push(lineHere())}` })
    })
    const { code, fact, place } = thrownBy(() => scopeOf(twice))
    expect(code).toBe("DUPLICATE_ADDRESS")
    expect(fact).toContain("test.thing[a] is declared twice")
    for (const line of lines) expect(fact).toContain(line)
    expect(place).toContain(lines[1])
  })
})

describe("names", () => {
  const hostile = {
    "a control character": "a\u0007b",
    "a line break": "a\nb",
    "a carriage return": "a\rb",
    "an escape": "a\u001b[2Jb",
    "a C1 control": "a\u009bb",
    "a right-to-left override": "a\u202eb",
    "a bidirectional isolate": "a\u2066b",
    "a zero width space": "a\u200bb",
    "a byte order mark": "\ufeffa",
    "a line separator": "a\u2028b",
    "half a surrogate pair": "a\ud800b",
    "a bracket": "a]b",
    "an opening bracket": "a[b",
    "10,000 characters": "a".repeat(10_000),
    "a space at its end": "a ",
    nothing: "",
  }
  for (const [what, name] of Object.entries(hostile)) {
    test(`with ${what} are refused with their place`, () => {
      const { code, place, fact } = thrownBy(() => scopeOf(named(name)))
      expect({ code, place }).toEqual({ code: "NAME_INVALID", place: expect.stringContaining("names.test.ts:") })
      expect(fact.length).toBeLessThan(200)
    })
    test(`of groups and programs with ${what} are refused`, () => {
      expect(thrownBy(() => addresses(() => group(name, () => {}))).code).toBe("NAME_INVALID")
      expect(thrownBy(() => program(name, {}, () => {})).code).toBe("NAME_INVALID")
    })
  }

  test("may hold what people write", () => {
    for (const name of [
      "a",
      "naïve café",
      "日本",
      "a/b.c-d_e@f",
      "👩‍💻".replace(/\u200d/g, ""),
      "x".repeat(512),
      "__proto__",
      "constructor",
    ])
      expect([...scopeOf(named(name)).declarations.keys()]).toEqual([`test.thing[${name}]`])
  })

  test("of groups, stages and programs hold no slash", () => {
    expect(thrownBy(() => addresses(() => group("a/b", () => {}))).fact).toContain("slash")
    expect(thrownBy(() => program("a/b", {}, () => {})).fact).toContain("slash")
    expect(thrownBy(() => program("a", {}, () => {}, { stages: { "a/b": {} } })).code).toBe("NAME_INVALID")
  })
})

describe("text of what is no text", () => {
  const cases: Record<string, { code: string; build: () => unknown }> = {
    "a secret in a name": {
      code: "SECRET_AS_STRING",
      build: () => resource(thing, `x-${secret.env("KEY")}`, { ...at, name: "a" }),
    },
    "a secret in a group": { code: "SECRET_AS_STRING", build: () => group(`x-${secret.env("KEY")}`, () => {}) },
    "a secret as a group": { code: "SECRET_AS_STRING", build: () => group(secret.env("KEY") as never, () => {}) },
    "a secret joined to text": { code: "SECRET_AS_STRING", build: () => "x" + (secret.env("KEY") as never) },
    "a secret in a prop": {
      code: "SECRET_AS_STRING",
      build: () => resource(thing, "a", { ...at, name: `${secret.env("KEY")}` }),
    },
    "a secret as a key": { code: "SECRET_AS_STRING", build: () => ({ [secret.env("KEY") as never]: 1 }) },
    "an output in a name": {
      code: "OUTPUT_AS_STRING",
      build: () => resource(thing, `x-${made().serial}`, { ...at, name: "a" }),
    },
    "an output in a group": { code: "OUTPUT_AS_STRING", build: () => group(`x-${made().name}`, () => {}) },
    "an output in a prop": {
      code: "OUTPUT_AS_STRING",
      build: () => resource(thing, "a", { ...at, name: `${made().name}` }),
    },
    "a template in a name": {
      code: "OUTPUT_AS_STRING",
      build: () => resource(thing, `${text`x-${made().name}`}`, { ...at, name: "a" }),
    },
    "an output in a sum": { code: "OUTPUT_AS_STRING", build: () => 1 + (made().serial as never) },
  }
  const made = () => resource(thing, "made", { ...at, name: "made" })
  for (const [what, { code, build }] of Object.entries(cases)) {
    test(`${what} throws ${code}`, () => {
      const thrown = thrownBy(() => scopeOf(program("text", {}, build)))
      expect(thrown.code).toBe(code)
      expect(thrown.fact).toContain(code === "SECRET_AS_STRING" ? "KEY" : "test.thing[made]")
    })
  }

  test("inspect and JSON name a secret and an output, and show no value", () => {
    let shown = ""
    const inspected = program("inspect", {}, () => {
      shown = JSON.stringify({ key: secret.env("KEY"), serial: made().serial })
    })
    scopeOf(inspected)
    expect(shown).toBe('{"key":"[secret KEY]","serial":"[output test.thing[made]]"}')
    expect(declared(inspected, "test.thing[made]").address).toBe("test.thing[made]")
  })
})
