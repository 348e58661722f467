import { readdir, readFile } from "node:fs/promises"
import { join, relative, sep } from "node:path"

/** A file of a folder of migrations. */
export interface MigrationFile {
  /** In the folder, with slashes. */
  readonly path: string
  /** From the root, with slashes. */
  readonly whole: string
  readonly text: string
}

/** Files and folders that are looked at, 20,000: a folder of migrations holds far fewer. */
const ENTRIES_MAX = 20_000
/** What no migration stands in. */
const SKIPPED = /^(?:\.|node_modules$|__pycache__$)/
/** What a migration is written in. */
const WRITTEN_IN = /\.(?:sql|rb|py|[cm]?[jt]s|exs?|java|kt)$/i

/** The files of a folder that may be migrations. @throws what reading a folder throws; RangeError where there are too many */
export async function migrationFiles(folder: string, signal: AbortSignal): Promise<readonly MigrationFile[]> {
  const files: MigrationFile[] = []
  const folders = [folder]
  let looked = 0
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    signal.throwIfAborted()
    for (const entry of await readdir(at, { withFileTypes: true })) {
      looked += 1
      if (looked > ENTRIES_MAX) throw new RangeError(`it holds more than ${ENTRIES_MAX} files`)
      if (SKIPPED.test(entry.name)) continue
      const whole = join(at, entry.name)
      if (entry.isDirectory()) folders.push(whole)
      else if (entry.isFile() && WRITTEN_IN.test(entry.name)) files.push(await fileAt(folder, whole))
    }
  }
  return files.toSorted((left, right) => (left.path < right.path ? -1 : 1))
}

async function fileAt(folder: string, whole: string): Promise<MigrationFile> {
  const slashed = (path: string): string => path.split(sep).join("/")
  return { path: slashed(relative(folder, whole)), whole: slashed(whole), text: await readFile(whole, "utf8") }
}
