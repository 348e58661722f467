import { expect, test } from "vitest"
import type { Survey } from "../../events/survey.ts"
import { Rows } from "../section.ts"
import { configuration } from "./configuration.ts"
import { drafted } from "./draft.ts"
import { identifier, inComment, literal } from "./literal.ts"

/** What the compiler makes of an expression. */
function meaning(expression: string): unknown {
  return new Function(`"use strict"; return ${expression}`)()
}

const PARTS = [
  "`",
  "${x}",
  "\\",
  '"',
  "'",
  "\n",
  "\r",
  "\r\n",
  "\t",
  "\0",
  "\x1b[2J",
  "\u2028",
  "\u202e",
  "é",
  "𝒳",
  "*/",
  "//",
  "a b",
  "\\u{41}",
  "$",
  "{",
]

test("a literal means exactly the text, and holds nothing that has an effect", () => {
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let tries = 0; tries < 3_000; tries++) {
    const text = Array.from({ length: next(8) }, () => PARTS[next(PARTS.length)]).join("")
    const written = literal(text)
    expect(meaning(written)).toBe(text)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(written).not.toMatch(/[\r\0\u001b\u2028\u202e]/)
  }
  expect(meaning(literal(["a", "b\nc"]))).toEqual(["a", "b\nc"])
})

test("a comment is one line whatever stands in it", () => {
  expect(inComment("a\nb\r\u2028c\tand more")).toBe("a\\u{a}b\\u{d}\\u{2028}c and more")
})

test.each([
  ["/etc/nginx/sites-available", [], "etcNginxSitesAvailable"],
  ["/etc/a", ["etcA"], "etcA_2"],
  ["/1", [], "at1"],
  ["/import", [], "atimport"],
  ["/ü", [], "at"],
])("the variable of %s beside %j is %s", (path, taken, name) => {
  expect(identifier(path, new Set(taken))).toBe(name)
})

test("what a host says is never code", () => {
  const evil = '"); process.exit(1); ("\u2028\nprocess.exit(2) //`${process.exit(3)}`'
  const file = {
    type: "file",
    why: "changed",
    mode: "0644",
    uid: 0,
    gid: 0,
    sizeBytes: 3,
    changedAt: "",
    secret: false,
  } as const
  const survey: Survey = {
    host: evil,
    at: "2026-01-01T00:00:00.000Z",
    tookMs: 1,
    uid: 0,
    config: {
      own: [
        { ...file, path: `/etc/${evil}`, from: evil },
        { ...file, path: "/etc/x", secret: true, from: evil },
      ],
      removed: [evil],
      generated: 0,
    },
    unseen: [{ part: evil, why: evil }],
  }
  const at = { type: "file", mode: "0644", owner: evil, group: "root", sizeBytes: 3, text: evil } as const
  const { text } = drafted({
    survey,
    drafts: [configuration],
    at: () => at,
    told: () => new Rows(""),
    kinds: new Map(),
    way: { destination: "web1", become: "sudo", asks: true },
  })
  const body = text
    .replace(/^import .*$/gm, "")
    .replace("export default ", "return ")
    .replaceAll("): void {", ") {")
    .replace(" as const", "")
  const made: unknown[] = []
  const host = { file: "file", ssh: (...all: unknown[]) => all }
  const program = (_name: string, _params: object, build: () => void): void => build()
  const resource = (...all: unknown[]): void => void made.push(all.slice(1))
  const process = {
    exit: (): never => {
      throw new Error("it ran")
    },
  }
  new Function("host", "program", "resource", "on", "secret", "process", body)(
    host,
    program,
    resource,
    (_: unknown, build: () => void) => build(),
    { prompt: (name: string) => name },
    process,
  )
  expect(made).toEqual([
    [
      expect.stringMatching(/^[^[\]\p{C}]+$/u),
      { path: `/etc/${evil}`, content: evil, mode: "0644", group: "root" },
      { adopt: true },
    ],
  ])
})
