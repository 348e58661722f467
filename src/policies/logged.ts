import type { CallContext } from "./context.ts"
import { checkFunction } from "./given.ts"
import type { Call, Policy } from "./policy.ts"
import { codeOf } from "./policy-errors.ts"

/** What `logged` tells about one call: no argument, result or message, any of which may hold a secret. */
export interface CallRecord {
  readonly name: string
  readonly durationMs: number
  readonly outcome: "ok" | "failed" | "aborted"
  /** The code of the error, or its class name where it has none. */
  readonly errorCode?: string
}

/**
 * Tells a sink how each call ended; a sink that throws changes nothing.
 *
 * Outside `retry` it tells of all tries as one call, inside it of each try.
 *
 * @example
 * const save = guarded(saveOrder, [logged((record) => records.push(record)), retry()])
 */
export function logged(sink: (record: CallRecord) => unknown): Policy {
  checkFunction("logged", "its sink", sink)
  return {
    name: "logged",
    settings: {},
    wrap: (call, context) => (signal) => recorded(call, context, signal, sink),
  }
}

async function recorded<R>(
  call: Call<R>,
  context: CallContext,
  signal: AbortSignal,
  sink: (record: CallRecord) => unknown,
): Promise<R> {
  const startMs = performance.now()
  const tell = (rest: Omit<CallRecord, "name" | "durationMs">): void =>
    offer(sink, { name: context.name, durationMs: performance.now() - startMs, ...rest })
  try {
    const value = await call(signal)
    tell({ outcome: "ok" })
    return value
  } catch (error) {
    tell({ outcome: signal.aborted ? "aborted" : "failed", errorCode: codeOf(error) })
    throw error
  }
}

/** Hands a record to a sink that may throw or reject: telling must never change what is told. */
export function offer<T>(sink: (record: T) => unknown, record: T): void {
  try {
    Promise.resolve(sink(record)).catch(() => {})
  } catch {
    // There is nowhere left to report to: the sink is the place.
  }
}
