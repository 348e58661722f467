import { causeText, FettleError } from "../errors.ts"
import { callWith, type Policy } from "../policies/policy.ts"
import { type RetryOptions, retry } from "../policies/retry.ts"
import { retryAfterMs } from "../policies/retry-after.ts"
import { jsonOf, textOf } from "./http-text.ts"

/** Of an answer that says no, this much is shown. */
const EXCERPT_CHARACTERS = 600
/** Of where a redirect leads, so much. */
const LOCATION_CHARACTERS = 80
/** More is a loop. */
const REDIRECTS_MAX = 5

export interface HttpRequest {
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The far side makes a repeated call with the same key harmless, so a lost answer is asked for again. */
  readonly idempotencyKey?: string
  /** The header that carries the key. Default `Idempotency-Key`. */
  readonly idempotencyHeader?: string
  /** True where repeating this write does no harm. GET, HEAD and calls with a key are repeatable anyway. */
  readonly repeatable?: boolean
  /** Statuses from 300 on that are an answer, not an error. */
  readonly accept?: readonly number[]
  readonly signal?: AbortSignal
}

export interface HttpAnswer {
  /** Where it came from, behind redirects. */
  readonly url: string
  readonly status: number
  readonly headers: Headers
  /** At most 64 MiB. */
  readonly text: string
  /**
   * The text as JSON, undefined where it is empty; integers too large for a number are given as strings.
   * @throws FettleError `HTTP_FAILED` where it is something else
   */
  readonly json: unknown
}

/** What providers of type "http" get as `call.connection`. */
export interface HttpClient {
  /**
   * Makes one call, in its turn, and again where that is harmless.
   * @param path below the URL of the connection, or a whole URL of the same origin
   * @throws FettleError `HTTP_FAILED`; its details hold `status`, and `notMade: true` where the far side cannot have acted
   * @example const { json } = await call.connection.request("GET", "/objects/7", { signal: call.signal })
   */
  request(method: string, path: string, request?: HttpRequest): Promise<HttpAnswer>
}

/** A header of every call. */
export interface HeaderValue {
  readonly name: string
  readonly text: string
  /** The name of the secret, where it is one. */
  readonly secret: string | undefined
}

export interface HttpPolicies {
  readonly pace: Policy
  readonly perTry: Policy
  readonly retry: Omit<RetryOptions, "when">
}

/** One call while it is being made. */
interface Call {
  readonly method: string
  readonly url: URL
  readonly request: HttpRequest
  /** Method and URL for people; a query may hold anything, so it is left out. */
  readonly name: string
  readonly repeatable: boolean
  /** True once a try was handed to the network. */
  sent: boolean
  /** True once the far side may have acted, for all we know. */
  maybe: boolean
}

/** The client of a connection: fetch, with the policies around it and the secrets of the headers inside it. */
export class FetchClient implements HttpClient {
  readonly #base: URL
  readonly #headers: readonly HeaderValue[]
  readonly #policies: HttpPolicies
  readonly #hide: (text: string) => string

  /** @param hide replaces what the run knows to be secret: an answer may echo it, and errors show answers cut short */
  constructor(
    base: URL,
    headers: readonly HeaderValue[],
    policies: HttpPolicies,
    hide: (text: string) => string = (text) => text,
  ) {
    this.#base = base
    this.#headers = headers
    this.#policies = policies
    this.#hide = hide
  }

  async request(method: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
    const call = this.#callOf(method, path, request)
    const { pace, perTry, retry: again } = this.#policies
    const policies = [retry({ ...again, when: (failure) => worthAgain(failure, call) }), pace, perTry]
    try {
      return await callWith(policies, (signal) => this.#try(call, signal), { name: call.name, signal: request.signal })
    } catch (thrown) {
      throw this.#failed(call, thrown)
    }
  }

  #callOf(method: string, path: string, request: HttpRequest): Call {
    const url = this.#urlOf(path, method)
    const repeatable = isSafe(method) || request.idempotencyKey !== undefined || request.repeatable === true
    return {
      method,
      url,
      request,
      name: `${method} ${url.origin}${url.pathname}`,
      repeatable,
      sent: false,
      maybe: false,
    }
  }

