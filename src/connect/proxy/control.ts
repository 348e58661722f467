import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { json } from "node:stream/consumers"
import { z } from "zod"
import { causeText } from "../../errors.ts"
import { EDGES_MS, entries, type Servers, type Upstream } from "./servers.ts"

/** Told anew by each process: then counters have begun anew, too. */
const EPOCH = randomUUID()

const commands = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("look") }),
  z.strictObject({ do: z.literal("set"), servers: entries }),
  z.strictObject({ do: z.literal("remove"), names: z.array(z.string()) }),
])

/** What the control socket tells of one server. */
export interface ControlServer {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly isUp: boolean
  readonly falls: number
  readonly openRequests: number
  readonly requests: number
  readonly errors: number
  /** Cumulative: how many took at most so long. */
  readonly latencies: readonly { readonly edgeMs: number | null; readonly atMost: number }[]
}

export interface ControlAnswer {
  readonly epoch: string
  readonly servers: readonly ControlServer[]
}

/** Answers one command that came over the control socket. */
export async function control(servers: Servers, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const command = commands.parse(await json(incoming))
    if (command.do === "set") servers.set(command.servers)
    if (command.do === "remove") servers.remove(command.names)
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ epoch: EPOCH, servers: servers.all.map(told) } satisfies ControlAnswer))
  } catch (thrown) {
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: causeText(thrown) }))
  }
}

function told({
  name,
  address,
  port,
  weight,
  isUp,
  falls,
  openRequests,
  requests,
  errors,
  atMost,
}: Upstream): ControlServer {
  const latencies: { edgeMs: number | null; atMost: number }[] = EDGES_MS.map((edgeMs, at) => ({
    edgeMs,
    atMost: atMost[at] ?? 0,
  }))
  latencies.push({ edgeMs: null, atMost: requests })
  return { name, address, port, weight, isUp, falls, openRequests, requests, errors, latencies }
}
