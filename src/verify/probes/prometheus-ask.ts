import type { Duplex } from "node:stream"
import type { DialTo } from "../../connect/dial.ts"
import { causeText } from "../../errors.ts"
import { type Opened, type ProbeSettings, probeSchemas } from "../../program/probe-settings.ts"
import type { Question } from "../answer.ts"
import { exchange } from "./http-exchange.ts"

/** How a server is reached, its secrets opened. */
export type PrometheusPlace = Opened<
  Pick<ProbeSettings<"prometheus">, "url" | "bearer" | "user" | "password" | "headers" | "ca">
>

/** One series at one moment. Its value may be NaN or infinite. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What a server gave for a query, by its own clock; or why it gave nothing that can be used. */
export type Told =
  | { readonly atS: number; readonly series: readonly Series[] }
  | { readonly missing: string; readonly lasting?: boolean }

/** What a server is asked with. */
export interface AskingPrometheus extends Pick<Question, "signal" | "at" | "hide"> {
  /** Opens the way there from elsewhere. Default: from this machine. */
  readonly dial?: ((to: DialTo, signal: AbortSignal) => Promise<Duplex>) | undefined
}
type Asking = AskingPrometheus

/** Longest answer that is read, 4 MiB: some 20,000 series, of which no check and no count is made by hand. */
const ANSWER_MAX_BYTES = 4 * 1_048_576
/** Characters of a server's own words that are told. */
const WORDS_MAX = 200

/**
 * Asks for the numbers of one moment. Whatever is not a whole answer without warnings is missing, with its reason: a server that
 * measures cannot say by its own failure how the target does.
 * @param atS seconds since 1970; default: now, by the server's clock
 */
export async function askPrometheus(
  place: PrometheusPlace,
  query: string,
  question: Asking,
  atS?: number,
): Promise<Told> {
  const url = endpointOf(place.url)
  if (url === undefined)
    return { missing: "the url of the Prometheus server is no http or https address", lasting: true }
  const who = `Prometheus at ${url.host}`
  const body = new URLSearchParams({ query, ...(atS === undefined ? {} : { time: String(atS) }) }).toString()
  const headers = { "content-type": "application/x-www-form-urlencoded", ...place.headers, ...credentialsOf(place) }
  const settings = probeSchemas.http.parse({
    probe: "http",
    method: "POST",
    url: url.href,
    headers,
    body,
    maxBodyBytes: ANSWER_MAX_BYTES,
    ...(place.ca === undefined ? {} : { ca: place.ca }),
  }) as ProbeSettings<"http">
  try {
    const got = await exchange(url, settings, true, question)
    if (got.body?.cut === true) return { missing: `${who}: its answer is longer than 4 MiB: ask for fewer series` }
    return toldIn(got.status, got.body?.text ?? "", who, question)
  } catch (error) {
    if (question.signal.aborted) throw error
    return { missing: `${who} could not be asked: ${wordsOf(causeText(error), question)}` }
  }
}

function endpointOf(text: string): URL | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1/query`
  return url
}

function credentialsOf({ bearer, user, password }: PrometheusPlace): Record<string, string> {
  if (bearer !== undefined) return { authorization: `Bearer ${bearer}` }
  if (user === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}` }
}

/** Errors that asking again cannot change: the query or the credentials are wrong. */
const LASTING = new Set([400, 401, 403])

function toldIn(status: number, text: string, who: string, question: Asking): Told {
  const json = parsed(text)
  if (status !== 200 || json.status !== "success") {
    const said = typeof json.error === "string" ? `: ${wordsOf(json.error, question)}` : ""
    return {
      missing: `${who} answered with status ${status}${said}`,
      ...(LASTING.has(status) ? { lasting: true } : {}),
    }
  }
  const warnings = Array.isArray(json.warnings) ? json.warnings : []
  if (warnings.length > 0) return { missing: `${who} warns: ${wordsOf(String(warnings[0]), question)}` }
  const { resultType, result } = Object(json.data) as { resultType?: unknown; result?: unknown }
  if (resultType === "scalar") return momentsIn([{ metric: {}, value: result }], who)
  if (resultType === "vector" && Array.isArray(result)) return momentsIn(result, who)
  const words = `the query gives a ${wordsOf(String(resultType), question)}, not numbers of one moment`
  return { missing: `${who}: ${words}`, lasting: true }
}

function momentsIn(items: readonly unknown[], who: string): Told {
  const series: Series[] = []
  let atS = Number.NaN
  for (const item of items) {
    const { metric, value } = Object(item) as { metric?: unknown; value?: unknown }
    const [at, text] = Array.isArray(value) ? value : []
    if (typeof at !== "number" || typeof text !== "string" || typeof metric !== "object" || metric === null)
      return { missing: `${who} gave something else than numbers: histograms are asked with histogram_quantile` }
    atS = at
    const labels = Object.fromEntries(Object.entries(metric).map(([name, each]) => [name, String(each)]))
    series.push({ labels, value: numberOf(text) })
  }
  return { atS, series }
}

/** Prometheus writes "+Inf", "-Inf" and "NaN". */
function numberOf(text: string): number {
  const infinite = /^([+-]?)Inf$/.exec(text)
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return text.trim() === "" ? Number.NaN : Number(text)
}

function parsed(text: string): { status?: unknown; error?: unknown; warnings?: unknown; data?: unknown } {
  try {
    return Object(JSON.parse(text)) as object
  } catch {
    return {}
  }
}

/** A server's own words: one line, bounded, without secrets. */
function wordsOf(text: string, { hide }: Pick<Asking, "hide">): string {
  const words = hide(text).replace(/\s+/g, " ").trim()
  return words.length <= WORDS_MAX ? words : `${words.slice(0, WORDS_MAX)}…`
}

/** Labels tell series apart, whatever their order. */
export function keyOf({ labels }: Series): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A series as Prometheus writes it, short. */
export function seriesName({ labels }: Series, { hide }: Pick<Asking, "hide">): string {
  const { __name__: name = "", ...rest } = labels
  const inside = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  const text = hide(`${name}${inside.length === 0 && name !== "" ? "" : `{${inside.join(",")}}`}`)
  return text.length <= NAME_MAX ? text : `${text.slice(0, NAME_MAX)}…`
}

const NAME_MAX = 100