  /** Never another origin: the headers would tell it our secrets. */
  #urlOf(path: string, method: string): URL {
    const base = this.#base.href.replace(/\/$/, "")
    const text = /^https?:/i.test(path) ? path : `${base}/${path.replace(/^\//, "")}`
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.origin === this.#base.origin) return url
    const fact = `${method} ${url?.origin ?? "a URL that is none"}: not called, the connection is to ${this.#base.origin}`
    throw new FettleError("HTTP_FAILED", fact, { details: { notMade: true } })
  }

  /** One try; an answer that says no is thrown. */
  async #try(call: Call, signal: AbortSignal): Promise<HttpAnswer> {
    call.sent = true
    try {
      return await this.#fetch(call, signal)
    } catch (thrown) {
      const failed = thrown instanceof FettleError ? thrown : networkError(call, thrown)
      if (failed.details?.notMade !== true) call.maybe = true
      throw failed
    }
  }

  async #fetch(call: Call, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, request } = call
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) }
    const headers = this.#sendable(request)
    let url = call.url
    for (let redirects = 0; ; redirects += 1) {
      const response = await fetch(url, { method, headers, signal, redirect: "manual", ...body })
      const text = await textOf(response, call.name)
      const to = call.repeatable && body.body === undefined ? redirectOf(response, url) : undefined
      if (to === undefined || redirects === REDIRECTS_MAX) return this.#answerOf(call, response, text, url)
      url = to
    }
  }

  #sendable({ body, headers = {}, idempotencyKey, idempotencyHeader = "idempotency-key" }: HttpRequest): Headers {
    const all = new Headers({ accept: "application/json", "user-agent": "fettle" })
    if (body !== undefined) all.set("content-type", "application/json")
    if (idempotencyKey !== undefined) all.set(idempotencyHeader, idempotencyKey)
    for (const [name, value] of Object.entries(headers)) all.set(name, value)
    for (const { name, text } of this.#headers) all.set(name, text)
    return all
  }

  #answerOf(call: Call, { status, statusText, headers }: Response, text: string, url: URL): HttpAnswer {
    if (status >= 300 && call.request.accept?.includes(status) !== true)
      throw this.#refused(call, { status, statusText, headers, text })
    const hide = (each: string): string => this.#scrubbed(each)
    let parsed: { readonly json: unknown } | undefined
    return {
      url: url.href,
      status,
      headers,
      text,
      get json() {
        parsed ??= { json: jsonOf(text, call.name, hide) }
        return parsed.json
      },
    }
  }

  #refused(call: Call, answer: { status: number; statusText: string; headers: Headers; text: string }): FettleError {
    const { status, statusText, headers } = answer
    const location = status < 400 ? headers.get("location") : null
    const to =
      location === null
        ? ""
        : `, to ${JSON.stringify(this.#scrubbed(location).slice(0, LOCATION_CHARACTERS))}, which is not followed`
    const said = this.#scrubbed(answer.text).trim().slice(0, EXCERPT_CHARACTERS)
    const excerpt = said === "" ? "" : `: ${said}`
    const waitMs = retryAfterMs({ headers })
    const wait = waitMs === undefined ? {} : { retryAfterMs: waitMs }
    const details = { ...factsOf(call), status, ...wait, notMade: isRefusedUnseen(status, call) }
    return new FettleError("HTTP_FAILED", `${call.name}: ${`${status} ${statusText}`.trim()}${to}${excerpt}`, {
      details,
    })
  }

  /** The error of the whole call: the last try's, with what the policies around it add. */
  #failed(call: Call, thrown: unknown): FettleError {
    const inner = thrown instanceof Error && thrown.cause instanceof FettleError ? thrown.cause : thrown
    const details = inner instanceof FettleError ? inner.details : undefined
    const isOwn = inner instanceof FettleError && inner.fact.startsWith(call.name)
    const fact = isOwn ? inner.fact : `${call.name}: ${causeText(inner)}`
    const notMade = !call.maybe && (!call.sent || details?.notMade === true)
    return new FettleError("HTTP_FAILED", this.#scrubbed(fact + spentOf(thrown)), {
      details: { ...factsOf(call), ...details, notMade },
    })
  }

  /** Before anything is cut: half a secret is one that no sink recognises. */
  #scrubbed(text: string): string {
    let clean = text
    for (const { text: value, secret } of this.#headers)
      if (secret !== undefined && value !== "") clean = clean.replaceAll(value, `[secret ${secret}]`)
    return this.#hide(clean)
  }
}

/** Whether another try may help, and can do no harm. */
function worthAgain(failure: unknown, call: Call): boolean {
  if (!(failure instanceof FettleError) || (failure.code !== "HTTP_FAILED" && failure.code !== "POLICY_TIMEOUT"))
    return false
  if (failure.code === "POLICY_TIMEOUT") call.maybe = true
  const { status, unreachable } = failure.details ?? {}
  if (status === 429 || unreachable === true) return true
  if (!call.repeatable) return false
  if (typeof status !== "number") return true
  if (status === 409 && call.request.idempotencyKey !== undefined) return true // the first call with this key is under way
  return status === 408 || status === 425 || (status >= 500 && status !== 501)
}

/** A status by which the far side says that it did nothing. A repeated key may be refused while its first call works. */
function isRefusedUnseen(status: number, call: Call): boolean {
  if (status === 409) return call.request.idempotencyKey === undefined
  if (status === 302 || status === 303) return isSafe(call.method) // a write that was done is often answered so
  return status < 500 && status !== 408 && status !== 499
}

function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD"
}

function networkError(call: Call, cause: unknown): FettleError {
  const unreachable = neverSent(cause)
  const details = { ...factsOf(call), notMade: unreachable, unreachable }
  return new FettleError("HTTP_FAILED", `${call.name}: ${causeText(cause)}`, { details })
}

/** Whether a network error came before anything was sent: no name, no connection. */
function neverSent(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverSent)
  if (!(error instanceof Error)) return false
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall === "connect" || syscall === "getaddrinfo" || code === "UND_ERR_CONNECT_TIMEOUT") return true
  return neverSent(error.cause)
}

function factsOf({ method, url }: Call): { method: string; url: string } {
  return { method, url: `${url.origin}${url.pathname}` }
}

/** Why the retries ended, where they did. */
function spentOf(thrown: unknown): string {
  if (!(thrown instanceof FettleError) || thrown.code !== "POLICY_RETRIES_SPENT") return ""
  const { calls, askedMs } = thrown.details ?? {}
  if (typeof askedMs === "number") return ` (it asks to wait ${askedMs} ms, longer than we do)`
  return typeof calls === "number" && calls > 1 ? ` (tried ${calls} times)` : ""
}

/** Where an answer sends us, in the same origin; undefined for any other. */
function redirectOf({ status, headers }: Response, from: URL): URL | undefined {
  const location = headers.get("location")
  if (![301, 302, 303, 307, 308].includes(status) || location === null || !URL.canParse(location, from.href))
    return undefined
  const to = new URL(location, from)
  return to.origin === from.origin ? to : undefined
}
