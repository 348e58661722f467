import type { Socketed } from "./exchange.ts"

/** An open way to an Engine. */
export interface Way {
  readonly to: Socketed
  /** What people call the Engine, where that is more than the connection's target. */
  readonly target?: string
  /** A better error than that of a first call that failed. */
  failure?(thrown: unknown): Promise<unknown>
  close(): Promise<void>
}
