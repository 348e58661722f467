import { glob, lstat } from "node:fs/promises"
import { join, relative, resolve, sep } from "node:path"

/** Characters that make a path a pattern. */
const MAGIC = /[*?{}[\]!()]/

/** Files that patterns name. Paths are absolute and sorted. */
export interface Named {
  readonly paths: readonly string[]
  /** Patterns that name nothing. */
  readonly unmatched: readonly string[]
}

/**
 * The files that patterns name below `base`.
 *
 * A pattern is a path, a folder (all files below it) or a glob; one that begins with `!` takes away. As in a shell, `*`
 * and `**` pass over names that begin with a dot, and over `node_modules`, unless the pattern says them. Links to folders
 * are not followed.
 * @example await filesNamed(["src/**", "!src/**\/*.test.ts", "package.json"], "/srv/shop")
 */
export async function filesNamed(patterns: readonly string[], base: string, signal: AbortSignal): Promise<Named> {
  const found = new Set<string>()
  const unmatched: string[] = []
  const without = patterns.filter((each) => each.startsWith("!")).map((each) => each.slice(1))
  for (const pattern of patterns) {
    if (pattern.startsWith("!")) continue
    const before = found.size
    const known = await addPattern(pattern, base, without, found, signal)
    if (!known && found.size === before) unmatched.push(pattern)
  }
  return { paths: [...found].sort(), unmatched }
}

/** Adds the files of one pattern; true where it names something, known before or not. */
async function addPattern(
  pattern: string,
  base: string,
  without: readonly string[],
  found: Set<string>,
  signal: AbortSignal,
): Promise<boolean> {
  const path = resolve(base, pattern)
  const kind = await kindOf(path)
  if (kind === "file") {
    found.add(path)
    return true
  }
  if (kind === "absent" && !MAGIC.test(pattern)) return false
  const exclude = [...without, ...(pattern.includes("node_modules") ? [] : ["**/node_modules/**"])]
  const inside =
    kind === "folder"
      ? { cwd: path, pattern: "**", exclude: exclude.map((each) => moved(each, base, path)) }
      : { cwd: base, pattern, exclude }
  let any = false
  for await (const entry of glob(inside.pattern, { cwd: inside.cwd, exclude: inside.exclude, withFileTypes: true })) {
    signal.throwIfAborted()
    if (entry.isDirectory()) continue
    any = true
    found.add(join(entry.parentPath, entry.name))
  }
  return any
}

/** A pattern relative to `base`, as one relative to a folder in it. */
function moved(pattern: string, base: string, folder: string): string {
  const prefix = `${relative(base, folder).split(sep).join("/")}/`
  return pattern.startsWith(prefix) ? pattern.slice(prefix.length) : pattern
}

async function kindOf(path: string): Promise<"file" | "folder" | "absent"> {
  try {
    return (await lstat(path)).isDirectory() ? "folder" : "file"
  } catch {
    return "absent"
  }
}
