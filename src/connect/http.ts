import { FettleError } from "../errors.ts"
import type { Duration } from "../policies/duration.ts"
import { rate } from "../policies/rate.ts"
import type { RetryOptions } from "../policies/retry.ts"
import { timeout } from "../policies/timeout.ts"
import type { Connection, Driver, OpenContext } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import { FetchClient, type HeaderValue, type HttpClient, type HttpPolicies } from "./http-client.ts"
import { plainDriver } from "./plain-driver.ts"

/** Calls in flight where nothing else is said: enough to hide latency, few enough for any API. */
const CONCURRENT = 10
/** One try; the retries, the waits for a turn and what a server asks to wait stand outside it. */
const TRY_TIMEOUT_MS = 30_000
/** With the default backoff this outlasts a restart of the far side of about 3 s. */
const RETRIES = 5
/** No rate asked for: fast enough never to be felt, and still the one place where a 429 pauses every caller. */
const UNLIMITED = { calls: 10_000, per: "1s" } as const

/** How an HTTP API is reached. */
export interface HttpApiOptions {
  /** Stored in state beside what was made through it. Default: host and path of the URL. */
  readonly name?: string
  /** Where its paths start, without user, password and query. */
  readonly url: string
  /** Sent with each call; values may be secrets. */
  readonly headers?: Readonly<Record<string, string | Secret<string>>>
  /** Limit of one try in milliseconds. Default 30,000. */
  readonly timeoutMs?: number
  /** What the far side allows, as in `{ calls: 120, per: "1m" }`. Default: no limit, but a 429 pauses all calls. */
  readonly rate?: { readonly calls: number; readonly per: Duration; readonly burst?: number }
  /** Most calls in flight. Default 10. */
  readonly concurrent?: number
  /** How failed calls are made again. Default: 5 times, from 200 ms on. */
  readonly retry?: Omit<RetryOptions, "when">
  /** Where the far side says who it is, as in `{ path: "/account", field: "id" }`. Default: the URL is its identity. */
  readonly identity?: { readonly path: string; readonly field: string }
}

/**
 * A connection to an HTTP API that speaks JSON.
 *
 * Safe calls are made again after network errors, 429 and 5xx; a write only where the far side cannot have acted on it, or
 * where repeating it is harmless. `Retry-After` is obeyed and pauses every call. Secrets stand in headers alone.
 *
 * @throws FettleError `PROPS_INVALID` for a URL, a rate or retries that make no sense
 * @example const shop = http.api({ url: "https://api.shop.test/v1", headers: { authorization: secret.env("SHOP_TOKEN") } })
 */
export function httpApi(given: HttpApiOptions): Connection<HttpClient> {
  const { headers, identity } = given
  const options = {
    ...given,
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(identity === undefined ? {} : { identity: { ...identity } }),
  }
  const base = baseOf(options.url)
  const policies = policiesOf(options) // here, not in `open`: a plan and the apply after it share one rate
  return Object.freeze({
    type: "http",
    name: options.name ?? `${base.host}${base.pathname.replace(/\/$/, "")}`,
    target: base.href,
    secrets: Object.freeze(Object.values(options.headers ?? {}).filter((value) => value instanceof Secret)),
    open: (context: OpenContext) => open(base, options, policies, context),
  })
}

/** The rate is not given to the engine as a limit: one change may take several calls, and the client counts calls. */
async function open(base: URL, options: HttpApiOptions, policies: HttpPolicies, context: OpenContext): Promise<Driver> {
  const client = new FetchClient(base, headersOf(options, context), policies, (text) => context.hide?.(text) ?? text)
  const identity = await identityOf(client, base, options, context.signal)
  return plainDriver<HttpClient>(client, { identity, concurrency: options.concurrent ?? CONCURRENT })
}

function baseOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  if (isPlain && url.search === "" && url.hash === "") return url
  throw new FettleError("PROPS_INVALID", "http.api: url is not an http or https URL without user, password and query", {
    next: 'give it a url such as "https://api.example.com/v1"; put a token into headers',
  })
}

function policiesOf(options: HttpApiOptions): HttpPolicies {
  const { rate: limit = UNLIMITED, concurrent = CONCURRENT, timeoutMs = TRY_TIMEOUT_MS } = options
  return {
    pace: rate({ ...limit, concurrent }),
    perTry: timeout(timeoutMs),
    retry: { times: RETRIES, ...options.retry },
  }
}

/** @throws FettleError `CONNECTION_FAILED` for a value that cannot be sent: fetch would print it in its error */
function headersOf({ headers = {} }: HttpApiOptions, context: OpenContext): readonly HeaderValue[] {
  return Object.entries(headers).map(([name, value]) => {
    const text = value instanceof Secret ? context.reveal(value) : value
    if (/^[!#$%&'*+.^_`|~\w-]+$/.test(name) && typeof text === "string" && /^[\t\x20-\x7e\x80-\xff]*$/.test(text))
      return { name, text, secret: value instanceof Secret ? value.name : undefined }
    const shown = JSON.stringify(name.slice(0, 40))
    throw new FettleError("CONNECTION_FAILED", `the header ${shown} cannot be sent: it holds a line break or the like`)
  })
}

async function identityOf(
  client: HttpClient,
  base: URL,
  { identity }: HttpApiOptions,
  signal: AbortSignal,
): Promise<string> {
  if (identity === undefined) return base.href
  let at = (await client.request("GET", identity.path, { signal })).json
  for (const key of identity.field.split(".")) at = Object(at)[key]
  if (typeof at === "string" || typeof at === "number") return String(at)
  const fact = `the answer of ${identity.path} has no ${identity.field} that could be an identity`
  throw new FettleError("CONNECTION_FAILED", `${base.href}: ${fact}`)
}
