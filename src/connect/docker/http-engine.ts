import type { IncomingMessage } from "node:http"
import { Agent as PlainAgent } from "node:http"
import { Agent as TlsAgent } from "node:https"
import type { Duplex } from "node:stream"
import { FettleError } from "../../errors.ts"
import { onAbort } from "../../policies/signals.ts"
import { Deadline } from "./deadline.ts"
import type { EngineAnswer, EngineCall, EngineClient, EngineMethod, EngineStream } from "./engine-client.ts"
import { broken, type CallName, refusal, tooLate, unanswered } from "./engine-error.ts"
import { type Arrived, ExchangeFailed, exchange, type Socketed } from "./exchange.ts"
import { commonVersion, type EngineFacts, factsOf, refusePodman } from "./greeting.ts"
import type { RegistryLogins } from "./registry-logins.ts"

/** Where a call does not say: longer than any list takes, shorter than a person waits. */
const TIMEOUT_MS = 60_000
/** A list of a thousand containers has some megabytes; an answer above this is not one. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024
/** Of an answer that says no, this much is read. */
const REFUSAL_MAX_BYTES = 65_536
/** Connections kept for the next call. */
const KEPT_MAX = 16

export interface HttpEngineParts {
  readonly to: Socketed
  /** What people call the Engine. */
  readonly target: string
  readonly logins: RegistryLogins
  readonly hide: (text: string) => string
}

/** The client of one Engine: node:http with kept connections, each call with its deadline, and errors that tell maybe from no. */
export class HttpEngine implements EngineClient {
  readonly logins: RegistryLogins
  readonly #parts: HttpEngineParts
  readonly #agent: PlainAgent
  #facts: EngineFacts | undefined

  private constructor(parts: HttpEngineParts) {
    this.#parts = parts
    this.logins = parts.logins
    const kept = { keepAlive: true, maxFreeSockets: KEPT_MAX }
    this.#agent = "tls" in parts.to && parts.to.tls !== undefined ? new TlsAgent(kept) : new PlainAgent(kept)
  }

  /** Greets the Engine. @throws FettleError `CONNECTION_FAILED`, `DOCKER_UNSUPPORTED`, `DOCKER_PROTOCOL`, `DOCKER_FAILED` */
  static async open(parts: HttpEngineParts, signal: AbortSignal): Promise<HttpEngine> {
    const engine = new HttpEngine(parts)
    try {
      engine.#facts = await engine.#greet(signal)
      return engine
    } catch (thrown) {
      engine.close()
      throw thrown
    }
  }

  get engine(): EngineFacts {
    if (this.#facts === undefined) throw new FettleError("INTERNAL", "the Engine was not greeted")
    return this.#facts
  }

  hide(text: string): string {
    return this.#parts.hide(text)
  }

  close(): void {
    this.#agent.destroy()
  }

  async json(method: EngineMethod, path: string, call: EngineCall = {}): Promise<EngineAnswer> {
    const name = this.#nameOf(method, path)
    const limit = limitOf(call, name)
    try {
      const { response } = await this.#answered(method, path, call, name, limit)
      const text = await this.#textOf(response, ANSWER_MAX_BYTES, name, limit)
      return { status: response.statusCode ?? 0, headers: response.headers, json: jsonOf(text, name) }
    } finally {
      limit.end()
    }
  }

  async stream(method: EngineMethod, path: string, call: EngineCall = {}): Promise<EngineStream> {
    const name = this.#nameOf(method, path)
    const limit = limitOf(call, name)
    try {
      const { response } = await this.#answered(method, path, call, name, limit)
      limit.stopClock()
      limit.untilClosed(response)
      tellOurErrors(response, name)
      return { status: response.statusCode ?? 0, headers: response.headers, body: response }
    } catch (thrown) {
      limit.end()
      throw thrown
    }
  }

  async upgrade(method: EngineMethod, path: string, protocol: string, call: EngineCall = {}): Promise<Duplex> {
    const name = this.#nameOf(method, path)
    const limit = limitOf(call, name)
    const headers = { ...call.headers, connection: "Upgrade", upgrade: protocol }
    try {
      const arrived = await this.#answered(method, path, { ...call, headers }, name, limit)
      if (!("socket" in arrived)) {
        arrived.response.destroy()
        throw broken(name, "DOCKER_PROTOCOL", `it answered ${arrived.response.statusCode} and kept the connection`)
      }
      const { socket, head } = arrived
      if (head.length > 0) socket.unshift(head)
      limit.stopClock()
      limit.untilClosed(socket)
      return socket
    } catch (thrown) {
      limit.end()
      throw thrown
    }
  }

  #nameOf(method: string, path: string): CallName {
    return { method, path, target: this.#parts.target, hide: this.#parts.hide }
  }

  async #greet(signal: AbortSignal): Promise<EngineFacts> {
    const { target } = this.#parts
    const { headers } = await this.json("GET", "/_ping", { signal })
    refusePodman(headers, target)
    const { json: version } = await this.json("GET", "/version", { signal })
    const { ApiVersion, MinAPIVersion } = (version ?? {}) as Readonly<Record<string, unknown>>
    const oldest = typeof MinAPIVersion === "string" ? MinAPIVersion : undefined
    const apiVersion = commonVersion(String(ApiVersion ?? ""), oldest, target)
    const { json: info } = await this.json("GET", `/v${apiVersion}/info`, { signal })
    return factsOf({ ping: headers, version, info }, apiVersion, target)
  }

