import { FettleError } from "../errors.ts"
import type { AnyProvider } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import type { Address } from "./address.ts"
import type { Probe } from "./check.ts"
import { type Input, isPlain, json, Output } from "./output.ts"
import { here } from "./place.ts"
import { type ProbeName, probeSchemas } from "./probe-settings.ts"
import { fixProps } from "./props.ts"

/**
 * What a value must be. A plain value means equal to it; several keys must all hold.
 * @example { min: 1, max: 10 } · { contains: "ok" } · /^v\d/ · { exists: false } · { not: "draining" }
 */
export type Expected =
  | string
  | number
  | boolean
  | null
  | RegExp
  | {
      readonly equals?: unknown
      readonly not?: unknown
      /** At least, for numbers. */
      readonly min?: number
      /** At most, for numbers. */
      readonly max?: number
      /** For a text: holds this; for a list: holds an equal item. */
      readonly contains?: string
      readonly matches?: RegExp
      readonly exists?: boolean
    }

/** What an HTTP answer must be. Without a status: 200 to 299. */
export interface HttpExpect {
  readonly status?: Expected
  readonly headers?: Readonly<Record<string, Expected>>
  /** Paths into the JSON body, such as "items.0.name"; a dot in a key is written `\.`. */
  readonly json?: Readonly<Record<string, Expected>>
  readonly body?: Expected
  /** Milliseconds from the call to the head of the answer. */
  readonly maxLatencyMs?: number
  /** Days that the certificate must still be valid. */
  readonly minCertificateDays?: number
}

/** How an HTTP question is put. */
export interface HttpRequest {
  readonly headers?: Readonly<Record<string, string | Secret<string>>>
  /** Redirects to follow, at most 20; default 0: a redirect is an answer like any other. Our headers stay behind at another origin. */
  readonly redirects?: number
  /** The rest of a longer body is not read. Default 1 MiB. */
  readonly maxBodyBytes?: number
  /** A certificate authority to trust beside the system's, as PEM text. */
  readonly ca?: string
  /** Default 10,000. */
  readonly timeoutMs?: number
}

/** May be a secret. */
export type Url = Input<string | Secret<string>>

/** Questions to an HTTP server. Each opens a connection of its own. */
export const http = {
  /** @example check("answers", http.get("http://127.0.0.1:8080/health", { json: { status: "ok" } })) */
  get: (url: Url, expect: Input<HttpExpect> = {}, request: Input<HttpRequest> = {}): Probe =>
    probe("http", "http.get", { ...plain(request), method: "GET", url, expect }, http.get),
  /** @example check("is up", http.head("https://shop.test/", { minCertificateDays: 14 })) */
  head: (url: Url, expect: Input<HttpExpect> = {}, request: Input<HttpRequest> = {}): Probe =>
    probe("http", "http.head", { ...plain(request), method: "HEAD", url, expect }, http.head),
  /** A body that is not a text is sent as JSON. @example http.post(url, { item: "tea" }, { status: 201 }) */
  post: (url: Url, body: unknown, expect: Input<HttpExpect> = {}, request: Input<HttpRequest> = {}): Probe =>
    probe("http", "http.post", { ...plain(request), method: "POST", url, ...bodyOf(body, request), expect }, http.post),
  /** @example http.request({ method: "DELETE", url, expect: { status: 405 } }) */
  request: (
    request: Input<HttpRequest> & {
      readonly method: string
      readonly url: Url
      readonly body?: unknown
      readonly expect?: Input<HttpExpect>
    },
  ): Probe =>
    probe("http", "http.request", { ...plain(request), ...bodyOf(plain(request).body, request) }, http.request),
} as const

/** Whether a port accepts connections. */
export const tcp = {
  /** `banner` is what the server says first, or after `send`. @example tcp.connect({ host: "127.0.0.1", port: 22, banner: /^SSH-2/ }) */
  connect: (
    target: Input<{
      readonly host: string
      readonly port: number
      readonly send?: string | Secret<string>
      readonly banner?: Expected
      /** Milliseconds until the connection stands. */
      readonly maxLatencyMs?: number
      /** Default 10,000. */
      readonly timeoutMs?: number
    }>,
  ): Probe => probe("tcp", "tcp.connect", plain(target), tcp.connect),
} as const

