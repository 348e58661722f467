import { type ErrorCode, FettleError } from "../errors.ts"
import { importError } from "./import-error.ts"
import { firstUserSpot, headSpot, lineAt, placeOf, type Spot, type Thrown } from "./spot.ts"

/** Runs `node FILE` and gives what it wrote to standard error. */
export type Inspect = (file: string) => Promise<string>

/** What Node's type stripping says, and what it means. The words are the same in 22.18 and 24. */
const STRIPPING: readonly (readonly [RegExp, ErrorCode])[] = [
  [/\benum\b/i, "TS_ENUM"],
  [/namespace|`module` keyword/i, "TS_NAMESPACE"],
  [/parameter propert/i, "TS_PARAMETER_PROPERTY"],
  [/import equals|export assignment/i, "TS_IMPORT_ALIAS"],
  [/decorator/i, "TS_DECORATOR"],
]

/** A name of CommonJS used in an ES module, as V8 says it. */
const COMMONJS_NAME = /^(require|module|exports|__filename|__dirname) is not defined/
/** ES module syntax met by the CommonJS loader. */
const COMMONJS_LOADER =
  /^(Cannot use import statement outside a module|Unexpected token 'export'|await is only valid in async functions)/
/** Stack frames of Node's compiler: the code did not even begin to run. */
const COMPILING = /compileSourceTextModule|wrapSafe|loadCJSModule|node:internal\/vm/

/**
 * What the import of a program threw, as a coded error with its place.
 * @param inspect asked only where V8's error does not say where: it prints the place when it ends Node itself
 */
export async function loadError(thrown: unknown, file: string, inspect: Inspect): Promise<FettleError> {
  if (thrown instanceof FettleError) return thrown
  const error = (typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) }) as Thrown
  const found = importError(error, file)
  if (found !== undefined) return found
  if (error.code?.endsWith("_TYPESCRIPT_SYNTAX") === true) return stripped(error, file)
  if (error.name === "SyntaxError" && isCompiling(error)) return syntaxError(error, file, inspect)
  if (COMMONJS_NAME.test(error.message ?? ""))
    return commonJs(error, firstUserSpot(error.stack) ?? { file, line: 1, column: undefined })
  const place = placeOf(firstUserSpot(error.stack) ?? { file, line: 1, column: undefined })
  return new FettleError("PROGRAM_THREW", messageOf(error), {
    place,
    cause: thrown instanceof Error ? thrown.cause : undefined,
  })
}

/** What was thrown while nobody waited for it: by the program where one of its lines is in the stack, else by Fettle. */
export function crashError(thrown: unknown): FettleError {
  if (thrown instanceof FettleError) return thrown
  const error = (typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) }) as Thrown
  const spot = firstUserSpot(error.stack)
  const parts = {
    cause: thrown instanceof Error ? thrown.cause : undefined,
    place: spot === undefined ? undefined : placeOf(spot),
  }
  return new FettleError(spot === undefined ? "INTERNAL" : "STRAY_ERROR", messageOf(error), parts)
}

/** An end of the process that nobody of us asked for, at the user's line that asked for it. */
export function exitError(stack: string): FettleError {
  const spot = firstUserSpot(stack)
  const isAsked = /\bprocess\.(?:exit|reallyExit)\b/.test(stack)
  const fact = isAsked
    ? "process.exit was called in the middle of the run"
    : "nothing was left that could go on: something waits for what never comes"
  return new FettleError("PROCESS_ENDED", fact, spot === undefined ? {} : { place: placeOf(spot) })
}

function stripped(error: Thrown, file: string): FettleError {
  const message = error.message ?? ""
  const code = STRIPPING.find(([pattern]) => pattern.test(message))?.[1] ?? "SYNTAX"
  const spot = headSpot(error.stack) ?? { file, line: 1, column: undefined }
  return new FettleError(code, factAt(message, spot), { place: placeOf(spot) })
}

async function syntaxError(error: Thrown, file: string, inspect: Inspect): Promise<FettleError> {
  const spot = headSpot(error.stack) ?? headSpot(await inspect(file)) ?? { file, line: 1, column: undefined }
  const message = error.message ?? ""
  if (COMMONJS_LOADER.test(message) && /cjs\/loader|loadCJSModule/.test(error.stack ?? "")) return commonJs(error, spot)
  const code =
    lineAt(spot)
      ?.slice((spot.column ?? 1) - 1)
      .startsWith("@") === true
      ? "TS_DECORATOR"
      : "SYNTAX"
  return new FettleError(code, factAt(message, spot), { place: placeOf(spot) })
}

function commonJs(error: Thrown, spot: Spot): FettleError {
  return new FettleError("IMPORT_COMMONJS", factAt(messageOf(error), spot), { place: placeOf(spot) })
}

/** Whether the code failed to compile, as opposed to a SyntaxError that it threw itself, as JSON.parse does. */
function isCompiling(error: Thrown): boolean {
  return headSpot(error.stack) !== undefined || COMPILING.test(error.stack ?? "")
}

/** The fact with the line it is about. */
function factAt(message: string, spot: Spot): string {
  const line = lineAt(spot)?.trim()
  return line === undefined || line === "" ? message : `${message}: ${line.slice(0, 120)}`
}

function messageOf(error: Thrown): string {
  const message =
    error.message === undefined || error.message === "" ? "it threw something without a message" : error.message
  return error.name === undefined || error.name === "Error" || error.name === "SyntaxError"
    ? message
    : `${error.name}: ${message}`
}
