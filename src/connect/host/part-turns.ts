import { isDeepStrictEqual } from "node:util"
import { FettleError } from "../../errors.ts"
import type { ChangeItem, Key, Seen } from "../../provider.ts"
import type { HostClient } from "./kind.ts"
import type { WaveItem } from "./prepare.ts"

/**
 * Turns of items that put a whole text in place to change a part of it. Those that change one text alike go together; others of it,
 * and all that comes after them, wait for the next request, and are looked at again: what they were planned from is gone.
 */
export class PartTurns {
  /** Texts that were changed by this session. */
  readonly #changed = new Set<string>()

  /** Splits what waits into what goes now and what goes later. Linear. */
  split(items: readonly WaveItem[]): { readonly now: readonly WaveItem[]; readonly later: readonly WaveItem[] } {
    const actions = new Map<string, string>()
    const waits = new Set<ChangeItem>()
    const looked = new Set<ChangeItem>() // they become other items, which nothing can come after in their own request
    for (const each of items) {
      const text = textOf(each)
      if (text !== undefined && !actions.has(text)) actions.set(text, each.item.action)
      const differs = text !== undefined && actions.get(text) !== each.item.action
      if (differs || each.item.after?.some((need) => waits.has(need) || looked.has(need)) === true) waits.add(each.item)
      else if (text !== undefined && this.#changed.has(text)) looked.add(each.item)
    }
    return { now: items.filter(({ item }) => !waits.has(item)), later: items.filter(({ item }) => waits.has(item)) }
  }

  /** Looks again at those whose text this session has changed; settles those that are no longer what was read. */
  async fresh(items: readonly WaveItem[], client: HostClient): Promise<readonly WaveItem[]> {
    const looked = await Promise.all(items.map((each) => this.#lookAgain(each, client)))
    for (const text of items.flatMap((each) => textOf(each) ?? [])) this.#changed.add(text)
    return looked.filter((each) => each !== undefined)
  }

  async #lookAgain(given: WaveItem, client: HostClient): Promise<WaveItem | undefined> {
    const text = textOf(given)
    if (text === undefined || !this.#changed.has(text)) return given
    const { item } = given
    const { address, id, want, last, provider } = item
    const key: Key<unknown, unknown> = {
      address,
      ...(id === undefined ? {} : { id }),
      ...(item.action === "delete" ? {} : { want }),
      ...(last === undefined ? {} : { last }),
    }
    const seen = (await client.read([{ provider, key }], item.call(client))).get(address)
    if (
      seen !== undefined &&
      !("failed" in seen) &&
      (isDeepStrictEqual(whatOf(seen), whatOf(item.seen)) || isSo(item, seen))
    )
      return { ...given, item: { ...item, seen } }
    const failed =
      seen !== undefined && "failed" in seen ? seen.failed : new FettleError("STALE", "it changed after it was read")
    given.settle({ failed, maybe: false })
    return undefined
  }
}

function textOf({ item, kind }: WaveItem): string | undefined {
  const props: unknown = item.action === "delete" ? item.last?.props : item.want
  return props === undefined ? undefined : kind.partOf?.(props)
}

/** What is already as wanted is never stale. */
function isSo({ action, provider, want, last }: ChangeItem, seen: Seen<unknown>): boolean {
  return action === "delete" ? "absent" in seen : provider.plan(want, seen, last).action === "none"
}

function whatOf(seen: Seen<unknown>): unknown {
  return "outputs" in seen ? seen.outputs : undefined
}
