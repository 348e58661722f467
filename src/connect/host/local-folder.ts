import { lstat, readdir, readlink, stat } from "node:fs/promises"
import { join } from "node:path"
import { lookAtLocal } from "./local-file.ts"

/** A folder on the machine where fettle runs, and globs of what in it is not wanted. */
export interface LocalFolder {
  readonly path: string
  readonly ignore: readonly string[]
}

/** One thing in it. */
export type LocalEntry =
  | { readonly type: "file"; readonly mode: string; readonly sha256: string; readonly sizeBytes: number }
  | { readonly type: "directory"; readonly mode: string }
  | { readonly type: "link"; readonly to: string }

/** Everything in it by its path inside, parents first; or why it could not be read whole. */
export type LocalListing = { readonly entries: ReadonlyMap<string, LocalEntry> } | { readonly failed: string }

/** Lists a folder with the hashes of its files. Links are told, not followed. */
export async function listLocal({ path, ignore }: LocalFolder): Promise<LocalListing> {
  const ignored = ignore.map(globExpression)
  const found: { readonly inside: string; readonly entry: Promise<LocalEntry> | LocalEntry }[] = []
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(path, folder), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (ignored.some((each) => each.test(inside))) continue
      found.push({ inside, entry: entryAt(join(path, inside)) })
      if (entry.isDirectory()) await walk(inside)
    }
  }
  try {
    if (!(await stat(path)).isDirectory()) return { failed: `${path} is not a folder` }
    await walk("")
    const entries = await Promise.all(found.map(async ({ inside, entry }) => [inside, await entry] as const))
    return { entries: new Map(entries) }
  } catch (thrown) {
    await Promise.allSettled(found.map(({ entry }) => entry))
    return { failed: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}

async function entryAt(path: string): Promise<LocalEntry> {
  const facts = await lstat(path)
  const mode = (facts.mode & 0o7777).toString(8).padStart(4, "0")
  if (facts.isSymbolicLink()) return { type: "link", to: await readlink(path) }
  if (facts.isDirectory()) return { type: "directory", mode }
  if (!facts.isFile()) throw new Error(`${path} is neither a file nor a folder nor a link`)
  const seen = await lookAtLocal(path)
  if ("failed" in seen) throw new Error(seen.failed)
  return { type: "file", mode, sha256: seen.sha256, sizeBytes: seen.sizeBytes }
}

/**
 * A glob as an expression for paths inside a folder. Without a slash it is a name at any depth; `*` and `?` stay within a name, `**`
 * does not; what is below a folder that matches is left out with it.
 * @example globExpression("*.log").test("a/b.log") // true
 */
export function globExpression(glob: string): RegExp {
  const anywhere = !glob.replace(/\/$/, "").includes("/")
  const body = glob.replace(/^\/|\/$/g, "").replace(/\*\*\/|\*\*|\*|\?|\[!?[^\]]+\]|[\\^$.+()|{}[\]]/g, (part) => {
    if (part === "**/") return "(?:.*/)?"
    if (part === "**") return ".*"
    if (part === "*") return "[^/]*"
    if (part === "?") return "[^/]"
    return part.length > 1 ? part.replace(/^\[!/, "[^").replaceAll("\\", "\\\\") : `\\${part}`
  })
  return new RegExp(`^${anywhere ? "(?:.*/)?" : ""}${body}$`, "su")
}
