import { createHash } from "node:crypto"
import { posix } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  type HostQuestion,
  hostKind,
} from "../../connect/host/kind.ts"
import type { LocalEntry, LocalListing } from "../../connect/host/local-folder.ts"
import type { PathFacts, PathSeen } from "../../connect/host/look.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Json, Key, Last, Seen } from "../../provider.ts"
import { account, hostPath, ownerAs } from "./props.ts"
import { notOfType } from "./refused.ts"
import { diffTrees, type TreeDiff, treeScript } from "./tree-diff.ts"
import { type Entries, entriesFrom, listOf, typeOf } from "./tree-entries.ts"
import { endingFolders, treeQuestion, treeTold } from "./tree-question.ts"
import { isBelow, swapSlots } from "./tree-swaps.ts"

/** Longest path inside a tree, in bytes: state remembers longer texts by their hash alone. */
const INSIDE_MAX = 1_800
/** Folders that are judged before a tree is removed: they are alike. */
const FOLDERS_MAX = 200
/** Most lines of a plan's text; what is left out is counted. */
const LINES_MAX = 200

const props = z.strictObject({
  path: hostPath.describe("The folder on the host. Its parent must be there."),
  source: z
    .string()
    .min(1)
    .describe("A folder on the machine where fettle runs; relative to where fettle was started. Modes are kept."),
  ignore: z
    .array(z.string().min(1))
    .default([])
    .describe('Globs of what is left out: "*.log" at any depth, "cache/**" from the top.'),
  owner: account.optional().describe("Of everything in it. Default: whoever fettle works as."),
  group: account.optional(),
  purge: z
    .boolean()
    .default(false)
    .describe(
      "True: files that others put there are removed, too. Without it only what came from the source goes with it.",
    ),
})

