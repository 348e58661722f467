import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { place } from "./fettle.ts"

const fixtures = fileURLToPath(new URL("../fixtures/bad-programs", import.meta.url))

/** A file of test/fixtures/bad-programs, the code it must get, where, and words that must stand in what is said. */
const table: readonly (readonly [file: string, code: string, at: string, ...words: string[]])[] = [
  ["bad-enum.ts", "TS_ENUM", "bad-enum.ts:3:1", "enum Color", "as const"],
  ["bad-namespace.ts", "TS_NAMESPACE", "bad-namespace.ts:3:1", "namespace Paths"],
  ["bad-parameter-property.ts", "TS_PARAMETER_PROPERTY", "bad-parameter-property.ts:4:32", "constructor("],
  ["bad-decorator.ts", "TS_DECORATOR", "bad-decorator.ts:5:3", "@logged", "guarded(fn, [policies])"],
  ["bad-import-alias.ts", "TS_IMPORT_ALIAS", "bad-import-alias.ts:2:1", "import fs = require"],
  ["bad-syntax.ts", "SYNTAX", "bad-syntax.ts:4:16", "const port = = 80"],
  ["bad-duplicate.ts", "SYNTAX", "bad-duplicate.ts:4:7", "already been declared"],
  ["bad-assertion.ts", "SYNTAX", "bad-assertion.ts:3:14", "expr as T"],
  ["bad-ending.ts", "IMPORT_ENDING", "bad-ending.ts:2:22", '"./bad-part"', 'write "./bad-part.ts"'],
  ["bad-ending-js.ts", "IMPORT_ENDING", "bad-ending-js.ts:2:22", 'write "./bad-part.ts"'],
  [
    "bad-type-import.ts",
    "IMPORT_TYPE",
    "bad-type-import.ts:4:3",
    "Site is a type",
    'import { type Site } from "./bad-part.ts"',
  ],
  ["bad-fettle-type.ts", "IMPORT_TYPE", "bad-fettle-type.ts:1:19", "FettleEvent is a type of fettle"],
  ["bad-name.ts", "IMPORT_MISSING", "bad-name.ts:1:10", "fettle has no export named progam"],
  ["bad-missing-file.ts", "IMPORT_MISSING", "bad-missing-file.ts:2:22", "bad-nowhere.ts", "correct the path"],
  ["bad-missing-package.ts", "IMPORT_MISSING", "bad-missing-package.ts:2:22", "npm install @nobody/has-this"],
  ["bad-missing-subpath.ts", "IMPORT_MISSING", "bad-missing-subpath.ts:2:22", "the package has no fettle/nothing"],
  ["bad-missing-builtin.ts", "IMPORT_MISSING", "bad-missing-builtin.ts:2:22", "no module node:nothing"],
  ["bad-deep.ts", "TS_ENUM", "bad-enum.ts:3:1", "enum Color"],
  ["bad-require.ts", "IMPORT_COMMONJS", "bad-require.ts:3:12", "require is not defined"],
  ["bad-refused.ts", "IMPORT_REFUSED", "bad-refused.ts:1", "import attribute"],
  ["bad-throws.ts", "PROGRAM_THREW", "bad-throws.ts:4:9", "TypeError: no port is free"],
  ["bad-json.ts", "PROGRAM_THREW", "bad-json.ts:3:23", "JSON"],
  ["bad-throws-text.ts", "PROGRAM_THREW", "bad-throws-text.ts:1", "just a text"],
  [
    "bad-no-default.ts",
    "PROGRAM_NOT_FOUND",
    "bad-no-default.ts:1",
    "exports its program as shop",
    "export default shop",
  ],
  ["bad-not-a-program.ts", "PROGRAM_NOT_FOUND", "bad-not-a-program.ts:1", "a function, not a program"],
  ["bad-empty.ts", "PROGRAM_NOT_FOUND", "bad-empty.ts:1", "no default export"],
]

test.for(table)("%s is told as %s at %s", async ([file, code, at, ...words]) => {
  const user = place()
  for (const name of readdirSync(fixtures)) copyFileSync(join(fixtures, name), user.path(name))
  const { code: exit, stdout, stderr } = await user.fettle(["plan", "--file", file])
  expect(stderr).toContain(`× ${code}\n`)
  expect(stderr).toMatch(new RegExp(`  at     ${at.replaceAll(".", "\\.")}(:|\\n)`))
  for (const word of words) expect(stderr).toContain(word)
  expect(stderr).toMatch(/ {2}next {3}\S/)
  expect({ exit, stdout }).toEqual({ exit: 1, stdout: "" })
})

