import type { IncomingMessage } from "node:http"
import type { Duplex, Readable } from "node:stream"
import type { EngineFacts } from "./greeting.ts"
import type { RegistryLogins } from "./registry-logins.ts"

export type EngineMethod = "GET" | "HEAD" | "POST" | "PUT" | "DELETE"

/** One call of the Engine's API, besides its method and path. */
export interface EngineCall {
  /** What is undefined is left out; objects and lists are sent as JSON, as `filters` and `buildargs` are. */
  readonly query?: Readonly<Record<string, string | number | boolean | object | undefined>>
  /** A list is sent as one header each. */
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it comes in the place of `body`, no faster than the Engine reads it. */
  readonly upload?: { readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>; readonly type: string }
  /** Statuses from 300 on that are an answer, not an error. */
  readonly accept?: readonly number[]
  /** True where repeating this write does no harm. GET and HEAD are repeatable anyway. */
  readonly repeatable?: boolean
  /** True for a connection of its own, in the place of one that was kept from an earlier call. */
  readonly fresh?: boolean
  /** Until the answer is whole, or where it is streamed until it begins. Default 60,000; 0 for no limit. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** An answer that is JSON as a whole. */
export interface EngineAnswer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  /** Undefined where there is no body. */
  readonly json: unknown
}

/** An answer that is read while it comes; the Engine waits for a slow reader. Who does not read to the end destroys it. */
export interface EngineStream {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: Readable
}

/**
 * What providers of type "docker" get as `call.connection`: the API of one Docker Engine, at the version that both speak.
 *
 * An error is a FettleError. `DOCKER_FAILED` holds the Engine's own words, and in its details `status` (where there was an answer) and
 * `notMade`: true where the Engine cannot have acted, so that what it leaves open is known.
 */
export interface EngineClient {
  /** Who the Engine is and what it can, from when the connection was opened. */
  readonly engine: EngineFacts
  /** Credentials of registries. */
  readonly logins: RegistryLogins
  /**
   * Calls and reads the whole answer, at most 64 MiB.
   * @param path below the version, as in "/containers/json"
   * @throws FettleError `DOCKER_FAILED`, `DOCKER_PROTOCOL`, `TIMEOUT`, `CANCELLED`
   * @example const { json } = await engine.json("GET", "/networks", { query: { filters: { name: ["shop"] } }, signal })
   */
  json(method: EngineMethod, path: string, call?: EngineCall): Promise<EngineAnswer>
  /**
   * Calls and gives the answer as a stream. `signal` ends it at any time, `timeoutMs` only until it begins.
   * @example const { body } = await engine.stream("POST", "/build", { query: { version: 2 }, upload: { bytes, type: "application/x-tar" } })
   */
  stream(method: EngineMethod, path: string, call?: EngineCall): Promise<EngineStream>
  /**
   * Calls and takes the connection over, in both directions: attach, exec, the session of a build.
   * @param protocol for the header `Upgrade`: "tcp", or "h2c" for sessions
   * @example const session = await engine.upgrade("POST", "/session", "h2c", { headers })
   */
  upgrade(method: EngineMethod, path: string, protocol: string, call?: EngineCall): Promise<Duplex>
  /** Text without what this connection and the run know to be secret: before anything of it is cut or shown. */
  hide(text: string): string
}
