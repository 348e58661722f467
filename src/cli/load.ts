import { existsSync, readFileSync, realpathSync, statSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { runCommand } from "../connect/process.ts"
import { FettleError } from "../errors.ts"
import { isProgram, type Program } from "../program/program.ts"
import type { Call } from "./call.ts"
import { guardExit, leave } from "./leave.ts"
import { exitError, loadError } from "./load-error.ts"
import { printError } from "./print.ts"
import { noteSources } from "./sources.ts"

/** A user's program and where it lies. */
export interface Loaded {
  readonly program: Program
  readonly file: string
  /** Tasks start here, and `.fettle` lies here. */
  readonly folder: string
  /** Hash of the files that it was loaded from, as they are now. */
  readonly sources: () => string
}

/** Names looked for in a folder. */
const NAMES = ["fettle.ts", "fettle.mts"] as const

/** The program's file: as given, or the one in a folder. @throws FettleError `PROGRAM_NOT_FOUND` */
export function findFile(given: string | undefined, cwd: string): string {
  const at = resolve(cwd, given ?? ".")
  const stat = statSync(at, { throwIfNoEntry: false })
  if (stat?.isFile() === true) return at
  if (stat === undefined)
    throw new FettleError("PROGRAM_NOT_FOUND", `there is no ${at}`, {
      next: "give its path with --file; fettle init writes one",
    })
  const found = NAMES.map((name) => join(at, name)).find((each) => existsSync(each))
  if (found === undefined)
    throw new FettleError("PROGRAM_NOT_FOUND", `there is no ${NAMES[0]} in ${at}`, {
      next: "fettle init writes one; or give its path with --file",
    })
  return found
}

/**
 * Imports the user's program.
 * @throws FettleError `PROGRAM_NOT_FOUND`, `SYNTAX`, `TS_…`, `IMPORT_…`, `PROGRAM_THREW`: each with file, line and column
 */
export async function loadProgram(call: Pick<Call, "options" | "around">): Promise<Loaded> {
  const { options, around } = call
  const file = findFile(options.file, around.cwd)
  await handOver(file)
  guardExit((stack) => printError(exitError(stack), call))
  const sources = noteSources(dirname(file), OWN + sep, ownVersion())
  let module: Readonly<Record<string, unknown>>
  try {
    module = await imported(file)
  } catch (thrown) {
    throw await loadError(thrown, file, (path) => inspect(path, around.env))
  }
  return { program: programIn(module, file), file, folder: dirname(file), sources: sources.hash }
}

/** Imports a file; where its top-level await never settles, Node would end without a word. */
async function imported(file: string): Promise<Readonly<Record<string, unknown>>> {
  const hangs = Promise.withResolvers<never>()
  const give = (): void =>
    hangs.reject(
      new FettleError("PROGRAM_THREW", "it waits at its top level for something that never comes", {
        place: `${file}:1`,
      }),
    )
  process.once("beforeExit", give)
  try {
    return await Promise.race([import(pathToFileURL(file).href) as Promise<Record<string, unknown>>, hangs.promise])
  } finally {
    process.off("beforeExit", give)
  }
}

function programIn(module: Readonly<Record<string, unknown>>, file: string): Program {
  const given = module.default
  if (isProgram(given)) return given
  const named = Object.keys(module).find((name) => isProgram(module[name]))
  const fact =
    named !== undefined
      ? `${file} exports its program as ${named}, not as its default`
      : "default" in module
        ? `the default export of ${file} is ${given === null ? "null" : `a ${typeof given}`}, not a program`
        : `${file} has no default export`
  throw new FettleError("PROGRAM_NOT_FOUND", fact, {
    place: `${file}:1`,
    ...(named === undefined ? {} : { next: `export default ${named}` }),
  })
}

/** Longest time that Node may take to find a syntax error again. */
const INSPECT_MS = 10_000

/** V8 keeps the place of some syntax errors to itself and prints it only when the error ends Node. Nothing of the file runs. */
async function inspect(file: string, env: Call["around"]["env"]): Promise<string> {
  const { stderr } = await runCommand([process.execPath, "--no-warnings", file], {
    base: env,
    check: false,
    timeoutMs: INSPECT_MS,
  })
  return Buffer.from(stderr).toString()
}

/** The version of this Fettle. */
export function ownVersion(): string {
  return (JSON.parse(readFileSync(join(OWN, "package.json"), "utf8")) as { version: string }).version
}

/** Our own package's folder. */
export const OWN = realpathSync(fileURLToPath(new URL("../..", import.meta.url)))

/**
 * Goes on as the Fettle that the program itself imports, where that is not this one: two copies would not know each other's
 * nodes. Its command line reads the same arguments and ends the process.
 */
async function handOver(file: string): Promise<void> {
  const other = otherCopy(file)
  if (other === undefined) return
  await import(pathToFileURL(other).href)
  leave(Number(process.exitCode ?? 0))
}

/** The command line of another copy; undefined where the program imports this one, or none. */
function otherCopy(file: string): string | undefined {
  try {
    const folder = realpathSync(dirname(createRequire(file).resolve("fettle/package.json")))
    const main = join(folder, "dist", "cli", "main.js")
    return folder === OWN || !existsSync(main) ? undefined : main
  } catch {
    return undefined
  }
}
