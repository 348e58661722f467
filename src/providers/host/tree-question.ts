import { posix } from "node:path"
import type { HostAnswer } from "../../connect/host/kind.ts"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { type Entries, typeOf } from "./tree-entries.ts"

/** What a tree asks for besides facts of paths. */
interface TreeQuestion {
  readonly path: string
  /** Somebody is to own it: whether root may write in it is told. */
  readonly isOwned: boolean
  /** Folders inside that may be theirs already. */
  readonly folders: readonly string[]
  readonly purge: boolean
  /** Folders that were ours and become something else: all that is in them is told. */
  readonly ending: readonly string[]
}

/** Most folders that are looked at: each is a process of its own on the host. */
const FOLDERS_MAX = 200

/** Undefined where nothing is to be asked. */
export function treeQuestion({ path, isOwned, folders, purge, ending }: TreeQuestion): string | undefined {
  const all = quoteAll([path, ...folders.slice(0, FOLDERS_MAX).map((each) => posix.join(path, each))])
  const lines = [
    ...(isOwned
      ? [`for d in ${all}; do if [ -d "$d" ] && theirs "$d"; then printf 'astray %s\\n' "$w"; break; fi; done`]
      : []),
    ...(ending.length === 0
      ? []
      : [`find ${quoteAll(ending.map((each) => posix.join(path, each)))} 2>/dev/null | sed 's/^/in /'`]),
    ...(purge ? [findScript(path)] : []),
  ]
  return lines.length === 0 ? undefined : [...lines, ...(purge ? [] : [":"])].join("\n")
}

/** Prints the path of everything in a folder but folders. A name with a newline could not be told from two. */
function findScript(path: string): string {
  return `cd -- ${quote(path)} 2>/dev/null || exit 0
[ -z "$(find . -name '*
*' | head -n 1)" ] || { echo 'a name in it holds a newline, and what is there cannot be listed'; exit 20; }
find . ! -type d`
}

/** What a host said. */
export interface TreeTold {
  /** Why root must not write in it. */
  readonly astray: string | undefined
  /** Paths, absolute, in folders that are to end. */
  readonly inEnding: readonly string[]
  /** Everything but folders, inside. */
  readonly all: readonly string[]
  readonly failed: string | undefined
}

export function treeTold({ script }: HostAnswer): TreeTold {
  const lines = (script?.out ?? "").split("\n")
  const after = (word: string): string[] =>
    lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length))
  const isFailed = script !== undefined && script.exitCode !== 0
  return {
    astray: after("astray ")[0],
    inEnding: after("in "),
    all: after("./").filter((each) => each !== ""),
    failed: isFailed
      ? lines
          .filter((line) => !/^(astray|in) /.test(line))
          .join("\n")
          .trim()
      : undefined,
  }
}

/** Folders of ours in place of which the source holds something else. */
export function endingFolders(last: Entries, wanted: Entries): string[] {
  return [...last]
    .filter(([inside, entry]) => {
      const now = wanted.get(inside)
      return typeOf(entry) === "directory" && now !== undefined && typeOf(now) !== "directory"
    })
    .map(([inside]) => inside)
}
