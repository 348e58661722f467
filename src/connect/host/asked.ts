import type { ReadItem } from "../../provider.ts"
import type { AnyHostKind, HostQuestion, SharedQuestion } from "./kind.ts"
import type { LocalListing } from "./local-folder.ts"

/** One host item and what it asks. */
export interface Asked {
  readonly item: ReadItem
  readonly kind: AnyHostKind
  readonly question: HostQuestion
  readonly number: number
  readonly listing: LocalListing | undefined
}

/** A script that is asked once for all items that share it. */
export interface SharedAsk {
  readonly number: number
  readonly words: Set<string>
}

export type SharedAsks = ReadonlyMap<SharedQuestion["script"], SharedAsk>

/** By the script; their numbers are behind those of the items. */
export function sharedBy(asked: readonly Asked[], from: number): SharedAsks {
  const found = new Map<SharedQuestion["script"], SharedAsk>()
  for (const { question } of asked) {
    if (question.shared === undefined) continue
    const known = found.get(question.shared.script) ?? { number: from + found.size, words: new Set() }
    found.set(question.shared.script, known)
    for (const word of question.shared.words) known.words.add(word)
  }
  return found
}
