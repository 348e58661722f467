import { spawnSync } from "node:child_process"
import { expect, test } from "vitest"
import { plainExpression } from "./plain-expression.ts"

const LINES = [
  "#Port 22",
  "Port  2222",
  "port=22",
  "a.b/c",
  "a-b",
  "x[1]",
  "",
  "\tkey = value",
  "aXb",
  "Port",
  "#;Port 1",
  "a\\b",
  "(x)",
  "a^b$",
]

test.each([
  "^#?Port ",
  "^#? *Port",
  "Port$",
  "a.b",
  "a\\.b",
  "x\\[1\\]",
  "^[#;]*[Pp]ort",
  "^(#|;)?Port",
  "^[[:space:]]*key *=",
  "[^#]Port",
  "[a-c]-[a-c]",
  "^\\(x\\)$",
  "a\\^b\\$",
  "a\\\\b",
])("%s means the same here and to grep", (pattern) => {
  const here = LINES.filter((line) => plainExpression(pattern)?.test(line))
  const { stdout } = spawnSync("grep", ["-E", "-e", pattern], {
    input: LINES.join("\n"),
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  })
  expect(here).toEqual(stdout.split("\n").slice(0, -1))
})

test.each([
  "\\bPort",
  "a{2}",
  "(a)\\1",
  "\\<Port",
  "\\w",
  "*a",
  "a**",
  "(a",
  "ä",
  "(?=a)",
  "a||b",
  "()",
  "[]a]",
  "[a",
  "a*a*a*a*b",
  "^^",
  "a|b",
])("%s is left to grep", (pattern) => {
  expect(plainExpression(pattern)).toBeUndefined()
})

test.each(["(aa|a)?".repeat(60), "a?".repeat(60), "(a*)*", "(a|aa)*(a|aa)*", "a*a*a?a?a?a?"])(
  "^%sb$ takes no time on a long line",
  (pattern) => {
    const began = performance.now()
    plainExpression(`^${pattern}b$`)?.test("a".repeat(500))
    expect(performance.now() - began).toBeLessThan(2_000)
  },
)