/** What the names of the network say. */
export const dns = {
  /**
   * A name has records of a type (default A), as a server says, or those of this machine's resolver; its hosts file is not
   * looked at. One answer is one text: "192.0.2.1", "10 mail.example.test" (MX), "0 5 5060 sip.example.test" (SRV),
   * "0 issue ca.example.test" (CAA); names in small letters. No such name, or no such record, is no answers.
   * @example check("points here", dns.resolves("shop.test", { exactly: ["192.0.2.1"] }), { within: "5m" })
   * @example dns.resolves("shop.test", { type: "TXT", answer: /^v=spf1 /, server: "127.0.0.1:5353" }) · dns.resolves("old.test", { count: 0 })
   */
  resolves: (
    name: Input<string>,
    expect: Input<{
      readonly type?: "A" | "AAAA" | "CNAME" | "MX" | "TXT" | "SRV" | "NS" | "CAA"
      /** Address of the server to ask, with its port where that is not 53. Default: those of this machine's resolver. */
      readonly server?: string
      /** At least one answer is like this. */
      readonly answer?: Expected
      /** These are the answers and no others, in any order. */
      readonly exactly?: readonly string[]
      /** How many answers. Default: at least one. */
      readonly count?: Expected
      /** Milliseconds until the answer. */
      readonly maxLatencyMs?: number
      /** Default 5,000. */
      readonly timeoutMs?: number
    }> = {},
  ): Probe => probe("dns", "dns.resolves", { ...plain(expect), name }, dns.resolves),
} as const

interface CommandExpect {
  /** Default 0. */
  readonly exitCode?: Expected
  readonly stdout?: Expected
  readonly stderr?: Expected
}

interface CommandOptions {
  /** Default: the folder of the program. */
  readonly cwd?: string
  /** Nothing else is passed but PATH, HOME, TMPDIR and LANG. */
  readonly env?: Readonly<Record<string, string | Secret<string>>>
  readonly input?: string | Secret<string>
  /** Default 60,000. */
  readonly timeoutMs?: number
}

/** Whether a command ends well. No shell. */
export const command = {
  /** @example command.succeeds(["nginx", "-t"]) · command.succeeds(["node", "--version"], { stdout: /^v24/ }) */
  succeeds: (
    words: Input<readonly (string | Secret<string>)[]>,
    expect: Input<CommandExpect> = {},
    options: Input<CommandOptions> = {},
  ): Probe => probe("command", "command.succeeds", { ...plain(options), command: words, expect }, command.succeeds),
} as const

interface FileExpect {
  readonly content?: Expected
  /** Paths into the JSON content, as in `http`. */
  readonly json?: Readonly<Record<string, Expected>>
  /** Octal: "0640". */
  readonly mode?: string
  /** Longest time since it was last written: "1d". */
  readonly maxAge?: number | string
  readonly sizeBytes?: Expected
  /** Default 10,000. */
  readonly timeoutMs?: number
}

/** What a file is and holds. */
export const file = {
  /** @example file.exists("/srv/backup.db", { maxAge: "1d", sizeBytes: { min: 1 } }) */
  exists: (path: Input<string>, expect: Input<FileExpect> = {}): Probe =>
    probe("file", "file.exists", { ...plain(expect), path }, file.exists),
  /** @example file.contains("/etc/hosts", "localhost") · file.contains("build.log", /done in \d+ s/) */
  contains: (
    path: Input<string>,
    content: Input<string> | RegExp,
    expect: Input<Omit<FileExpect, "content">> = {},
  ): Probe =>
    probe(
      "file",
      "file.contains",
      { ...plain(expect), path, content: content instanceof RegExp ? content : { contains: content } },
      file.contains,
    ),
} as const

/** Checks the settings as far as they are known now. @throws FettleError `PROPS_INVALID` with the place of the call */
export function probe(
  name: ProbeName,
  call: string,
  settings: Record<string, unknown>,
  below: (...args: never[]) => unknown,
): Probe {
  const shape = { kind: name, props: probeSchemas[name] } as unknown as AnyProvider
  try {
    return fixProps(shape, asData({ probe: name, ...settings }), call as Address, here(below)).props as Probe
  } catch (error) {
    if (!(error instanceof FettleError)) throw error
    const { code, fact, place, details } = error
    throw new FettleError(code, fact, { place, details, next: `correct the named setting of ${call}(…)` })
  }
}

/** Regular expressions become data, so that a check can be remembered and compared. */
function asData(value: unknown): unknown {
  if (value instanceof RegExp) return { regex: value.source, flags: value.flags }
  if (Array.isArray(value)) return value.map(asData)
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, asData(each)]))
}

function bodyOf(body: unknown, request: unknown): Record<string, unknown> {
  if (body === undefined) return {}
  if (typeof body === "string" || body instanceof Secret || body instanceof Output) return { body }
  const headers = plain(plain(request).headers ?? {})
  return { body: json(body, 0), headers: { "content-type": "application/json", ...headers } }
}

/** The settings as written. A whole set of them as one output would hide what is asked until it is known. */
export function plain(settings: unknown): Record<string, unknown> {
  if (isPlain(settings)) return settings
  throw new FettleError("PROPS_INVALID", "the settings of a probe must be an object; its values may be outputs", {
    place: here(plain),
  })
}

/** A text as a regular expression that finds it. */
export function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
}
