/** One bad request, as far as it tells where it came from. */
export interface BadEvent {
  readonly atMs: number
  /** Who sent it: a client, a session, a trace. */
  readonly client: string
  /** What was wrong, such as status and route. */
  readonly signature?: string
}

/** Length of a window in milliseconds: a client that tries again does so within it. */
export const WINDOW_MS = 60_000

/**
 * Counts bad requests so that one client which tries again counts once: distinct (client, signature, window). One user behind a broken
 * cache makes five errors out of one, and a test that takes them for five independent ones rolls a healthy version back in one of three.
 * @example countDistinct([{ atMs: 0, client: "a" }, { atMs: 900, client: "a" }]) // 1
 */
export function countDistinct(events: Iterable<BadEvent>, windowMs = WINDOW_MS): number {
  const seen = new Set<string>()
  for (const { atMs, client, signature = "" } of events)
    seen.add(JSON.stringify([client, signature, Math.floor(atMs / windowMs)]))
  return seen.size
}
