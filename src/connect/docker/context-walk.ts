import { type Dirent, lstatSync, readdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import type { Asked } from "./followed-paths.ts"
import type { IgnoreRules, Verdict } from "./ignore-rules.ts"

/** One thing of a build context that is sent. */
export interface ContextEntry {
  /** Below the context, with slashes. */
  readonly path: string
  readonly kind: "file" | "folder" | "link" | "fifo"
  /** Permission bits, set-id and sticky included. */
  readonly mode: number
  /** Of a file's contents; else 0. */
  readonly sizeBytes: number
  readonly mtimeMs: number
  /** Where a link leads. */
  readonly linkTo?: string
}

/**
 * What a context holds after its ignore file: parents before children, the names of a folder in the order of their bytes,
 * so one context is always one sequence. What is ignored is never opened, and a folder that nothing is taken back from is
 * never listed. Links are not followed, sockets are left out, as Docker does.
 * @param asked what of it is wanted; all, where it is not given
 * @throws FettleError `BUILD_CONTEXT_UNREADABLE`
 */
export function* contextEntries(
  context: string,
  rules: IgnoreRules,
  asked: (path: string) => Asked = () => "itself",
): Generator<ContextEntry> {
  yield* below({ context, rules, asked, owed: [] }, "", undefined)
}

interface Walk {
  readonly context: string
  readonly rules: IgnoreRules
  readonly asked: (path: string) => Asked
  /** Folders that are ignored themselves: each is only sent when something in it is. */
  readonly owed: ContextEntry[]
}

function* below(walk: Walk, folder: string, parent: Verdict | undefined): Generator<ContextEntry> {
  const { context, rules, asked, owed } = walk
  for (const { name, entry } of namesOf(context, folder)) {
    const path = folder === "" ? name : `${folder}/${name}`
    const isFolder = entry.isDirectory()
    const want = asked(path)
    if (want === "no" || (want === "on the way" && !isFolder) || entry.isSocket()) continue
    const verdict = rules.judge(path, parent)
    if (verdict.ignored && !(isFolder && rules.reaches(path, verdict))) continue
    const found = entryOf(context, path, entry)
    if (isFolder && verdict.ignored) owed.push(found)
    else {
      yield* owed.splice(0)
      yield found
    }
    if (!isFolder) continue
    yield* below(walk, path, verdict)
    if (owed.at(-1) === found) owed.pop()
  }
}

function namesOf(context: string, folder: string): { name: string; entry: Dirent }[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(join(context, folder), { withFileTypes: true })
  } catch (error) {
    throw unreadable(folder === "" ? context : folder, error)
  }
  const named = entries.map((entry) => ({ name: entry.name, entry }))
  for (const { name } of named)
    if (name.includes("\ufffd"))
      throw new FettleError("BUILD_CONTEXT_UNREADABLE", `${join(folder, name)} has a name that is not UTF-8`)
  // Only beyond these do the order of bytes and the order of JavaScript's units differ.
  const wide = named.some(({ name }) => /[\ud800-\uffff]/.test(name))
  return named.sort((a, b) =>
    wide ? Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)) : a.name < b.name ? -1 : 1,
  )
}

function entryOf(context: string, path: string, entry: Dirent): ContextEntry {
  const full = `${context}/${path}`
  try {
    const { mode, size, mtimeMs } = lstatSync(full)
    const found = { path, mode: mode & 0o7777, sizeBytes: 0, mtimeMs }
    if (entry.isFile()) return { ...found, kind: "file", sizeBytes: size }
    if (entry.isDirectory()) return { ...found, kind: "folder" }
    if (entry.isSymbolicLink()) return { ...found, kind: "link", linkTo: readlinkSync(full) }
    if (entry.isFIFO()) return { ...found, kind: "fifo" }
  } catch (error) {
    throw unreadable(path, error)
  }
  throw new FettleError("BUILD_CONTEXT_UNREADABLE", `${path} is a device`)
}

export function unreadable(path: string, error: unknown): FettleError {
  return new FettleError("BUILD_CONTEXT_UNREADABLE", `${path} cannot be read: ${causeText(error)}`, {
    cause: error,
    details: { path },
  })
}
