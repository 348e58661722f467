import { describe, expect, test } from "vitest"
import type { Json } from "../../provider.ts"
import { value } from "./value.ts"
import { edited, type Format, valueAt } from "./value-formats.ts"
import type { ValuePath } from "./value-path.ts"

type Case = readonly [what: string, text: string, at: ValuePath, value: Json | undefined, after: string]

function cases(format: Format, all: readonly Case[]): void {
  test.each(all)("%s", (_what, text, at, wanted, after) => {
    expect(edited(format, text, at, wanted)).toBe(after)
    expect(edited(format, after, at, wanted)).toBe(after)
    const expected = format === "ini" && wanted !== undefined ? String(wanted) : wanted
    expect(valueAt(format, after, at)).toEqual(expected)
  })
}

describe("JSON", () => {
  const TEXT = '{\n    // a comment\n    "a": { "b": 1, "c": [1, 2] }, /* more */\n    "d": null\n}\n'
  cases("json", [
    ["a value", TEXT, ["a", "b"], 22, TEXT.replace(": 1,", ": 22,")],
    ["an item of a list", TEXT, ["a", "c", 1], "x", TEXT.replace("[1, 2]", '[1, "x"]')],
    ["a new key", TEXT, ["e"], true, TEXT.replace("null\n", 'null,\n    "e": true\n')],
    ["one that goes", TEXT, ["d"], undefined, TEXT.replace(', /* more */\n    "d": null', "")],
    ["a table that is not there", "{}\n", ["a.b", "c"], 1, '{\n  "a.b": {\n    "c": 1\n  }\n}\n'],
    ["an empty file", "", ["a"], 'it\'s "x"\n', '{\n  "a": "it\'s \\"x\\"\\n"\n}\n'],
  ])
})

describe("YAML", () => {
  const TEXT = "# head\na:   # of a\n   b: 1   # one\n   'c d': [x, 'y']\nlist:\n- one\n- two: 2\n\nd: |\n  text\n"
  cases("yaml", [
    ["a value, and nothing else moves", TEXT, ["a", "b"], 22, TEXT.replace("b: 1 ", "b: 22 ")],
    ["one in quotes", TEXT, ["a", "c d", 1], "z: 1", TEXT.replace("'y'", '"z: 1"')],
    ["an item of a list", TEXT, ["list", 1, "two"], "yes", TEXT.replace("two: 2", 'two: "yes"')],
    ["a new key in a new file", "", ["a", "b"], [1], "a:\n  b:\n    - 1\n"],
    ["nothing but comments", "# only\n", ["a"], 1, "# only\na: 1\n"],
  ])

  test("a new key keeps the comments of all others", () => {
    const after = edited("yaml", TEXT, ["a", "e"], "x")
    for (const comment of ["# head", "# of a", "# one"]) expect(after).toContain(comment)
    expect(valueAt("yaml", after, ["a", "e"])).toBe("x")
    expect(edited("yaml", after, ["a", "e"], undefined)).not.toContain("e: x")
  })
})

describe("TOML", () => {
  const TEXT =
    'title = "x" # of it\n\n[a]\n# first\nb = 1\n"c=d" = [\n  1, # one\n  2,\n]\nd = "#no" # yes\n\n# of e\n[e.f]\ng.h = 1979-05-27\n\n[[l]]\nn = 1\n'
  cases("toml", [
    ["a value, its comment stays", TEXT, ["title"], 'it\'s "y"', TEXT.replace('"x" #', '"it\'s \\"y\\"" #')],
    ["one with a # in it", TEXT, ["a", "d"], 5, TEXT.replace('"#no" # yes', "5 # yes")],
    ["a list over several lines", TEXT, ["a", "c=d"], [3], TEXT.replace("[\n  1, # one\n  2,\n]", "[3]")],
    ["dotted keys", TEXT, ["e", "f", "g", "h"], true, TEXT.replace("1979-05-27", "true")],
    ["a new key at the end of its table", TEXT, ["a", "n"], 1.5, TEXT.replace("# yes\n", "# yes\nn = 1.5\n")],
    ["a new key above all tables", TEXT, ["n"], 1, TEXT.replace("# of it\n", "# of it\nn = 1\n")],
    ["a new table", TEXT, ["new one", "k"], "v", `${TEXT}\n["new one"]\nk = "v"\n`],
    ["one that goes", TEXT, ["a", "b"], undefined, TEXT.replace("b = 1\n", "")],
    ["an empty file", "", ["a"], false, "a = false\n"],
  ])

  test.each<readonly [string, string, ValuePath, Json]>([
    ["an inline table", "a = { b = 1 }\n", ["a", "b"], 2],
    ["a table of a list", TEXT, ["l", 0, "n"], 2],
    ["a table as a value", TEXT, ["a", "x"], { y: 1 }],
    ["a value where a table is wanted", TEXT, ["title", "x"], 1],
    ["no TOML", "a = \n", ["a"], 1],
  ])("refused: %s", (_what, text, at, wanted) => {
    expect(() => edited("toml", text, at, wanted)).toThrow()
  })
})

describe("INI", () => {
  const TEXT = "; head\ntop=1\n\n[a b]\n# one\nkey=x y ; z\nempty=\n\n[c]\nk = v\n"
  cases("ini", [
    ["a value", TEXT, ["a b", "key"], "z", TEXT.replace("x y ; z", "z")],
    ["an empty one", TEXT, ["a b", "empty"], 5, TEXT.replace("empty=", "empty=5")],
    ["its own spaces", TEXT, ["c", "k"], true, TEXT.replace("k = v", "k = true")],
    ["a new key", TEXT, ["a b", "n"], "1", TEXT.replace("empty=\n", "empty=\nn=1\n")],
    ["above all sections", TEXT, ["n"], "1", TEXT.replace("top=1\n", "top=1\nn=1\n")],
    ["a new section", TEXT, ["new", "n"], "1", `${TEXT}\n[new]\nn=1\n`],
    ["one that goes", TEXT, ["c", "k"], undefined, TEXT.replace("k = v\n", "")],
    ["an empty file", "", ["s", "k"], "v", "[s]\nk = v\n"],
  ])

  test("one that stands twice is refused", () => {
    expect(() => edited("ini", "[a]\nk=1\nk=2\n", ["a", "k"], "3")).toThrow("k stands 2 times")
  })
})

test.each([
  ["no format", { path: "/etc/x", at: "a", value: 1 }],
  ["three names in an INI file", { path: "/etc/x.ini", at: "a.b.c", value: 1 }],
  ["a newline in an INI file", { path: "/etc/x.ini", at: "a", value: "1\n[b]" }],
  ["a newline in a key", { path: "/etc/x.json", at: "a\nb", value: "1" }],
  ["null in TOML", { path: "/etc/x.toml", at: "a", value: null }],
])("%s is refused", (_what, props) => {
  expect(value.props.safeParse(props).success).toBe(false)
})
