import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import { FettleError } from "../errors.ts"
import type { LocalTools } from "../verify/tools.ts"
import type { Loaded } from "./load.ts"

/** What the type checker is told where the project has no tsconfig.json of its own that covers the program. */
const FLAGS = [
  "--noEmit",
  "--strict",
  "--skipLibCheck",
  "--module",
  "nodenext",
  "--target",
  "es2023",
  "--erasableSyntaxOnly",
  "--verbatimModuleSyntax",
  "--allowImportingTsExtensions",
]
/** Longest time that the checker may take. */
const CHECK_MS = 300_000
/** Errors told; the rest is counted. */
const TOLD_MAX = 20

/**
 * Checks the types of a program with the project's own typescript.
 * @throws FettleError `TYPESCRIPT_MISSING`, `TYPES_WRONG` with the first errors
 */
export async function checkTypes({ file, folder }: Pick<Loaded, "file" | "folder">, tools: LocalTools): Promise<void> {
  const { tsc, version } = typescriptOf(file)
  const config = configFor(folder)
  if (config !== undefined) {
    const { lines, files } = await runChecker(tools, [
      tsc,
      "-p",
      config,
      "--noEmit",
      "--pretty",
      "false",
      "--listFiles",
    ])
    refuseWrong(lines, folder)
    if (files.includes(file)) return
  }
  const alone = config !== undefined && Number(version.split(".")[0]) >= 6 ? ["--ignoreConfig"] : []
  const { lines } = await runChecker(tools, [tsc, ...FLAGS, ...nodeTypes(file), ...alone, "--pretty", "false", file])
  refuseWrong(lines, folder)
}

function typescriptOf(file: string): { tsc: string; version: string } {
  try {
    const manifest = createRequire(file).resolve("typescript/package.json")
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string }
    const tsc = join(dirname(manifest), "bin", "tsc")
    if (existsSync(tsc)) return { tsc, version }
  } catch {
    // told below
  }
  throw new FettleError("TYPESCRIPT_MISSING", `there is no typescript where ${file} is`, { place: `${file}:1` })
}

/** What is known of Node, where the project has it: import.meta.dirname, process, Buffer. */
function nodeTypes(file: string): readonly string[] {
  try {
    createRequire(file).resolve("@types/node/package.json")
    return ["--types", "node"]
  } catch {
    return []
  }
}

/** The nearest tsconfig.json, as editors find it. */
function configFor(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const config = join(at, "tsconfig.json")
    if (existsSync(config)) return config
    if (at === dirname(at)) return undefined
  }
}

interface Checked {
  /** Errors, one a line, as the checker prints them. */
  readonly lines: readonly string[]
  /** Files that it looked at. */
  readonly files: readonly string[]
}

async function runChecker(tools: LocalTools, args: readonly string[]): Promise<Checked> {
  const { stdout, stderr, exitCode, timedOut } = await tools.run([process.execPath, ...args], {
    env: tools.baseEnv,
    check: false,
    timeoutMs: CHECK_MS,
  })
  if (timedOut) throw new FettleError("TIMEOUT", `the type checker was not done within ${CHECK_MS / 1000} s`)
  const all = stdout.split("\n")
  const lines = all.filter((line) => /(?:^|: )error TS\d+: /.test(line))
  if (exitCode !== 0 && lines.length === 0)
    throw new FettleError("TYPES_WRONG", `the type checker ended with exit code ${exitCode}`, {
      cause: (stderr || stdout).slice(0, 2_000),
    })
  return { lines, files: all.filter((line) => line.startsWith("/") && !line.includes("error TS")) }
}

function refuseWrong(lines: readonly string[], folder: string): void {
  if (lines.length === 0) return
  const errors = lines.map((line) => inWords(line, folder))
  const told = errors.slice(0, TOLD_MAX).map((each) => `${each.place}  ${each.message}`)
  const more = errors.length > TOLD_MAX ? [`and ${errors.length - TOLD_MAX} more`] : []
  const fact = `${errors.length} type ${errors.length === 1 ? "error" : "errors"}\n${[...told, ...more].join("\n")}`
  throw new FettleError("TYPES_WRONG", fact, {
    place: errors[0]?.absolute,
    details: { errors: lines.slice(0, TOLD_MAX) },
  })
}

/** `fettle.ts(3,5): error TS2322: …` as a place and a message. */
function inWords(line: string, folder: string): { place: string; absolute: string; message: string } {
  const parts = /^(.*)\((\d+),(\d+)\): error (TS\d+: .*)$/.exec(line)
  if (parts === null) return { place: "tsconfig.json", absolute: join(folder, "tsconfig.json"), message: line }
  const [, file = "", row, column, message = ""] = parts
  const absolute = file.startsWith("/") ? file : join(folder, file)
  return { place: `${relative(folder, absolute)}:${row}:${column}`, absolute: `${absolute}:${row}:${column}`, message }
}
