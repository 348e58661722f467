import { existsSync, statSync } from "node:fs"
import { createRequire, isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { FettleError } from "../errors.ts"
import { headSpot, placeOf, readSource, type Spot, type Thrown } from "./spot.ts"

/** Node's codes for imports that it found and will not load. */
const REFUSED = new Set([
  "ERR_IMPORT_ATTRIBUTE_MISSING",
  "ERR_IMPORT_ATTRIBUTE_TYPE_INCOMPATIBLE",
  "ERR_INVALID_MODULE_SPECIFIER",
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_UNSUPPORTED_ESM_URL_SCHEME",
  "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING",
])
const MISSING = new Set([
  "ERR_MODULE_NOT_FOUND",
  "ERR_UNSUPPORTED_DIR_IMPORT",
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_UNKNOWN_BUILTIN_MODULE",
])

/** An import that Node could not follow, as a coded error; undefined where the error is about something else. */
export function importError(error: Thrown, file: string): FettleError | undefined {
  const name = /does not provide an export named '([^']*)'/.exec(error.message ?? "")?.[1]
  if (name !== undefined) return noExport(error, name, file)
  const named = /Named export '([^']*)' not found\. The requested module '([^']*)' is a CommonJS module/.exec(
    error.message ?? "",
  )
  if (named !== null) return commonJsExport(error, named[1] ?? "", named[2] ?? "", file)
  if (error.code === "ERR_AMBIGUOUS_MODULE_SYNTAX")
    return new FettleError("IMPORT_COMMONJS", firstLine(error), { place: `${file}:1` })
  if (error.code === undefined) return undefined
  if (REFUSED.has(error.code))
    return new FettleError("IMPORT_REFUSED", firstLine(error), { place: `${importerOf(error) ?? file}:1` })
  return MISSING.has(error.code) ? notFound(error, file) : undefined
}

function firstLine(error: Thrown): string {
  return (error.message ?? "").split("\n")[0] ?? ""
}

/** The file whose import failed, which Node names in the message. */
function importerOf(error: Thrown): string | undefined {
  const path = / imported from (\S.*?)$/m.exec(error.message ?? "")?.[1]
  return path?.startsWith("file:") === true ? fileURLToPath(path) : path
}

function notFound(error: Thrown, file: string): FettleError {
  const importer = importerOf(error) ?? file
  const found = importsOf(importer).find((each) => isMeant(each.specifier, importer, error))
  const place = found === undefined ? `${importer}:1` : placeOf(found)
  if (found !== undefined && /^\.{0,2}\//.test(found.specifier)) return relativeMissing(found, importer, place)
  const specifier = found?.specifier ?? packageIn(error) ?? "?"
  if (isBuiltin(specifier) || specifier.startsWith("node:"))
    return new FettleError("IMPORT_MISSING", `Node ${process.versions.node} has no module ${specifier}`, {
      place,
      next: "correct the name, or use a newer Node",
    })
  if (error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED")
    return new FettleError("IMPORT_MISSING", `the package has no ${specifier}`, {
      place,
      cause: firstLine(error),
      next: "correct the path",
    })
  const name = packageName(specifier)
  return new FettleError("IMPORT_MISSING", `the package ${name} is not installed where the program is`, {
    place,
    next: `npm install ${name}   (in ${dirname(importer)} or above)`,
  })
}

function relativeMissing({ specifier }: Import, importer: string, place: string): FettleError {
  const better = endingFor(specifier, importer)
  if (better !== undefined)
    return new FettleError(
      "IMPORT_ENDING",
      `${JSON.stringify(specifier)} is not the name of a file; Node does not guess endings`,
      { place, next: `write ${JSON.stringify(better)}` },
    )
  return new FettleError("IMPORT_MISSING", `there is no file ${join(dirname(importer), specifier)}`, {
    place,
    next: "correct the path",
  })
}

/** The specifier of the file that is meant, if it is there. */
function endingFor(specifier: string, importer: string): string | undefined {
  const bare = specifier.replace(/\.[cm]?jsx?$/, "").replace(/\/$/, "")
  const names = [".ts", ".mts", ".js", ".mjs", ".cts", ".cjs", "/index.ts", "/index.js"].map((ending) => bare + ending)
  return names.find(
    (name) =>
      name !== specifier && statSync(join(dirname(importer), name), { throwIfNoEntry: false })?.isFile() === true,
  )
}

interface Import extends Spot {
  readonly specifier: string
}

/** Import specifiers of a file and their places. Comments may add some that are none; they match no error. */
function importsOf(file: string): readonly Import[] {
  const source = readSource(file) ?? ""
  const found: Import[] = []
  for (const match of source.matchAll(
    /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'])((?:(?!\1)[^\\\n])+)\1/g,
  )) {
    const at = match.index + match[0].length - (match[2] ?? "").length - 2
    const before = source.slice(0, at).split("\n")
    found.push({ file, specifier: match[2] ?? "", line: before.length, column: (before.at(-1) ?? "").length + 1 })
  }
  return found
}

function isMeant(specifier: string, importer: string, error: Thrown): boolean {
  if (/^\.{0,2}\//.test(specifier))
    return error.url !== undefined && new URL(specifier, pathToFileURL(importer)).href === error.url
  const name = packageIn(error)
  return name !== undefined && (specifier === name || specifier.startsWith(`${name}/`))
}

/** The package or module that Node's message names. */
function packageIn(error: Thrown): string | undefined {
  const message = error.message ?? ""
  const name =
    /^Cannot find package '([^']+)'/.exec(message)?.[1] ?? /^No such built-in module: (\S+)/.exec(message)?.[1]
  if (name !== undefined) return name
  const path = /^Package subpath '\.\/?([^']*)' is not defined by "exports" in (.*)\/package\.json/.exec(message)
  return path?.[2] === undefined ? undefined : `${packageAt(path[2])}/${path[1]}`
}

