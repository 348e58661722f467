import { causeText } from "../errors.ts"
import type { AuditChain } from "./chain.ts"
import type { Sink } from "./sinks/sink.ts"

/** A sink that did not take what it lacks. */
export interface Undelivered {
  readonly sink: Sink
  readonly because: string
  /** How many entries it lacks. */
  readonly lacks: number
}

/** So long all sinks together may take, in milliseconds: what one lacks comes with the next run. */
const SEND_MS = 60_000

/**
 * Gives each sink what it lacks, in order, from where it stands. How far each is stands in the sealed head: an entry may come twice, where
 * that could not be written down, and none is lost.
 */
export async function deliver(
  chain: AuditChain,
  sinks: readonly Sink[],
  place: string,
): Promise<readonly Undelivered[]> {
  const head = sinks.length === 0 ? undefined : await chain.head()
  if (head === undefined) return []
  const positions = sinks.map(({ id }) => head.delivered?.[id] ?? 0)
  const lacking = Math.min(...positions)
  const records = lacking < head.serial ? await chain.since(lacking) : []
  const signal = AbortSignal.timeout(SEND_MS)
  const ends = sinks.map(async (sink, at): Promise<Undelivered | undefined> => {
    let from = positions[at] as number
    try {
      for (;;) {
        const next = records.filter(({ serial }) => serial > from).slice(0, sink.batch)
        if (next.length === 0) return undefined
        await sink.send(next, place, signal)
        from = next.at(-1)?.serial as number
        await chain.delivered(sink.id, from)
      }
    } catch (thrown) {
      return { sink, because: causeText(thrown), lacks: (records.at(-1)?.serial ?? from) - from }
    }
  })
  return (await Promise.all(ends)).filter((each) => each !== undefined)
}
