import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import { cleanedAsGo, trimmedAsGo } from "./ignore-pattern.ts"
import { type IgnoreRules, ignoreRules } from "./ignore-rules.ts"

/** Nobody writes more by hand; a file that is larger is no ignore file. */
const IGNORE_MAX_BYTES = 4 * 1024 * 1024

/** The rules of a context, and where they came from. */
export interface IgnoreFile {
  /** Undefined where there is none: nothing is ignored. */
  readonly path: string | undefined
  readonly rules: IgnoreRules
}

/**
 * The ignore file of a build: `DOCKERFILE.dockerignore` beside the Dockerfile, else `.dockerignore` in the context.
 * @throws FettleError `DOCKER_IGNORE_INVALID`, `BUILD_CONTEXT_UNREADABLE`
 */
export async function ignoreFile(context: string, dockerfile: string): Promise<IgnoreFile> {
  for (const path of [`${dockerfile}.dockerignore`, join(context, ".dockerignore")]) {
    const text = await textOf(path)
    if (text === undefined) continue
    try {
      return { path, rules: ignoreRules(ignoreLines(text)) }
    } catch (error) {
      throw error instanceof FettleError ? new FettleError(error.code, `${path}: ${error.fact}`) : error
    }
  }
  return { path: undefined, rules: ignoreRules([]) }
}

/** The patterns of an ignore file's text: comments, blanks, a byte order mark and leading slashes are gone. */
export function ignoreLines(text: string): string[] {
  const lines: string[] = []
  for (const raw of text.replace(/^\ufeff/, "").split("\n")) {
    if (raw.startsWith("#")) continue
    const line = trimmedAsGo(raw)
    if (line === "") continue
    const keeps = line.startsWith("!")
    lines.push(`${keeps ? "!" : ""}${rooted(keeps ? trimmedAsGo(line.slice(1)) : line)}`)
  }
  return lines
}

function rooted(pattern: string): string {
  if (pattern === "") return ""
  const cleaned = cleanedAsGo(pattern)
  return cleaned.length > 1 && cleaned.startsWith("/") ? cleaned.slice(1) : cleaned
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path)
    if (bytes.length <= IGNORE_MAX_BYTES) return bytes.toString("utf8")
    throw new Error(`it is larger than ${IGNORE_MAX_BYTES} bytes`)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw new FettleError("BUILD_CONTEXT_UNREADABLE", `${path} cannot be read: ${causeText(error)}`, { cause: error })
  }
}
