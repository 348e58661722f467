// A cloud in small: networks and servers in it. A create answers late, a network with servers is not deleted, a wrong token is refused.
import type { IncomingMessage, ServerResponse } from "node:http"
import { json } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { type Listening, listen } from "../story.ts"

interface Thing {
  readonly id: string
  readonly [field: string]: unknown
}

export class Cloud {
  readonly networks = new Map<string, Thing>()
  readonly servers = new Map<string, Thing>()
  /** What was deleted, in that order. */
  readonly deleted: string[] = []
  /** How long it leaves a client waiting after it has made something. */
  answersAfterMs = 0
  token = "first-token"
  readonly #tokens = new Map<string, Thing>()
  #server: Listening | undefined
  #count = 0

  static async start(): Promise<Cloud> {
    const cloud = new Cloud()
    cloud.#server = await listen((request, response) => void cloud.#answer(request, response))
    return cloud
  }

  get url(): string {
    return this.#server?.url ?? ""
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, kind = "", id] = (request.url ?? "").split(/[/?]/)
    const things = kind === "servers" ? this.servers : this.networks
    const reply = (status: number, body?: unknown): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    if (request.headers.authorization !== `Bearer ${this.token}`) return reply(401, { error: "who are you?" })
    if (request.method === "POST") return reply(201, await this.#create(kind, things, request))
    if (id === undefined || id === "") return reply(200, { items: [...things.values()] })
    const found = things.get(id)
    if (found === undefined) return reply(404, { error: "no such thing" })
    if (request.method === "PATCH") things.set(id, { ...found, ...((await json(request)) as object) })
    if (request.method === "DELETE") {
      const isUsed = [...this.servers.values()].some(({ network }) => network === id)
      if (isUsed) return reply(409, { error: "there are servers in it" })
      things.delete(id)
      this.deleted.push(kind)
    }
    reply(200, things.get(id))
  }

  /** One token makes one thing, however often it is sent. */
  async #create(kind: string, things: Map<string, Thing>, request: IncomingMessage): Promise<Thing> {
    const key = String(request.headers["idempotency-key"])
    const body = (await json(request)) as object
    const known = this.#tokens.get(key)
    if (known !== undefined) return known
    this.#count += 1
    const made = { ...body, id: `${kind}-${this.#count}` }
    things.set(made.id, made)
    this.#tokens.set(key, made)
    if (kind === "servers") await sleep(this.answersAfterMs, undefined, { ref: false })
    return made
  }
}
