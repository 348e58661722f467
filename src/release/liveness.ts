import type { Instance, Place, Traffic } from "../connect/traffic.ts"

/** A copy that takes no connection for so long is dead. */
const DEAD_MS = 15_000
/** One that has gone down so often starts again and again. */
const FALLS_MAX = 3

/** What is known of one copy of the new version: kept with the progress. */
export interface Downs {
  /** Since when it has been down without a break. */
  readonly sinceMs?: number | undefined
  /** How often it had gone down when it got its first traffic, by who sends it. */
  readonly fallsBefore: number
}

export interface Lived {
  readonly downs: Readonly<Record<string, Downs>>
  /** Why the version is dead; undefined where it is not. */
  readonly because?: string
}

/**
 * Whether copies that get traffic have died: their counts would only stop, which is no evidence of anything. What has hit all copies of the
 * version before it as well says nothing of the new one. Pure.
 */
export function livedOn(
  known: Readonly<Record<string, Downs>>,
  places: readonly Place[],
  { candidate, baseline }: { readonly candidate: readonly Instance[]; readonly baseline: readonly Instance[] },
  nowMs: number,
): Lived {
  const placeOf = ({ name }: Instance): Place | undefined => places.find((each) => each.name === name)
  const others = baseline.map(placeOf).filter((each) => each !== undefined)
  const isOnBoth =
    hasLostAll(places, [...candidate, ...baseline]) || (others.length > 0 && others.every(({ up }) => !up))
  const downs: Record<string, Downs> = {}
  let because: string | undefined
  for (const instance of candidate) {
    const { up = false, falls = 0 } = placeOf(instance) ?? {}
    const { sinceMs: since = nowMs, fallsBefore = falls } = known[instance.name] ?? {}
    const isAnew = falls < fallsBefore // who counts has started anew
    const before = isAnew ? 0 : fallsBefore
    const sinceMs = up || isOnBoth ? undefined : since
    downs[instance.name] = { sinceMs, fallsBefore: isOnBoth ? falls : before }
    if (sinceMs !== undefined && nowMs - sinceMs >= DEAD_MS)
      because ??= `${instance.name} has taken no connection for ${Math.round((nowMs - sinceMs) / 1_000)} s`
    if (!isOnBoth && falls - before >= FALLS_MAX) because ??= `${instance.name} has gone down ${falls - before} times`
  }
  return { downs, ...(because === undefined ? {} : { because }) }
}

/** Whether none of these is known any more to who sends the traffic: it was started anew. */
function hasLostAll(places: readonly Place[], instances: readonly Instance[]): boolean {
  return instances.length > 0 && !instances.some(({ name }) => places.some((each) => each.name === name))
}

/** The servers of who sends the traffic; undefined where that cannot be asked now. */
export async function placesOf(traffic: Traffic, signal: AbortSignal): Promise<readonly Place[] | undefined> {
  try {
    return await traffic.look(signal)
  } catch (thrown) {
    if (signal.aborted) throw thrown
    return undefined
  }
}
