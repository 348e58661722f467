import { posix } from "node:path"
import { quote } from "../../connect/host/quote.ts"
import { type Entries, linkHere, typeOf, unlinkLine } from "./tree-entries.ts"

/** What is made where something of another type of ours stood, or below that, by its path inside: parents first. */
export type Swaps = ReadonlyMap<string, { readonly entry: string; readonly from: string | undefined }>

/** Every path whose type is another now, and what is wanted below one that becomes a folder. */
export function swapsIn(wanted: Entries, there: Entries): Swaps {
  const swapped = new Set(
    [...wanted].filter(([inside, entry]) => isOfOther(there.get(inside), entry)).map(([inside]) => inside),
  )
  if (swapped.size === 0) return new Map()
  return new Map(
    [...wanted]
      .filter(([inside]) => swapped.has(inside) || isBelow(inside, swapped))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([inside, entry]) => [inside, { entry, from: there.get(inside) }]),
  )
}

function isOfOther(at: string | undefined, entry: string): boolean {
  return at !== undefined && typeOf(at) !== typeOf(entry)
}

/** Whether a path lies below one of others. */
export function isBelow(inside: string, others: { has(path: string): boolean }): boolean {
  for (let at = posix.dirname(inside); at !== "."; at = posix.dirname(at)) if (others.has(at)) return true
  return false
}

/** The slots that hold the contents of new files: each by its place among the swaps. */
export function swapSlots(swaps: Swaps): readonly (readonly [slot: string, inside: string, sha256: string])[] {
  return [...swaps].flatMap(([inside, { entry }], at) =>
    typeOf(entry) === "file" ? [[`swap${at}`, inside, entry.slice(5)] as const] : [],
  )
}

/** Takes ours out and makes the new in its place. `gone`: folders below that have left, the deepest first; what others put there is not removed. */
export function swapLines(path: string, swaps: Swaps, gone: readonly string[], who: string | undefined): string[] {
  const at = (inside: string): string => quote(posix.join(path, inside))
  return [
    ...gone.map((inside) => `rmdir -- ${at(inside)} || exit 20`),
    ...[...swaps].flatMap(([inside, { entry, from }], number) => [
      ...(from === undefined ? [] : [outLine(at(inside), from)]),
      inLine(at(inside), posix.join(path, posix.dirname(inside)), entry, `"$S/swap${number}"`, who),
    ]),
  ]
}

function outLine(path: string, from: string): string {
  if (typeOf(from) === "link") return unlinkLine(path, from.slice(3))
  if (typeOf(from) === "directory") return `rmdir -- ${path} || exit 20`
  return `is ${path} ${quote(from.slice(5))} || exit 10\nrm -f -- ${path} || exit 20`
}

function inLine(path: string, folder: string, entry: string, slot: string, who: string | undefined): string {
  const own = (staged: string): string => (who === undefined ? "" : `chown -h -- ${quote(who)} ${staged} && `)
  if (typeOf(entry) === "link") return `${linkHere(path, entry.slice(3))} && ${own(path)}: || exit 20`
  const mode = entry.slice(0, 4)
  if (typeOf(entry) === "directory") return `mkdir -m 700 -- ${path} && chmod -- ${mode} ${path} || exit 20`
  const staged = quote(posix.join(folder, ".fettle-swap"))
  return `rm -f -- ${staged} && cp -- ${slot} ${staged} && ${own(staged)}chmod -- ${mode} ${staged} && keep ${staged} && mv -f -- ${staged} ${path} && keep ${quote(folder)} || exit 20`
}
