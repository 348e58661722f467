import { lstatSync, readlinkSync } from "node:fs"
import { posix } from "node:path"

/** More links than this in one path are a loop. */
const LINKS_MAX = 255

/** Whether something of a context is asked for: itself, as a folder on the way to it, or not at all. */
export type Asked = "itself" | "on the way" | "no"

/**
 * What a build asks for of its context: the sources of its COPY and ADD, and where links on the way lead. From the first
 * wildcard on, all in that folder counts: more than is needed does no harm.
 * @param paths as BuildKit tells them; none for everything
 */
export function followedPaths(context: string, paths: readonly string[]): (path: string) => Asked {
  if (paths.length === 0) return () => "itself"
  const wanted = new Set<string>()
  for (const path of paths) follow(context, path, wanted, 0)
  if (wanted.has("")) return () => "itself"
  const ways = new Set([...wanted].flatMap(foldersOf))
  return (path) => {
    if (wanted.has(path) || foldersOf(path).some((folder) => wanted.has(folder))) return "itself"
    return ways.has(path) ? "on the way" : "no"
  }
}

function follow(context: string, path: string, wanted: Set<string>, links: number): void {
  const names = partsOf(path)
  for (let at = 0; at < names.length; at += 1) {
    const here = names.slice(0, at).join("/")
    const name = names[at] as string
    if (/[*?[\\]/.test(name)) {
      wanted.add(here)
      return
    }
    const target = linkAt(context, here === "" ? name : `${here}/${name}`)
    if (target === undefined) continue
    wanted.add(here === "" ? name : `${here}/${name}`)
    const led = target.startsWith("/") ? target : `${here}/${target}`
    if (links < LINKS_MAX) follow(context, [led, ...names.slice(at + 1)].join("/"), wanted, links + 1)
    return
  }
  wanted.add(names.join("/"))
}

/** Seen from the context: nothing leads out of it, as for BuildKit. */
function partsOf(path: string): string[] {
  return posix
    .normalize(`/${path}`)
    .split("/")
    .filter((name) => name !== "")
}

function linkAt(context: string, path: string): string | undefined {
  try {
    const full = `${context}/${path}`
    return lstatSync(full).isSymbolicLink() ? readlinkSync(full) : undefined
  } catch {
    return undefined // what is not there BuildKit says itself
  }
}

function foldersOf(path: string): string[] {
  const folders: string[] = []
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) folders.push(path.slice(0, at))
  return folders
}