const outputs = z.object({
  path: z.string(),
  /** SHA-256 as hex over names, modes, contents and links. */
  hash: z.string(),
  files: z.number(),
  /** What came from the source, and stands there, each as its kind and its path inside. */
  entries: z.array(z.string()),
  /** True where the folder itself was made. */
  made: z.boolean(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A folder of this machine on a host: all of it, and nothing that has left it. What others put there stays, unless `purge` says
 * otherwise. Each file is replaced atomically.
 * @example resource(host.tree, { path: "/srv/shop/public", source: "dist", ignore: ["*.map"] }, { on: web })
 */
export const tree = hostKind({
  kind: "host.tree",
  version: 1,
  about: "A folder of the machine where fettle runs, copied: what leaves it is removed, what others put there stays.",
  props,
  outputs,
  stable: ["path"],
  volatile: ["entries"],
  timeoutMs: 600_000,
  id: (want) => want.path,
  readsHere: ({ source }) => [source],
  predict: (want, seen) => {
    if (seen === undefined || !isListed(want, seen)) return { path: want.path }
    const { path, hash, files } = outputsOf(want.path, wantedIn(seen, undefined), false)
    return { path, hash, files }
  },
  folder: folderOf,
  writesAt: ({ id, want, last }) => {
    const path = want?.path ?? id ?? last?.outputs.path ?? "/"
    return want === undefined ? [path, ...foldersIn(path, last?.outputs)] : [posix.dirname(path)]
  },
  question,
  answer,
  plan,
  change: changeTree,
  removal,
  result: (_outcome, want, _seal, { seen, listing }) => {
    const wanted = wantedIn(seen, listing)
    return outputsOf(want.path, wanted, "shown" in seen ? seen.shown?.made === true : false)
  },
  failure: ({ exitCode, out }) => (exitCode === 10 ? undefined : new FettleError("FILE_REFUSED", out.trim())),
})

/** Folders that came from the source, where something of it stands. */
function foldersIn(path: string, outputs: Outputs | undefined): readonly string[] {
  const folders = [...entriesFrom(outputs?.entries).keys()].map((inside) => posix.dirname(posix.join(path, inside)))
  return [...new Set(folders)].slice(0, FOLDERS_MAX)
}

function folderOf({ source, ignore }: Want): { path: string; ignore: string[] } {
  return { path: source, ignore }
}

function outputsOf(path: string, entries: Entries, made: boolean): Outputs {
  const list = listOf(entries)
  const hash = createHash("sha256").update(list.join("\n")).digest("hex")
  return {
    path,
    hash,
    files: [...entries.values()].filter((each) => typeOf(each) !== "directory").length,
    entries: list,
    made,
  }
}

function question({ id, want, last }: Key<Want, Outputs>, listing: LocalListing | undefined): HostQuestion {
  const path = want?.path ?? id ?? last?.outputs.path ?? ""
  const [before, wanted] = [entriesFrom(last?.outputs.entries), wantedEntries(listing)]
  const at = (inside: string): string => posix.join(path, inside)
  const isFile = (inside: string): boolean =>
    [before, wanted].some((each) => each.has(inside) && typeOf(each.get(inside) as string) === "file")
  const files = new Set([...before.keys(), ...wanted.keys()].filter(isFile))
  const others = [...new Set([...before.keys(), ...wanted.keys()])].filter((inside) => !files.has(inside))
  const isOwned = want?.owner !== undefined || want?.group !== undefined
  const isRoots = want?.owner === undefined || want.owner === "root"
  const folders = isRoots ? [] : others.filter((inside) => before.get(inside)?.endsWith("/") === true)
  const ending = endingFolders(before, wanted)
  const script = treeQuestion({ path, isOwned, folders, purge: want?.purge === true, ending })
  return {
    sha256: [...files].map(at),
    stat: [path, ...others.map(at)],
    ...(script === undefined ? {} : { script }),
  }
}

/** What is wanted, as entries; nothing where the source could not be listed. */
function wantedEntries(listing: LocalListing | undefined): Entries {
  if (listing === undefined || "failed" in listing) return new Map()
  return new Map([...listing.entries].map(([inside, entry]) => [inside, entryOf(entry)]))
}

function entryOf(entry: LocalEntry): string {
  if (entry.type === "link") return `-> ${entry.to}`
  return entry.type === "directory" ? `${entry.mode}/` : `${entry.mode} ${entry.sha256}`
}

function answer({ id, want, last }: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const path = want?.path ?? id ?? last?.outputs.path ?? ""
  const root = found.path(path)
  const refused = sourceRefused(want, found.listing)
  if (refused !== undefined) return { failed: refused }
  const wanted = wantedEntries(found.listing)
  const shown = {
    wanted: listOf(wanted),
    made: last?.outputs.made ?? root === "absent",
    ...(want === undefined ? {} : { folder: folderOf(want) }),
  }
  if (root === "absent") return { absent: true, shown }
  if ("failed" in root || root.type !== "directory") return { failed: notOfType(path, root, "directory") }
  const there = new Map<string, string>()
  const owners: string[] = []
  const before = entriesFrom(last?.outputs.entries)
  const known = new Map([...before, ...wanted])
  const at = (inside: string): ReturnType<HostAnswer["path"]> => found.path(posix.join(path, inside))
  // What a link leads to is not in the tree.
  const ends = new Set([...known.keys()].filter((inside) => !isFolder(at(inside))))
  for (const [inside, entry] of known) {
    const facts = at(inside)
    if (facts === "absent" || isBelow(inside, ends)) continue
    if ("failed" in facts) return { failed: notOfType(posix.join(path, inside), facts, typeOf(entry)) }
    const isOurs = facts.type === typeOf(before.get(inside) ?? entry)
    if (facts.type === typeOf(entry) || (isOurs && wanted.has(inside))) there.set(inside, seenEntry(facts))
    // What has left the source and is something else by now is somebody's.
    else if (wanted.has(inside)) return { failed: notOfType(posix.join(path, inside), facts, typeOf(entry)) }
    if (want !== undefined && wanted.has(inside) && isOthers(want, facts)) owners.push(inside)
  }
  const told = treeTold(found)
  if (told.failed !== undefined) return { failed: new FettleError("READ_FAILED", `${path}: ${told.failed}`) }
  const foreign = told.inEnding.find((each) => !before.has(posix.relative(path, each)))
  if (foreign !== undefined) return { failed: foreignIn(foreign) }
  // What somebody stages there at this moment is no thing yet.
  const others = told.all.filter((each) => !wanted.has(each) && !there.has(each) && !/(^|\/)\.fettle-/.test(each))
  const seen: Seen<Outputs> = isThere(known, there)
    ? { outputs: outputsOf(path, there, last?.outputs.made ?? false), shown: { ...shown, others, owners } }
    : { absent: true, shown: { ...shown, others } }
  const isToChange = want !== undefined && found.listing !== undefined && plan(want, seen).action !== "none"
  return told.astray !== undefined && isToChange ? { failed: new FettleError("FILE_REFUSED", told.astray) } : seen
}

function isFolder(at: PathSeen): boolean {
  return at === "absent" || "failed" in at || at.type === "directory"
}

/** In a folder of ours that is to become something else stands what is not ours. */
function foreignIn(path: string): FettleError {
  return new FettleError(
    "FILE_REFUSED",
    `${path} is not from the source, and a folder above it is no folder there any more`,
    {
      next: "move it elsewhere by hand",
    },
  )
}

function sourceRefused(want: Want | undefined, listing: LocalListing | undefined): FettleError | undefined {
  if (want === undefined || listing === undefined) return undefined
  if ("failed" in listing) return new FettleError("FILE_REFUSED", `the source ${want.source}: ${listing.failed}`)
  const long = [...listing.entries.keys()].find((inside) => Buffer.byteLength(inside) > INSIDE_MAX)
  return long === undefined
    ? undefined
    : new FettleError("FILE_REFUSED", `a path in ${want.source} has more than ${INSIDE_MAX} bytes`)
}

function seenEntry(at: PathFacts): string {
  if (at.type === "link") return `-> ${at.to ?? ""}`
  return at.type === "directory" ? `${at.mode}/` : `${at.mode} ${at.sha256 ?? ""}`
}

function isOthers(want: Want, at: PathFacts): boolean {
  const { owner, group } = ownerAs(want, at)
  return (want.owner !== undefined && want.owner !== owner) || (want.group !== undefined && want.group !== group)
}

/** A tree is there where any of its files is: folders may be shared. One without files is its folders. */
function isThere(known: Entries, there: Entries): boolean {
  const isFile = (entry: string): boolean => typeOf(entry) !== "directory"
  return [...known.values()].some(isFile) ? [...there.values()].some(isFile) : known.size === 0 || there.size > 0
}

/** Whether the read listed the folder that is wanted now. */
function isListed(want: Want, seen: Seen<Outputs>): boolean {
  return "shown" in seen && isDeepStrictEqual(seen.shown?.folder, folderOf(want))
}

function wantedIn(seen: Seen<Outputs>, listing: LocalListing | undefined): Entries {
  if (listing !== undefined) return wantedEntries(listing)
  return entriesFrom(("shown" in seen ? seen.shown?.wanted : undefined) as readonly string[] | undefined)
}

function diffOf(want: Want, seen: Seen<Outputs>, listing?: LocalListing): TreeDiff {
  const shown: Readonly<Record<string, Json>> = ("shown" in seen ? seen.shown : undefined) ?? {}
  const there = "outputs" in seen ? entriesFrom(seen.outputs.entries) : new Map<string, string>()
  const list = (name: string): readonly string[] => (shown[name] as readonly string[] | undefined) ?? []
  return diffTrees(wantedIn(seen, listing), there, list("owners"), want.purge ? list("others") : [])
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if ("outputs" in seen && !isListed(want, seen))
    return { action: "update", props: ["source"], because: "its source is another" }
  const diff = diffOf(want, seen)
  const shown = [
    ...diff.gone.map((inside) => `-${inside}`),
    ...diff.others.map((inside) => `-${inside} (not from the source)`),
    ...[...diff.news.keys()].map((inside) => `+${inside}`),
    ...[...diff.changed].map(([inside, what]) => ` ${inside} (${what})`),
  ]
  const lines = shown.length <= LINES_MAX ? shown : [...shown.slice(0, LINES_MAX), `… ${shown.length - LINES_MAX} more`]
  const text = lines.length === 0 ? {} : { text: lines.join("\n") }
  if (!("outputs" in seen)) return { action: "create", ...text }
  if (shown.length === 0) return { action: "none" }
  const count = (number: number, word: string): string[] => (number === 0 ? [] : [`${number} ${word}`])
  const because = [
    ...count(diff.news.size, "new"),
    ...count(diff.changed.size, "differ"),
    ...count(diff.gone.length, "left the source"),
    ...count(diff.others.length, "are not from the source"),
  ].join(", ")
  const named = [
    diff.news.size + diff.gone.length + diff.changed.size > 0 ? ["source" as const] : [],
    diff.others.length > 0 ? ["purge" as const] : [],
  ].flat()
  return { action: "update", props: named, because, ...text }
}

function changeTree({ want, seen, listing }: ChangeParts<Want, Outputs>): HostChange {
  if (listing !== undefined && "failed" in listing)
    throw new FettleError("FILE_REFUSED", `the source ${want.source}: ${listing.failed}`)
  const diff = diffOf(want, seen, listing)
  const { owner, group } = want
  const at = (inside: string): string => posix.join(want.path, inside)
  const puts = [...diff.puts].map(([inside, { entry, expect }]) => {
    const [mode = "", sha256 = ""] = entry.split(" ")
    const content = { local: posix.join(want.source, inside), sha256 }
    return { path: at(inside), content, mode, owner, group, expect }
  })
  const isNew = !("outputs" in seen)
  const isMade = isNew && "shown" in seen && seen.shown?.made === true
  const script = treeScript(want.path, diff, { owner, group }, isMade && "own")
  const root = isNew ? [{ path: want.path, mode: "0755" }] : []
  const contents = swapSlots(diff.swaps).map(
    ([slot, inside, sha256]) => [slot, { local: posix.join(want.source, inside), sha256 }] as const,
  )
  return {
    folders: [...root, ...[...diff.folders].map(([inside, entry]) => ({ path: at(inside), mode: entry.slice(0, 4) }))],
    puts,
    removes: [...diff.removes].map(([inside, expect]) => ({ path: at(inside), expect })),
    ...(script === ""
      ? {}
      : { brief: true, script: `. "$S/fix"`, slots: { fix: script, ...Object.fromEntries(contents) } }),
  }
}

/** Takes out what came from the source; the folder itself where it was made with it and is empty then. */
function removal(seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): HostChange {
  const at = "outputs" in seen ? seen.outputs : last?.outputs
  if (at === undefined || "absent" in seen) return {}
  const diff = diffTrees(new Map(), entriesFrom(at.entries), [], [])
  const script = treeScript(at.path, diff, {}, at.made && "remove")
  return {
    removes: [...diff.removes].map(([inside, expect]) => ({ path: posix.join(at.path, inside), expect })),
    brief: true,
    script: `. "$S/fix"`,
    slots: { fix: script },
  }
}
