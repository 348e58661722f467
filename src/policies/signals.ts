/** A controller that follows other signals until it is released. */
export interface Following {
  readonly controller: AbortController
  readonly release: () => void
}

/**
 * Gives a controller that aborts with the first of its parents, with their reason.
 *
 * Not `AbortSignal.any`: `release` takes our listeners off a parent that outlives the call by hours.
 */
export function follow(parents: readonly (AbortSignal | undefined)[]): Following {
  const controller = new AbortController()
  const releases = parents.map((parent) => onAbort(parent, (reason) => controller.abort(reason)))
  return {
    controller,
    release: () => {
      for (const release of releases) release()
    },
  }
}

/** Calls back once when the signal aborts, at once where it already has, and gives the function that stops listening. */
export function onAbort(signal: AbortSignal | undefined, callback: (reason: unknown) => void): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    callback(signal.reason)
    return () => {}
  }
  const listener = (): void => callback(signal.reason)
  signal.addEventListener("abort", listener, { once: true })
  return () => signal.removeEventListener("abort", listener)
}
