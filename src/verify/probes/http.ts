import { isPlain } from "../../program/output.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, type Measured, type Question } from "../answer.ts"
import { type Claim, claimsOf, judge } from "../judge.ts"
import { type Exchanged, exchange } from "./http-exchange.ts"
import { networkAnswer } from "./network.ts"

type Settings = ProbeSettings<"http">

/** Asks an HTTP server once, over a connection of its own. The body is read only where something is expected of it. */
export const http: Asker<Settings> = { timeoutMs: 10_000, late: "no", ask }

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const { expect, method } = settings
  const url = URL.parse(settings.url)
  if (url === null || !/^https?:$/.test(url.protocol))
    return inconclusive(`this is not an http or https address: ${shownUrl(settings.url)}`)
  if (expect.minCertificateDays !== undefined && url.protocol !== "https:")
    return inconclusive(`${shownUrl(url.href)} has no certificate: it is not https`)
  const withBody = expect.json !== undefined || expect.body !== undefined
  try {
    return await answerOf(await exchange(url, settings, withBody && method !== "HEAD", question), settings, question)
  } catch (error) {
    if (question.signal.aborted) throw error
    return networkAnswer(`${method} ${shownUrl(url.href)}`, error)
  }
}

async function answerOf(got: Exchanged, { expect, maxBodyBytes }: Settings, question: Question): Promise<Answer> {
  const { latencyMs, certificateDays, body } = got
  const measured: Measured = {
    status: got.status,
    latencyMs,
    ...(certificateDays === undefined ? {} : { certificateDays }),
  }
  const status = { name: "status", value: got.status, expected: expect.status }
  const [badStatus, ...badHeaders] = await judge(
    [status, ...claimsOf(got.headers, lowerCase(expect.headers ?? {}))],
    question,
  )
  const head = [
    withTarget(badStatus, got),
    ...badHeaders.map((each) => each && `header ${each}`),
    isUnsure(got, expect.maxLatencyMs) ? undefined : late(latencyMs, expect.maxLatencyMs),
    tooOld(certificateDays, expect.minCertificateDays),
  ]
  const tooBusy = head.every((each) => each === undefined) && isUnsure(got, expect.maxLatencyMs)
  const evidence = `status ${got.status} in ${latencyMs} ms${certificateDays === undefined ? "" : `, certificate valid for ${certificateDays} days`}`
  const wrong = [...head, ...(await bodyFaults(body?.text, expect, question))]
  if (body?.cut === true && head.every((each) => each === undefined) && wrong.some((each) => each !== undefined))
    return inconclusive(
      `the body is longer than maxBodyBytes (${maxBodyBytes}), and what is expected of it is not in its beginning`,
      measured,
    )
  if (tooBusy && wrong.every((each) => each === undefined))
    return inconclusive(
      `it took ${latencyMs} ms, expected at most ${expect.maxLatencyMs}, but Fettle itself was busy for ${Math.round(got.busyMs)} ms of them`,
      measured,
    )
  return judged(wrong, evidence, measured)
}

/** Slow, but perhaps only because the answer waited for us. */
function isUnsure({ latencyMs, busyMs }: Exchanged, maxMs: number | undefined): boolean {
  return maxMs !== undefined && latencyMs > maxMs && latencyMs - busyMs <= maxMs
}

/** A redirect that nobody follows is the usual reason for a wrong status. */
function withTarget(wrong: string | undefined, { status, headers }: Exchanged): string | undefined {
  if (wrong === undefined || status < 300 || status > 399 || headers.location === undefined) return wrong
  return `${wrong}; it redirects to ${shownUrl(headers.location)}`
}

function late(latencyMs: number, maxMs: number | undefined): string | undefined {
  return maxMs !== undefined && latencyMs > maxMs ? `it took ${latencyMs} ms, expected at most ${maxMs}` : undefined
}

function tooOld(days: number | undefined, minDays: number | undefined): string | undefined {
  if (minDays === undefined) return undefined
  if (days === undefined) return "it showed no certificate"
  return days < minDays ? `its certificate is valid for ${days} more days, expected at least ${minDays}` : undefined
}

async function bodyFaults(
  text: string | undefined,
  { json, body }: Settings["expect"],
  question: Question,
): Promise<readonly (string | undefined)[]> {
  const whole: readonly Claim[] = body === undefined ? [] : [{ name: "body", value: text ?? "", expected: body }]
  const parsed = json === undefined ? undefined : parse(text ?? "")
  const parts = json === undefined || parsed === undefined ? [] : claimsOf(parsed.value, json)
  const wrong = await judge([...whole, ...parts], question)
  return json !== undefined && parsed === undefined ? [...wrong, "the body is not JSON"] : wrong
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, "")) as unknown } // some servers begin with a byte order mark
  } catch {
    return undefined
  }
}

/** Header names have no case; dots in them are no paths. */
function lowerCase<T>(headers: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  if (!isPlain(headers)) return {}
  return Object.fromEntries(
    Object.entries(headers).map(([name, each]) => [name.toLowerCase().replaceAll(".", "\\."), each]),
  )
}

/** Without what may be secret: user, password and query. */
function shownUrl(text: string): string {
  const url = URL.parse(text)
  return url === null
    ? text.replace(/\/\/[^/@]*@/, "//").replace(/\?.*$/s, "")
    : `${url.protocol}//${url.host}${url.pathname}`
}
