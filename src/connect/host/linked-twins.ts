import { FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { HostRecord } from "./frames.ts"
import { quote, quoteAll } from "./quote.ts"

/** A declared thing that is known by a path. */
export interface AtPath {
  readonly kind: string
  readonly address: Address
  readonly path: string
}

/**
 * Those that are one thing by two paths, because a folder above one of them is a link: they would undo each other for ever. The
 * host is asked only where a name stands in more than one folder; what has no folder yet is no twin.
 */
export async function linkedTwins(
  all: readonly AtPath[],
  look: (script: string) => Promise<readonly HostRecord[]>,
): Promise<ReadonlyMap<Address, FettleError>> {
  const candidates = [...groupBy(all, ({ kind, path }) => `${kind}\n${nameOf(path)}`).values()].filter(isTold).flat()
  const folders = [...new Set(candidates.map(({ path }) => folderOf(path)))].filter((path) => !path.includes("\n"))
  if (folders.length < 2) return new Map()
  const real = await realFolders(folders, look)
  const known = candidates.filter(({ path }) => (real.get(folderOf(path)) ?? "") !== "")
  const where = ({ kind, path }: AtPath): string => `${kind}\n${real.get(folderOf(path))}\n${nameOf(path)}`
  const twins = [...groupBy(known, where).values()].filter(isTold)
  return new Map(twins.flatMap((group) => group.map((each) => [each.address, refusal(each, group)] as const)))
}

/** More than one path: one path twice is refused before anything is read. */
function isTold(group: readonly AtPath[]): boolean {
  return new Set(group.map(({ path }) => path)).size > 1
}

/** `cd` and `pwd` are built into every shell: no process for a folder. */
async function realFolders(
  folders: readonly string[],
  look: (script: string) => Promise<readonly HostRecord[]>,
): Promise<ReadonlyMap<string, string>> {
  const script = `for p in ${quoteAll(folders)}; do cd / && cd -P -- "$p" 2>/dev/null && pwd -P || echo; done`
  const records = await look(`ask 0 ${quote(script)}\n`)
  const lines =
    records
      .find(({ kind }) => kind === "q")
      ?.out.toString("utf8")
      .split("\n") ?? []
  if (lines.length !== folders.length + 1) return new Map() // a line break in a name: nothing can be told
  return new Map(folders.map((folder, at) => [folder, lines[at] as string]))
}

function refusal({ kind, address, path }: AtPath, group: readonly AtPath[]): FettleError {
  const other = group.find((each) => each.path !== path) as AtPath
  const fact = `${path} and ${other.path} of ${other.address} are the same ${kind}: a folder above one of them is a link`
  return new FettleError("DUPLICATE_ID", fact, { address, next: "declare it once, by the path that has no link in it" })
}

function groupBy(all: readonly AtPath[], keyOf: (each: AtPath) => string): ReadonlyMap<string, readonly AtPath[]> {
  const groups = new Map<string, AtPath[]>()
  for (const each of all) {
    const known = groups.get(keyOf(each))
    if (known === undefined) groups.set(keyOf(each), [each])
    else known.push(each)
  }
  return groups
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1)
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/"
}
