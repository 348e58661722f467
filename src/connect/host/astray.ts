import { posix } from "node:path"
import { FettleError } from "../../errors.ts"
import type { Seen } from "../../provider.ts"
import type { Asked } from "./asked.ts"
import type { ScriptRecord } from "./kind.ts"
import { chunksOf } from "./look.ts"
import { quote, quoteAll } from "./quote.ts"

/** Why root must not write in a folder, by its path; empty where it may. What a change would be refused for is refused in the plan. */
export type Astray = Map<string, string>

/** Folders in which root would write for these, and of which nothing is known yet. */
export function foldersToJudge(asked: readonly Asked[], known: Astray): readonly string[] {
  const all = new Set(asked.flatMap(foldersOf))
  return [...all].filter((folder) => !known.has(folder) && !folder.includes("\n"))
}

function foldersOf({ item: { key }, kind }: Asked): readonly string[] {
  return kind.writesAt?.(key) ?? []
}

/** Nobody but root owns it, and nobody else may write in it, or a sticky bit keeps them from what is root's. As `stat` prints it. */
const SAFE = "^0 d(....-..-.|........[tT])$"

/**
 * The line that judges folders. One `stat` looks at all that lie above them, and only where one of those is not root's own is each
 * folder judged by itself. Prints `NUMBER WORDS` for each in which root must not write.
 */
export function judgeLine(number: number, folders: readonly string[]): string {
  const all = new Set<string>()
  for (const folder of folders) for (let at = folder; !all.has(at); at = posix.dirname(at)) all.add(at)
  const looks = chunksOf([...all], false).map(({ paths }) => `stat -c '%u %A' -- ${quoteAll(paths)} 2>/dev/null`)
  const judges = chunksOf(folders, false).map(
    ({ paths }) =>
      `for d in ${quoteAll(paths)}; do if theirs "$d"; then printf '%s %s\\n' $n "$w"; fi; n=$((n + 1)); done`,
  )
  const script = `if { ${looks.join("; ")}; } | grep -qvE '${SAFE}'; then n=0\n${judges.join("\n")}\nfi\n:`
  return `ask ${number} ${quote(script)}\n`
}

/** Notes what the host said of these folders. */
export function judged(folders: readonly string[], { out }: ScriptRecord, known: Astray): void {
  for (const folder of folders) known.set(folder, "")
  for (const line of out.split("\n")) {
    const [, number = "", words = ""] = /^(\d+) (.+)$/.exec(line) ?? []
    const folder = folders[Number(number)]
    if (words !== "" && folder !== undefined) known.set(folder, words)
  }
}

/** What was seen, or why what is wanted of it is not to be made or removed. */
export function unlessRefused(asked: Asked, seen: Seen<unknown>, known: Astray): Seen<unknown> {
  const words = foldersOf(asked).find((folder) => (known.get(folder) ?? "") !== "")
  if (words === undefined || "failed" in seen || !changes(asked, seen)) return seen
  return { failed: new FettleError("FILE_REFUSED", known.get(words) as string) }
}

/** Whether anything would be written: what is as it should be may stand anywhere. */
function changes({ item: { key }, kind }: Asked, seen: Seen<unknown>): boolean {
  if (key.want === undefined) return "outputs" in seen
  try {
    return kind.plan(key.want, seen, key.last).action !== "none"
  } catch {
    return false // the plan says what is wrong with it
  }
}