  /** The beginning of an answer that does not say no; once again where a kept connection had ended and repeating is harmless. */
  async #answered(
    method: EngineMethod,
    path: string,
    call: EngineCall,
    name: CallName,
    limit: Deadline,
  ): Promise<Arrived> {
    const mayRepeat = call.upload === undefined && (method === "GET" || method === "HEAD" || call.repeatable === true)
    let arrived: Arrived
    try {
      arrived = await this.#exchanged(method, path, call, limit, mayRepeat && call.fresh !== true)
    } catch (thrown) {
      const isStale = thrown instanceof ExchangeFailed && thrown.reused && mayRepeat
      if (!isStale) throw failure(thrown, name)
      arrived = await this.#exchanged(method, path, call, limit, false).catch((again) => {
        throw failure(again, name)
      })
    }
    const status = arrived.response.statusCode ?? 0
    if (status < 300 || call.accept?.includes(status) === true) return arrived
    const said = await this.#textOf(arrived.response, REFUSAL_MAX_BYTES, name, limit).catch(() => "")
    arrived.response.destroy()
    throw refusal(name, status, said)
  }

  /** What must not be repeated goes over a connection of its own: a kept one may end just when it is used. */
  #exchanged(
    method: EngineMethod,
    path: string,
    { query = {}, headers, body, upload }: EngineCall,
    { signal }: Deadline,
    kept: boolean,
  ): Promise<Arrived> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const type = upload?.type ?? (text === undefined ? undefined : "application/json")
    const length =
      upload !== undefined || method === "GET" || method === "HEAD" ? undefined : Buffer.byteLength(text ?? "")
    return exchange({
      to: this.#parts.to,
      agent: kept ? this.#agent : false,
      method,
      path: `${this.#facts === undefined ? "" : `/v${this.#facts.apiVersion}`}${path}${queryText(query)}`,
      headers: {
        ...(type === undefined ? {} : { "content-type": type }),
        ...(length === undefined ? {} : { "content-length": String(length) }),
        ...headers,
      },
      ...(upload === undefined ? (text === undefined ? {} : { body: text }) : { body: upload.bytes }),
      signal,
    })
  }

  async #textOf(response: IncomingMessage, maxBytes: number, name: CallName, limit: Deadline): Promise<string> {
    const chunks: Buffer[] = []
    let sizeBytes = 0
    const undo = onAbort(limit.signal, () => response.destroy())
    try {
      for await (const chunk of response) {
        sizeBytes += (chunk as Buffer).length
        if (sizeBytes > maxBytes) throw broken(name, "DOCKER_PROTOCOL", `the answer is larger than ${maxBytes} bytes`)
        chunks.push(chunk as Buffer)
      }
    } catch (thrown) {
      limit.signal.throwIfAborted()
      if (thrown instanceof FettleError) throw thrown
      throw broken(name, "DOCKER_FAILED", "the answer broke off", thrown)
    } finally {
      undo()
    }
    limit.signal.throwIfAborted()
    return Buffer.concat(chunks).toString("utf8")
  }
}

/** Who reads the stream shall learn which call broke off: Node ends it with a bare "aborted". Not a wrapper, which every byte would pass. */
function tellOurErrors(response: IncomingMessage, name: CallName): void {
  const destroy = response.destroy.bind(response)
  response.destroy = (error) =>
    destroy(
      error === undefined || error instanceof FettleError
        ? error
        : broken(name, "DOCKER_FAILED", "the answer broke off", error),
    )
}

function failure(thrown: unknown, name: CallName): unknown {
  return thrown instanceof ExchangeFailed ? unanswered(name, thrown) : thrown
}

/** The deadline and the signal of one call. */
function limitOf({ timeoutMs = TIMEOUT_MS, signal }: EngineCall, name: CallName): Deadline {
  const late = (): FettleError => tooLate(name, timeoutMs)
  return new Deadline({ timeoutMs: timeoutMs || undefined, signal, late, cancelled: () => cancelled(name) })
}

function cancelled({ method, path }: CallName): FettleError {
  return new FettleError("CANCELLED", `${method} ${path} was cancelled`)
}

function queryText(query: NonNullable<EngineCall["query"]>): string {
  const words = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined) return []
    const text = typeof value === "object" ? JSON.stringify(value) : String(value)
    return [`${encodeURIComponent(name)}=${encodeURIComponent(text)}`]
  })
  return words.length === 0 ? "" : `?${words.join("&")}`
}

function jsonOf(text: string, name: CallName): unknown {
  if (text.trim() === "") return undefined
  try {
    return JSON.parse(text)
  } catch {
    if (name.path === "/_ping") return undefined
    throw broken(name, "DOCKER_PROTOCOL", "the answer is not JSON")
  }
}
