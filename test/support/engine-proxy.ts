import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"

/** A call as it passes: without the version of the API. */
export interface Passing {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
}

/** What is done to one call. */
export interface Fault {
  /** The Engine gets it so much later, also where its client is gone by then. */
  readonly delayMs?: number
  /** The Engine does it, and its client never hears of it. */
  readonly loseReply?: boolean
  /** It never reaches the Engine. */
  readonly swallow?: boolean
}

type Match = (call: Passing) => boolean

/** Lists as they were when they became stale. */
type Frozen = ReadonlyMap<string, unknown>
const LISTS = ["/containers/json?all=true", "/images/json", "/networks", "/volumes"]

/** Stands before an Engine's socket: counts what passes, and can be late, deaf, forgetful and out of date. */
export class EngineProxy {
  readonly #server: Server
  readonly #to: string
  readonly #faults: { readonly match: Match; readonly fault: Fault; left: number }[] = []
  readonly #open = new Set<Socket>()
  readonly #late = new Set<Promise<unknown>>()
  #frozen: Frozen | undefined
  /** Every call so far, as "GET /networks". */
  readonly calls: string[] = []
  #inspects = 0
  /** Told of each write before the Engine gets it and after it was done; its client hears of it when this has ended. */
  watch: ((call: Passing, when: "before" | "after") => void | Promise<void>) | undefined
  /** Most looks at single things that were under way at once. */
  inspectsAtOnce = 0

  private constructor(server: Server, to: string) {
    this.#server = server
    this.#to = to
    server.on("connection", (socket) => {
      this.#open.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => this.#open.delete(socket))
    })
    server.on("request", (incoming, response) => void this.#pass(incoming, response))
    server.on("upgrade", (incoming, socket, head) => this.#upgrade(incoming, socket as Socket, head))
  }

  static async start(socketPath: string, to: string): Promise<EngineProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    return new EngineProxy(server, to)
  }

  /** Does something to the next calls of a sort, or to all of them. */
  fault(match: Match | string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    const [method, path] = typeof match === "string" ? match.split(" ") : []
    const matches = typeof match === "string" ? (call: Passing) => call.method === method && call.path === path : match
    this.#faults.push({ match: matches, fault, left: times })
  }

  /** From now on lists answer as they would now. */
  async stale(): Promise<void> {
    const lists = LISTS.map(async (path) => {
      const response = await this.#ask("GET", `/v1.41${path}`, {}, Buffer.alloc(0))
      return [path.split("?", 1)[0] as string, JSON.parse(String(await buffer(response)))] as const
    })
    this.#frozen = new Map(await Promise.all(lists))
  }

  clear(): void {
    this.#faults.length = 0
    this.#frozen = undefined
  }

  /** Until what was delayed has reached the Engine. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#late])
  }

  /** Calls of a sort since there were `from` of them. */
  count(match: RegExp, from = 0): number {
    return this.calls.slice(from).filter((call) => match.test(call)).length
  }

  async close(): Promise<void> {
    await this.settled()
    for (const socket of this.#open) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = passingOf(incoming)
    this.calls.push(`${call.method} ${call.path}`)
    const isInspect =
      call.method === "GET" && /^\/(?:containers|images)\/.+\/json$|^\/(?:networks|volumes)\/./.test(call.path)
    if (isInspect) this.inspectsAtOnce = Math.max(this.inspectsAtOnce, ++this.#inspects)
    response.once("close", () => {
      if (isInspect) this.#inspects -= 1
    })
    const listed = this.#listed(call)
    if (listed !== undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(listed))
      return
    }
    const fault = this.#faultFor(call)
    if (fault?.swallow === true) return void incoming.socket.destroy()
    const isWatched = this.watch !== undefined && call.method !== "GET" && call.method !== "HEAD"
    if (fault === undefined && !isWatched) return this.#forward(incoming, response)
    const late = this.#faulty(incoming, response, fault ?? {}, isWatched ? call : undefined)
    this.#late.add(late)
    await late.catch(() => response.destroy())
    this.#late.delete(late)
  }

  async #faulty(incoming: IncomingMessage, response: ServerResponse, fault: Fault, watched?: Passing): Promise<void> {
    const body = await buffer(incoming)
    await sleep(fault.delayMs ?? 0)
    if (watched !== undefined) await this.watch?.(watched, "before")
    const answer = await this.#ask(incoming.method ?? "GET", incoming.url ?? "/", incoming.headers, body)
    if (watched !== undefined) await this.watch?.(watched, "after")
    if (fault.loseReply === true) {
      await buffer(answer)
      response.destroy()
      return
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, url: path, headers } = incoming
    const outgoing = request({ socketPath: this.#to, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.once("error", () => response.destroy())
    })
    outgoing.once("error", () => response.destroy())
    response.once("close", () => outgoing.destroy())
    incoming.pipe(outgoing)
  }

  #ask(method: string, path: string, headers: IncomingMessage["headers"], body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#to, method, path, headers, agent: false }, resolve)
      outgoing.once("error", reject)
      outgoing.end(body)
    })
  }

  #upgrade(incoming: IncomingMessage, client: Socket, head: Buffer): void {
    this.calls.push(`${incoming.method} ${passingOf(incoming).path}`)
    const engine = connect(this.#to)
    const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`]
    for (let at = 0; at < incoming.rawHeaders.length; at += 2)
      lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`)
    engine.write(`${lines.join("\r\n")}\r\n\r\n`)
    engine.write(head)
    engine.pipe(client).pipe(engine)
    for (const [a, b] of [[engine, client] as const, [client, engine] as const]) {
      a.on("error", () => b.destroy())
      a.once("close", () => b.destroy())
    }
  }

  #faultFor(call: Passing): Fault | undefined {
    const found = this.#faults.find(({ match, left }) => left > 0 && match(call))
    if (found !== undefined) found.left -= 1
    return found?.fault
  }

  /** A stale list, by the labels that are asked for. */
  #listed({ method, path, query }: Passing): unknown {
    const list = method === "GET" ? this.#frozen?.get(path) : undefined
    if (!Array.isArray(list)) return list
    const { label = [] } = JSON.parse(query.get("filters") ?? "{}") as { readonly label?: readonly string[] }
    return list.filter(({ Labels }) => label.every((each) => isLabelled(Labels ?? {}, each)))
  }
}

function isLabelled(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [name = "", value] = wanted.split("=")
  return value === undefined ? name in labels : labels[name] === value
}

function passingOf({ method = "GET", url = "/" }: IncomingMessage): Passing {
  const { pathname, searchParams } = new URL(url, "http://engine")
  return { method, path: pathname.replace(/^\/v\d+\.\d+/, ""), query: searchParams }
}
