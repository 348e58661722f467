import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { beforeAll, describe, expect, test } from "vitest"

// Every file of this folder but this one. A line that must not compile stands under `// @ts-expect-error MESSAGE`: the
// compilers of `npm run check` hold that it is an error, and this test that it is the one whose message is given.
const folder = dirname(fileURLToPath(import.meta.url))
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => join(folder, name))

const DIRECTIVE = /^(\s*\/\/ )@ts-expect-error(.*)$/gm

let program: ts.Program

beforeAll(() => {
  program = compiled(files)
}, 120_000)

describe("types", () => {
  for (const file of files) {
    test(file.slice(folder.length + 1), () => {
      const { told, untold } = compare(file)
      expect(untold, "errors that no line expects").toEqual([])
      for (const { line, message, errors } of told) {
        expect(message.length, `line ${line} expects an error and does not say which`).toBeGreaterThan(10)
        expect(errors.join("\n"), `line ${line}`).toContain(message)
      }
    })
  }

  test("the files hold what they are for", () => {
    const expected = files.flatMap((file) => [...readFileSync(file, "utf8").matchAll(DIRECTIVE)])
    expect(expected.length).toBeGreaterThan(50)
  })
})

/** The project's own settings, with each directive made an ordinary comment of the same length. */
function compiled(roots: readonly string[]): ts.Program {
  const path = join(folder, "../../tsconfig.check.json")
  const read = ts.readConfigFile(path, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, dirname(path))
  const host = ts.createCompilerHost(options)
  const readFile = host.readFile.bind(host)
  host.readFile = (name) => {
    const text = readFile(name)
    return roots.includes(name) ? text?.replace(DIRECTIVE, "$1@EXPECTED-ERROR$2") : text
  }
  return ts.createProgram(roots, options, host)
}

interface Told {
  readonly line: number
  readonly message: string
  readonly errors: readonly string[]
}

/** What each directive of a file says and the errors that begin on the line below it; and all other errors. */
function compare(file: string): { told: readonly Told[]; untold: readonly string[] } {
  const source = program.getSourceFile(file) as ts.SourceFile
  const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  const errors = found.map((each) => ({
    line: source.getLineAndCharacterOfPosition(each.start ?? 0).line + 1,
    text: ts.flattenDiagnosticMessageText(each.messageText, "\n"),
  }))
  const lines = readFileSync(file, "utf8").split("\n")
  const told = lines.flatMap((text, at) => {
    const message = text.match(/^\s*\/\/ @ts-expect-error(.*)$/)?.[1]?.trim()
    if (message === undefined) return []
    return [{ line: at + 2, message, errors: errors.filter((each) => each.line === at + 2).map((each) => each.text) }]
  })
  const expected = new Set(told.map((each) => each.line))
  return { told, untold: errors.filter((each) => !expected.has(each.line)).map(({ line, text }) => `${line}: ${text}`) }
}
