import { quote } from "../../connect/host/quote.ts"

/**
 * What stands in a tree, by its path inside, parents first: "0644 SHA-256" is a file, "0755/" a folder, "-> TARGET" a link.
 */
export type Entries = ReadonlyMap<string, string>

export function typeOf(entry: string): "file" | "directory" | "link" {
  if (entry.startsWith("-> ")) return "link"
  return entry.endsWith("/") ? "directory" : "file"
}

/** Entries as state remembers them, parents first: no path and no target holds a NUL. */
export function listOf(entries: Entries): string[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([inside, entry]) => `${entry}\0${inside}`)
}

export function entriesFrom(list: readonly string[] | undefined): Entries {
  return new Map((list ?? []).map((each) => [each.slice(each.indexOf("\0") + 1), each.slice(0, each.indexOf("\0"))]))
}

/** True in the shell while a link points where it did. */
export function pointsTo(path: string, to: string): string {
  return `{ [ -L ${path} ] && [ "$(readlink -n -- ${path}; printf x)" = ${quote(`${to}x`)} ]; }`
}

export function linkHere(path: string, to: string): string {
  return `ln -sfn -- ${quote(to)} ${path}`
}

export function unlinkLine(path: string, to: string): string {
  return `if [ -e ${path} ] || [ -L ${path} ]; then ${pointsTo(path, to)} || exit 10; rm -f -- ${path} || exit 20; fi`
}
