import { type IgnorePattern, ignorePattern } from "./ignore-pattern.ts"

/** What the rules say of a path, and which patterns said so: its children are judged by it. */
export interface Verdict {
  readonly ignored: boolean
  readonly matched: readonly boolean[]
}

/** The patterns of an ignore file, in their order. */
export interface IgnoreRules {
  /**
   * Judges a path: slashes between its parts, none in front.
   * @param parent the verdict of the folder it is in; without one, its folders are judged first
   */
  judge(path: string, parent?: Verdict): Verdict
  /** Whether anything below an ignored folder may be taken back in by a `!` pattern; where not, nobody need look inside. */
  reaches(folder: string, verdict: Verdict): boolean
}

/** Folders whose verdict is remembered for what is judged alone. */
const KNOWN_MAX = 10_000

/** @throws FettleError `DOCKER_IGNORE_INVALID` */
export function ignoreRules(lines: readonly string[]): IgnoreRules {
  const patterns = lines.map(ignorePattern).filter((pattern) => pattern !== undefined)
  const known = new Map<string, Verdict>()
  const folderOf = (path: string): Verdict | undefined => {
    const at = path.lastIndexOf("/")
    if (at < 1) return undefined
    const folder = path.slice(0, at)
    const verdict = known.get(folder) ?? judge(patterns, folder, folderOf(folder))
    if (known.size === KNOWN_MAX) known.clear()
    known.set(folder, verdict)
    return verdict
  }
  return {
    judge: (path, parent) => judge(patterns, path, parent ?? folderOf(path)),
    reaches: (folder, verdict) =>
      patterns.some(
        (pattern, at) => pattern.keeps && at > lastWord(patterns, verdict) && reachesInto(pattern.text, folder),
      ),
  }
}

/**
 * As Docker walks: a pattern that matched the folder matches what is in it; one that would change nothing is not asked,
 * and then counts as not matching for the children either.
 */
function judge(patterns: readonly IgnorePattern[], path: string, parent: Verdict | undefined): Verdict {
  const matched = new Array<boolean>(patterns.length).fill(false)
  let ignored = false
  for (let at = 0; at < patterns.length; at += 1) {
    const pattern = patterns[at] as IgnorePattern
    let match = parent?.matched[at] === true
    if (!match) {
      if (pattern.keeps !== ignored) continue
      match = pattern.matches(path)
    }
    matched[at] = match
    if (match) ignored = !pattern.keeps
  }
  return { ignored, matched }
}

/** A `!` before the last pattern that ignores this folder has no say in it: that pattern matches all inside as well. */
function lastWord(patterns: readonly IgnorePattern[], { matched }: Verdict): number {
  for (let at = patterns.length - 1; at >= 0; at -= 1) if (matched[at] === true && !patterns[at]?.keeps) return at
  return -1
}

/** Whether a pattern can match something below a folder. Where a part is no plain wildcard, it is said to. */
function reachesInto(pattern: string, folder: string): boolean {
  const parts = pattern.split("/")
  const folders = folder.split("/")
  for (let at = 0; at < folders.length; at += 1) {
    const part = parts[at]
    if (part === undefined) return false
    if (/\*\*|[[\\]/.test(part)) return true
    if (!plainMatch(part, folders[at] as string)) return false
  }
  return parts.length > folders.length
}

/** `*` and `?` within one part of a path. */
function plainMatch(part: string, name: string): boolean {
  if (!/[*?]/.test(part)) return part === name
  const source = part.replace(/[*?]|[^*?]+/g, (piece) =>
    piece === "*" ? ".*" : piece === "?" ? "." : piece.replace(/[.+^${}()|\]]/g, "\\$&"),
  )
  return new RegExp(`^${source}$`, "su").test(name)
}
