import { posix } from "node:path"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { type Entries, linkHere, pointsTo, typeOf, unlinkLine } from "./tree-entries.ts"
import { isBelow, type Swaps, swapLines, swapsIn } from "./tree-swaps.ts"

/** Paths that one command gets. */
const PATHS_AT_ONCE = 200

/** How what is there differs from what is wanted, and what is to be done about it. */
export interface TreeDiff {
  /** For people: what is new, what differs and in what, what has left the source, what others put there. */
  readonly news: Entries
  readonly changed: ReadonlyMap<string, string>
  readonly gone: readonly string[]
  readonly others: readonly string[]
  /** For the host. */
  readonly folders: Entries
  readonly puts: ReadonlyMap<string, { readonly entry: string; readonly expect: string }>
  readonly removes: ReadonlyMap<string, string>
  readonly links: ReadonlyMap<string, { readonly to: string; readonly from: string | undefined }>
  readonly unlinks: ReadonlyMap<string, string>
  readonly modes: ReadonlyMap<string, string>
  readonly owners: readonly string[]
  /** Folders that get their owner, the deepest first. */
  readonly ownFolders: readonly string[]
  /** Folders that have left the source, the deepest first. */
  readonly empties: readonly string[]
  /** What becomes of another type, with what is wanted below it. */
  readonly swaps: Swaps
  /** Folders that have left with one that becomes something else, the deepest first. */
  readonly swappedOut: readonly string[]
}

/** Compares a tree. `owners`: paths that belong to somebody else; `others`: files that are to go though they are not ours. */
export function diffTrees(
  wanted: Entries,
  there: Entries,
  owners: readonly string[],
  others: readonly string[],
): TreeDiff {
  const news = new Map([...wanted].filter(([inside]) => !there.has(inside)))
  const gone = [...there.keys()].filter((inside) => !wanted.has(inside))
  const changed = changedIn(wanted, there, owners)
  const of = <T>(entries: Iterable<readonly [string, T]>): Map<string, T> => new Map(entries)
  const swaps = swapsIn(wanted, there)
  const touched = [...wanted].filter(([inside]) => (news.has(inside) || changed.has(inside)) && !swaps.has(inside))
  const puts = touched.filter(
    ([inside, entry]) => typeOf(entry) === "file" && contentOf(entry) !== contentOf(there.get(inside)),
  )
  const left = (type: string): string[] => gone.filter((inside) => typeOf(there.get(inside) as string) === type)
  const isPut = new Set([...puts.map(([inside]) => inside), ...swaps.keys()])
  const isFolder = (inside: string): boolean => typeOf(wanted.get(inside) ?? "") === "directory"
  const emptied = Map.groupBy(left("directory").reverse(), (inside) => isBelow(inside, swaps))
  return {
    news,
    changed,
    gone,
    others,
    folders: of(touched.filter(([inside, entry]) => news.has(inside) && typeOf(entry) === "directory")),
    puts: of(puts.map(([inside, entry]) => [inside, { entry, expect: contentOf(there.get(inside)) ?? "absent" }])),
    removes: of(left("file").map((inside) => [inside, contentOf(there.get(inside)) as string] as const)),
    links: of(
      touched
        .filter(([, entry]) => typeOf(entry) === "link")
        .map(([inside, entry]) => [inside, { to: entry.slice(3), from: there.get(inside)?.slice(3) }]),
    ),
    unlinks: of(left("link").map((inside) => [inside, (there.get(inside) as string).slice(3)] as const)),
    modes: of(
      [...changed.keys()]
        .filter((inside) => !isPut.has(inside) && typeOf(wanted.get(inside) as string) !== "link")
        .map((inside) => [inside, (wanted.get(inside) as string).slice(0, 4)] as const),
    ),
    owners: owners.filter((inside) => !isPut.has(inside) && !isFolder(inside)),
    ownFolders: [...new Set([...owners, ...news.keys(), ...swaps.keys()])].filter(isFolder).sort().reverse(),
    empties: emptied.get(false) ?? [],
    swaps,
    swappedOut: emptied.get(true) ?? [],
  }
}

