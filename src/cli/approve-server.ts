import { randomBytes, timingSafeEqual } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { causeText, FettleError } from "../errors.ts"
import type { SavedPlan } from "../events/plan.ts"
import { askingPage, HEADERS, sayingPage } from "./approve-page.ts"

/** Bytes of what stands in a link and in a form: nobody guesses them. */
const TOKEN_BYTES = 32
/** Of a form that says yes. */
const BODY_MAX = 4_096
/** Who asks may take so long to do so, in milliseconds. */
const REQUEST_MS = 10_000
const CONNECTIONS_MAX = 32

/** What is asked by a link. */
export interface Asking {
  readonly plan: SavedPlan
  readonly text: string
  readonly as: string
  /** Where to listen: an address, and a port or 0. */
  readonly listen: { readonly host: string; readonly port: number }
  /** What stands before it and speaks TLS. */
  readonly base?: URL | undefined
  readonly expiresMs: number
  /** Writes the yes down. @throws FettleError where it cannot, or the plan is another one by now */
  readonly approve: () => Promise<void>
  /** Hears the link, once. */
  readonly tell: (link: string, until: Date) => void
}

/** How asking ended. */
export type Answered = "approved" | "expired" | "stopped"

/**
 * Shows a plan at a link that nobody can guess, and takes one yes: by POST, from the page itself. Whatever only looks, the preview of a
 * chat for one, approves nothing.
 * @throws FettleError `USAGE` where nothing can listen there, and what `approve` throws
 */
export async function askByLink(asking: Asking, stopping: AbortSignal): Promise<Answered> {
  const begun = performance.now() // a clock that is set back keeps no link alive
  const isOver = (): boolean => performance.now() - begun > asking.expiresMs
  const page = new ApprovalPage(asking, isOver)
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
    page.answer(request, response).catch(() => response.destroy())
  })
  server.maxConnections = CONNECTIONS_MAX
  await listening(server, asking)
  const { port } = server.address() as AddressInfo
  const timer = setTimeout(() => page.end("expired"), asking.expiresMs)
  const stop = (): void => page.end("stopped")
  stopping.addEventListener("abort", stop, { once: true })
  try {
    asking.tell(page.open(port), new Date(Date.now() + asking.expiresMs))
    return await page.ended
  } finally {
    clearTimeout(timer)
    stopping.removeEventListener("abort", stop)
    server.close()
    server.closeAllConnections()
  }
}

async function listening(server: Server, { listen }: Asking): Promise<void> {
  const failed = once(server, "error").then(([error]) => {
    throw new FettleError("USAGE", `nothing can listen at ${listen.host}:${listen.port}: ${causeText(error)}`, {
      next: "give another one: --serve 127.0.0.1:0 takes any port that is free",
    })
  })
  failed.catch(() => {}) // what comes later ends a request, not the asking
  server.listen(listen.port, listen.host)
  await Promise.race([once(server, "listening"), failed])
}

class ApprovalPage {
  readonly #asking: Asking
  readonly #isOver: () => boolean
  readonly #token = randomBytes(TOKEN_BYTES).toString("base64url")
  readonly #form = randomBytes(TOKEN_BYTES).toString("base64url")
  readonly #until: Date
  readonly #done = Promise.withResolvers<Answered>()
  #hosts = new Set<string>()
  #isUsed = false

  constructor(asking: Asking, isOver: () => boolean) {
    this.#asking = asking
    this.#isOver = isOver
    this.#until = new Date(Date.now() + asking.expiresMs)
    this.#done.promise.catch(() => {})
  }

  get ended(): Promise<Answered> {
    return this.#done.promise
  }

  end(how: Answered): void {
    this.#done.resolve(how)
  }

  /** @returns the link */
  open(port: number): string {
    const { listen, base } = this.#asking
    const here = `${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${port}`
    this.#hosts = new Set([here, `localhost:${port}`, ...(base === undefined ? [] : [base.host])])
    return `${base === undefined ? `http://${here}` : base.href.replace(/\/$/, "")}/${this.#token}`
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request
    // The host is what a page of somebody else, whose name was made to lead here, cannot say.
    if (!isSame(url.split("?")[0]?.split("/").at(-1) ?? "", this.#token) || !this.#hosts.has(headers.host ?? ""))
      return say(response, 404, "Not found", "There is nothing here.")
    if (this.#isUsed) return say(response, 410, "This link was used", "It works once.")
    if (this.#isOver() || Date.now() > this.#asking.plan.saved.expiresAtMs)
      return say(response, 410, "This is over", "The link or the plan has expired. Ask for another one.")
    if (method === "GET" || method === "HEAD") return send(response, 200, this.#page())
    if (method === "POST") return this.#take(request, response)
    return say(response, 405, "Not like this", "Open the link, and use the button.")
  }

  #page(): string {
    const { plan, text, as } = this.#asking
    return askingPage({ plan, text, as, until: this.#until, form: this.#form })
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request
    const origin = headers.origin === undefined ? undefined : URL.parse(headers.origin)?.host
    const site = headers["sec-fetch-site"] ?? "same-origin"
    if (site !== "same-origin" || (headers.origin !== undefined && !this.#hosts.has(origin ?? "")))
      return say(response, 403, "Not from here", "Open the link itself, and use its button.")
    const body = await bodyOf(request)
    const sent = new URLSearchParams(body ?? "")
    if (
      body === undefined ||
      !isSame(sent.get("form") ?? "", this.#form) ||
      sent.get("plan") !== this.#asking.plan.hash
    )
      return say(response, 400, "Not this plan", "Open the link again, and use its button.")
    if (this.#isUsed) return say(response, 410, "This link was used", "It works once.")
    this.#isUsed = true // before anything is waited for: two at once are one
    try {
      await this.#asking.approve()
      say(response, 200, "Approved", `${this.#asking.as} has approved plan ${this.#asking.plan.hash}.`)
      response.once("close", () => this.end("approved"))
    } catch (thrown) {
      say(response, 409, "Not approved", thrown instanceof FettleError ? thrown.fact : "It could not be written down.")
      response.once("close", () => this.#done.reject(thrown))
    }
  }
}

/** Undefined where it is too long, or is no form. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  if (request.headers["content-type"]?.split(";")[0] !== "application/x-www-form-urlencoded") return undefined
  let body = ""
  for await (const chunk of request) {
    body += chunk
    if (body.length > BODY_MAX) return undefined
  }
  return body
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function say(response: ServerResponse, status: number, title: string, text: string): void {
  send(response, status, sayingPage(title, text))
}

function send(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, { ...HEADERS, connection: "close" }).end(page)
}
