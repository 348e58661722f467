import type { EngineClient } from "../../connect/docker/engine-client.ts"

/** Looks at single things under way at once: enough to hide the latency of a line, few enough for one daemon. */
const INSPECTS_MAX = 16

/** What waits for its turn, for each Engine: all kinds share the limit. */
const lines = new WeakMap<EngineClient, Line>()

interface Line {
  free: number
  readonly waiting: (() => void)[]
}

/** Does one look at a single thing when it is its turn. */
async function inTurn<T>(client: EngineClient, look: () => Promise<T>): Promise<T> {
  const line = lines.get(client) ?? { free: INSPECTS_MAX, waiting: [] }
  lines.set(client, line)
  if (line.free === 0) await new Promise<void>((start) => line.waiting.push(start))
  else line.free -= 1
  try {
    return await look()
  } finally {
    const next = line.waiting.shift()
    if (next === undefined) line.free += 1
    else next()
  }
}

/**
 * One thing as the Engine shows it, by its id or name; undefined where there is none, and that is proof.
 * @example const json = await inspect(engine, `/containers/${id}/json`, signal)
 */
export function inspect(client: EngineClient, path: string, signal: AbortSignal): Promise<unknown> {
  return inTurn(client, async () => {
    const { status, json } = await client.json("GET", path, { accept: [404], signal })
    return status === 404 ? undefined : json
  })
}