/** What differs in what is there and wanted, as words. */
function changedIn(wanted: Entries, there: Entries, owners: readonly string[]): ReadonlyMap<string, string> {
  const others = new Set(owners)
  const changed = new Map<string, string>()
  for (const [inside, entry] of wanted) {
    const at = there.get(inside)
    if (at === undefined) continue
    if (typeOf(at) !== typeOf(entry)) {
      changed.set(inside, `a ${typeOf(at)}, wanted a ${typeOf(entry)}`)
      continue
    }
    const words = [
      contentOf(entry) === contentOf(at) ? [] : [typeOf(entry) === "link" ? "target" : "content"],
      typeOf(entry) === "link" || entry.slice(0, 4) === at.slice(0, 4)
        ? []
        : [`mode ${at.slice(0, 4)}, wanted ${entry.slice(0, 4)}`],
      others.has(inside) ? ["owner"] : [],
    ].flat()
    if (words.length > 0) changed.set(inside, words.join("; "))
  }
  return changed
}

/** The hash of a file, the target of a link; nothing of a folder. */
function contentOf(entry: string | undefined): string | undefined {
  if (entry === undefined || typeOf(entry) === "directory") return undefined
  return typeOf(entry) === "link" ? entry : entry.slice(5)
}

/** The commands for everything but the contents of files; empty where there is nothing to do. */
export function treeScript(
  path: string,
  diff: TreeDiff,
  { owner, group }: { readonly owner?: string | undefined; readonly group?: string | undefined },
  root?: "own" | "remove" | false,
): string {
  const at = (inside: string): string => posix.join(path, inside)
  const who = group === undefined ? owner : `${owner ?? ""}:${group}`
  const byMode = Map.groupBy([...diff.modes], ([, mode]) => mode)
  const chowns = (insides: readonly string[]): string[] =>
    who === undefined ? [] : chunks(insides.map(at)).map((all) => `chown -h -- ${quote(who)} ${all} || exit 20`)
  const folders = who === undefined ? [] : [...diff.ownFolders, ...(root === "own" ? [""] : [])]
  const lines = [
    ...chunks(diff.others.map(at)).map((all) => `rm -f -- ${all} || exit 20`),
    ...[...diff.unlinks].map(([inside, to]) => unlinkLine(quote(at(inside)), to)),
    ...swapLines(path, diff.swaps, diff.swappedOut, who),
    ...[...diff.links].map(([inside, { to, from }]) => linkLine(quote(at(inside)), to, from)),
    ...chowns([...diff.owners, ...diff.links.keys()]),
    ...[...byMode].flatMap(([mode, all]) =>
      chunks(all.map(([inside]) => at(inside))).map((paths) => `chmod -- ${mode} ${paths} || exit 20`),
    ),
    ...chunks(diff.empties.map(at)).map((all) => `rmdir -- ${all} 2>/dev/null`),
    // Whoever a folder belongs to could lead elsewhere what is done in it: they get it once all is done, the deepest first.
    ...chowns(folders),
    ...(root === "remove" ? [`rmdir -- ${quote(path)} 2>/dev/null`] : []),
  ]
  const touched = [diff.unlinks, diff.links, diff.modes, diff.swaps].flatMap((each) => [...each.keys()])
  const within = [...diff.others, ...touched, ...diff.owners, ...folders, ...diff.empties, ...diff.swappedOut].map(
    (each) => posix.dirname(at(each)),
  )
  const safely = chunks([...new Set(within)]).map((all) => `safely ${all}`)
  return lines.length === 0
    ? ""
    : `${[...safely, ...lines, `[ ! -d ${quote(path)} ] || keep ${quote(path)}`].join("\n")}\n`
}

function chunks(paths: readonly string[]): string[] {
  const all: string[] = []
  for (let from = 0; from < paths.length; from += PATHS_AT_ONCE)
    all.push(quoteAll(paths.slice(from, from + PATHS_AT_ONCE)))
  return all
}

function linkLine(path: string, to: string, from: string | undefined): string {
  const before = from === undefined ? `{ [ ! -e ${path} ] && [ ! -L ${path} ]; }` : pointsTo(path, from)
  return `${before} || ${pointsTo(path, to)} || exit 10\n${linkHere(path, to)} || exit 20`
}