test("what the build function does wrong is told as an error of the run", async () => {
  const user = place()
  for (const name of ["bad-async.ts", "bad-build.ts"]) copyFileSync(join(fixtures, name), user.path(name))
  const asynchronous = await user.fettle(["plan", "--file", "bad-async.ts"])
  expect(asynchronous).toMatchObject({ code: 1, text: expect.stringMatching(/PROGRAM_ASYNC[\s\S]*bad-async\.ts:3/) })
  const thrown = await user.fettle(["plan", "--file", "bad-build.ts"])
  expect(thrown).toMatchObject({ code: 1, text: expect.stringMatching(/PROGRAM_THREW[\s\S]*cannot build/) })
})

test("no program, no folder, no fettle.ts", async () => {
  const user = place()
  expect(await user.fettle(["plan"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/PROGRAM_NOT_FOUND[\s\S]*fettle init/),
  })
  expect(await user.fettle(["plan", "-f", "nowhere.ts"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("PROGRAM_NOT_FOUND"),
  })
})

test("a program where fettle is not installed says so", async () => {
  const user = place("notes")
  rmSync(user.path("node_modules"), { recursive: true })
  expect(await user.fettle(["plan"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/IMPORT_MISSING[\s\S]*fettle[\s\S]*npm install fettle/),
  })
})

test("CommonJS around a program is told, and .mts is the way out", async () => {
  const user = place("notes")
  user.write("package.json", '{ "private": true, "type": "commonjs" }')
  expect(await user.fettle(["plan"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/IMPORT_COMMONJS[\s\S]*fettle\.ts:1[\s\S]*\.mts/),
  })
  copyFileSync(user.path("fettle.ts"), user.path("fettle.mts"))
  expect(await user.fettle(["plan", "-f", "fettle.mts"])).toMatchObject({ code: 0 })
})

test("the folder of a program may be given instead of its file", async () => {
  const user = place("notes")
  expect(await user.fettle(["plan", "--file", user.folder], { cwd: user.path("home") })).toMatchObject({ code: 0 })
})

test("errors of loading are one JSON line under --json", async () => {
  const user = place()
  copyFileSync(join(fixtures, "bad-enum.ts"), user.path("fettle.ts"))
  const { code, stdout, stderr } = await user.fettle(["plan", "--json"])
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" })
  expect(JSON.parse(stdout)).toMatchObject({ type: "error", code: "TS_ENUM", place: `${user.path("fettle.ts")}:3:1` })
})

test("--types asks the project's own typescript, and says where it is missing", async () => {
  const user = place("notes")
  copyFileSync(join(fixtures, "bad-types.ts"), user.path("bad-types.ts"))
  const wrong = await user.fettle(["plan", "--types", "--file", "bad-types.ts"])
  expect(wrong).toMatchObject({ code: 1, stdout: "" })
  expect(wrong.stderr).toMatch(
    /TYPES_WRONG\n {2}2 type errors\n {2}bad-types\.ts:3:7 {2}TS2322[\s\S]*bad-types\.ts:4:\d+ {2}TS2339[\s\S]*at {5}bad-types\.ts:3:7/,
  )
  rmSync(user.path("node_modules/typescript"))
  expect(await user.fettle(["plan", "--types"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("TYPESCRIPT_MISSING"),
  })
})

test("a Fettle elsewhere goes on as the one that the program imports", async () => {
  const user = place("notes")
  rmSync(user.path("node_modules/fettle"))
  mkdirSync(user.path("node_modules/fettle/dist/cli"), { recursive: true })
  user.write(
    "node_modules/fettle/package.json",
    '{ "name": "fettle", "type": "module", "exports": { "./package.json": "./package.json" } }',
  )
  user.write(
    "node_modules/fettle/dist/cli/main.js",
    'console.log("the other one:", process.argv.slice(2).join(" ")); process.exit(7)',
  )
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 7, stdout: "the other one: plan --check\n" })
})
