import type { IncomingMessage } from "node:http"
import { performance } from "node:perf_hooks"
import type { Duplex } from "node:stream"
import type { PeerCertificate, TLSSocket } from "node:tls"
import type { DialTo } from "../../connect/dial.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import type { Question as Whole } from "../answer.ts"

type Question = Pick<Whole, "signal" | "at"> & {
  /** Opens the way there from elsewhere. Default: from this machine. */
  readonly dial?: ((to: DialTo, signal: AbortSignal) => Promise<Duplex>) | undefined
}
type Settings = ProbeSettings<"http">

/** One answer of a server. */
export interface Exchanged {
  readonly status: number
  /** Names in lower case; several of one name joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  /** From the beginning of the connection to the head of the answer; of redirects, all together. */
  readonly latencyMs: number
  /** The part of it in which this process was at work, perhaps with an answer already there: with many checks at once, much. */
  readonly busyMs: number
  /** Whole days until the certificate ends; undefined without TLS. */
  readonly certificateDays: number | undefined
  readonly body: { readonly text: string; readonly cut: boolean } | undefined
}

interface Request {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** Headers of ours that another origin may see. */
const HARMLESS = /^(accept|accept-language|user-agent|content-type)$/i
const DAY_MS = 86_400_000

/** Sends a request and follows as many redirects as allowed. Rejects with the failure of the connection. */
export async function exchange(
  url: URL,
  settings: Settings,
  withBody: boolean,
  question: Question,
): Promise<Exchanged> {
  const taken = { ms: 0, busyMs: 0 }
  let request: Request = { url, method: settings.method, headers: settings.headers, body: settings.body }
  for (let left = settings.redirects; ; left -= 1) {
    const answer = await send(request, settings, question, taken)
    const next = left > 0 ? redirected(request, answer) : undefined
    if (next === undefined) return await received(answer, taken, withBody ? settings.maxBodyBytes : 0, question)
    answer.destroy()
    request = next
  }
}

/** The head of the answer; what it took is added to `taken`. A new connection each time: one kept open would hide that no new one can be made. */
async function send(
  { url, method, headers, body }: Request,
  { ca }: Settings,
  { signal, at, dial }: Question,
  taken: { ms: number; busyMs: number },
): Promise<IncomingMessage> {
  const { request } = url.protocol === "https:" ? await import("node:https") : await import("node:http")
  const trusted = ca === undefined ? {} : { ca: [...(await import("node:tls")).getCACertificates("default"), ca] }
  const own = {
    "user-agent": "fettle",
    accept: "*/*",
    "accept-encoding": "identity",
    ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
  }
  at("connecting")
  const way = dial === undefined ? { agent: false } : await through(url, dial, trusted, signal)
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers: { ...own, ...headers }, signal, ...trusted, ...way })
    call.once("finish", () => at("the request was sent"))
    call.once("socket", () => {
      const started = performance.now()
      const before = performance.eventLoopUtilization()
      call.once("response", () => {
        taken.ms += performance.now() - started
        taken.busyMs += performance.eventLoopUtilization(before).active
      })
    })
    call.once("response", resolve)
    call.on("error", reject)
    call.end(body)
  })
}

/** A connection that is opened from elsewhere. TLS is spoken and verified here. */
async function through(
  url: URL,
  dial: NonNullable<Question["dial"]>,
  trusted: { readonly ca?: readonly string[] },
  signal: AbortSignal,
): Promise<{ readonly createConnection: () => Duplex }> {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const isTls = url.protocol === "https:"
  const stream = await dial({ host, port: Number(url.port) || (isTls ? 443 : 80) }, signal)
  if (!isTls) return { createConnection: () => stream }
  const { connect } = await import("node:tls")
  const { isIP } = await import("node:net")
  const name = isIP(host) === 0 ? { servername: host } : { host }
  const secure = connect({ socket: stream, ...name, ...(trusted.ca === undefined ? {} : { ca: [...trusted.ca] }) })
  return { createConnection: () => secure }
}

async function received(
  answer: IncomingMessage,
  { ms, busyMs }: { readonly ms: number; readonly busyMs: number },
  maxBytes: number,
  { at }: Question,
): Promise<Exchanged> {
  const { statusCode: status = 0 } = answer
  at(`status ${status}, and a body that does not end`)
  try {
    const certificateDays = daysOf(answer.socket as Partial<TLSSocket>)
    const body = maxBytes === 0 ? undefined : await bodyOf(answer, maxBytes)
    return { status, headers: headersOf(answer), latencyMs: Math.round(ms), busyMs, certificateDays, body }
  } finally {
    answer.destroy()
  }
}

/** The beginning of the body, at most `maxBytes` of it. */
async function bodyOf(answer: IncomingMessage, maxBytes: number): Promise<{ text: string; cut: boolean }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBytes) break
  }
  const bytes = Buffer.concat(chunks)
  return { text: bytes.subarray(0, maxBytes).toString("utf8"), cut: size > maxBytes }
}

function headersOf(answer: IncomingMessage): Record<string, string> {
  const entries = Object.entries(answer.headersDistinct)
  return Object.fromEntries(entries.map(([name, values]) => [name, (values ?? []).join(", ")]))
}

function daysOf(socket: Partial<TLSSocket>): number | undefined {
  const certificate: Partial<PeerCertificate> | undefined = socket.getPeerCertificate?.()
  if (certificate?.valid_to === undefined) return undefined
  return Math.floor((Date.parse(certificate.valid_to) - Date.now()) / DAY_MS)
}

function redirected(request: Request, answer: IncomingMessage): Request | undefined {
  const { statusCode: status = 0, headers } = answer
  if (![301, 302, 303, 307, 308].includes(status) || headers.location === undefined) return undefined
  const url = URL.parse(headers.location, request.url.href)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  const kept = url.origin === request.url.origin ? request.headers : harmless(request.headers)
  const asGet = status === 303 || (status <= 302 && request.method === "POST")
  if (!asGet) return { ...request, url, headers: kept }
  return { url, method: request.method === "HEAD" ? "HEAD" : "GET", headers: kept, body: undefined }
}

function harmless(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.test(name)))
}