/** The name in a package's folder. */
function packageAt(folder: string): string {
  try {
    return String((JSON.parse(readSource(join(folder, "package.json")) ?? "") as { name?: unknown }).name)
  } catch {
    return folder
  }
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
}

/** A name that the module does not give as a value: a type imported without `type`, or a name that is not there. */
function noExport(error: Thrown, name: string, file: string): FettleError {
  const spot = headSpot(error.stack) ?? { file, line: 1, column: undefined }
  const specifier = /requested module '([^']+)'/.exec(error.message ?? "")?.[1] ?? ""
  const place = placeOf(spot)
  if (name === "default")
    return new FettleError("IMPORT_MISSING", `${specifier} has no default export`, {
      place,
      next: `import what it has by name: import { … } from "${specifier}"`,
    })
  if (isType(specifier, spot.file, name))
    return new FettleError(
      "IMPORT_TYPE",
      `${name} is a type of ${specifier}; after types are removed nothing of that name is left`,
      { place, next: `write import { type ${name} } from "${specifier}"` },
    )
  return new FettleError("IMPORT_MISSING", `${specifier} has no export named ${name}`, {
    place,
    next: "correct the name; where it is a type, import it with `type`",
  })
}

function commonJsExport(error: Thrown, name: string, specifier: string, file: string): FettleError {
  const place = placeOf(headSpot(error.stack) ?? { file, line: 1, column: undefined })
  return new FettleError("IMPORT_MISSING", `${specifier} is a CommonJS module and gives no ${name} by name`, {
    place,
    next: `import whole from "${specifier}", then take ${name} from it`,
  })
}

/** Whether a module declares `name` as a type: looked up in its source or its declarations. */
function isType(specifier: string, importer: string, name: string): boolean {
  const target = resolved(specifier, importer)
  if (target === undefined) return false
  const declarations = target.replace(/\.([cm]?)js$/, ".d.$1ts")
  const sources = [...new Set([target, declarations])]
    .filter((each) => existsSync(each))
    .map((each) => readSource(each) ?? "")
  const word = name.replace(/[$]/g, "\\$")
  const declared = new RegExp(
    `\\b(?:interface|type)\\s+${word}\\b|\\btype\\s*\\{[^}]*\\b${word}\\b|\\{[^}]*\\btype\\s+(?:\\w+\\s+as\\s+)?${word}\\b`,
  )
  return sources.some((source) => declared.test(source))
}

function resolved(specifier: string, importer: string): string | undefined {
  if (/^\.{0,2}\//.test(specifier)) return fileURLToPath(new URL(specifier, pathToFileURL(importer)))
  try {
    return createRequire(importer).resolve(specifier)
  } catch {
    return undefined
  }
}
