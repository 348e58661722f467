import type { Emit } from "../events/events.ts"
import type { NotifyDeps } from "../policies/notify.ts"
import type { AnyProvider, Connection, Driver, Json } from "../provider.ts"
import type { SecretBox } from "../secrets/box.ts"
import type { DataKey } from "../secrets/key.ts"
import type { Caller } from "./permit.ts"

/** A provider with the connection it works through: how tasks and checks are run. */
export interface Runner {
  readonly provider: AnyProvider
  readonly connection: Connection
}

/** What a run has: passed in, so that no room reaches for it. */
export interface Engine {
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly box: SecretBox
  readonly key: DataKey
  /** True where only state is looked at: no connection and no secret is opened. */
  readonly remembers?: boolean
  readonly runners: { readonly task: Runner; readonly check: Runner; readonly release: Runner }
  /** The driver of kinds that need no connection. */
  readonly unconnected: Driver
  /** Who runs it, on which stage. */
  readonly caller: Caller
  /** The ways out for a `notify` among the policies of a node. */
  readonly notify: NotifyDeps
  /** Runs a `finally` command; rejects where it fails. */
  readonly runCommand: (
    command: readonly string[],
    log: (text: string) => void,
    /** Told what it is known by, once it runs: it lives on when this run is killed. */
    onStart: (mark: Json) => void,
  ) => Promise<void>
  /** Text with every secret that is known by now replaced. */
  readonly redact: (text: string) => string
  /** The same for bytes that come in pieces: a secret cut by a border is found, too. */
  readonly redactStream: () => {
    write(chunk: Uint8Array): Uint8Array
    end(how?: { readonly cutOff?: boolean }): Uint8Array
  }
  /** Resolves a kind that only state names; undefined where nothing knows it. */
  readonly builtIn: (kind: string) => Promise<AnyProvider | undefined>
  readonly now: () => number
  /** Limit of a read of everything behind one connection. */
  readonly readTimeoutMs: number
  /** Most changes under way at once. */
  readonly parallel: number
}

/** Limit of one call where neither node nor kind says otherwise: long enough for any API, short enough to be noticed. */
export const CALL_TIMEOUT_MS = 60_000

/** Limit of a read of everything behind one connection. */
export const READ_TIMEOUT_MS = 120_000
