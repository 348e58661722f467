import { AsyncLocalStorage } from "node:async_hooks"

/** What surrounds a call and every guarded call inside it. */
export interface Surroundings {
  /** Who calls, compared by `allowed`. */
  readonly who?: string | undefined
  /** The stage it is for, compared by `allowed`. */
  readonly stage?: string | undefined
  /** Aborted: stop at once, calls in flight too. */
  readonly signal?: AbortSignal | undefined
}

/** What a policy is told about the call that it wraps. */
export interface CallContext {
  /** The name of the call, for messages and logs. */
  readonly name: string
  readonly who?: string | undefined
  readonly stage?: string | undefined
  /**
   * Aborted: a call in flight may end, but it is not tried again and waits for no turn. Calls inside it do not inherit
   * this, since they are part of what may end.
   */
  readonly stopping?: AbortSignal | undefined
}

const storage = new AsyncLocalStorage<Surroundings>()
const NEVER = new AbortController().signal

/**
 * Runs a function with surroundings that every guarded call inside it inherits, through any depth of `await`.
 *
 * This is how decorated methods, which keep their own arguments, learn who calls and when to stop.
 *
 * @example
 * await inContext({ who: "ann", stage: "prod", signal }, () => service.deploy("v2"))
 */
export function inContext<R>(surroundings: Surroundings, run: () => R): R {
  const outer = storage.getStore()
  return storage.run(outer === undefined ? surroundings : { ...outer, ...given(surroundings) }, run)
}

/** Runs a function without any surroundings: what must happen although the call around it was aborted. */
export function outsideContext<R>(run: () => R): R {
  return storage.exit(run)
}

/** The surroundings in force here; empty outside a guarded call. */
export function surroundingsHere(): Surroundings {
  return storage.getStore() ?? {}
}

/**
 * The signal of the guarded call that runs here: pass it on to `fetch` and the like, so that a timeout really stops them.
 *
 * Outside a guarded call it is a signal that never aborts.
 *
 * @example
 * const page = guarded((n: number) => fetch(`${base}?page=${n}`, { signal: callSignal() }), [timeout("2s")])
 */
export function callSignal(): AbortSignal {
  return storage.getStore()?.signal ?? NEVER
}

/** The entries that were given: an undefined one must not hide what is inherited. */
function given(surroundings: Surroundings): Surroundings {
  return Object.fromEntries(Object.entries(surroundings).filter(([, value]) => value !== undefined))
}
