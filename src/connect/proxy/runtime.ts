import { request } from "node:http"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { causeText, FettleError } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import type { Connection, OpenContext } from "../../provider.ts"
import { plainDriver } from "../plain-driver.ts"
import { type Instance, sendsTraffic, type Traffic } from "../traffic.ts"
import { weightsOf } from "../weights.ts"
import type { ControlAnswer } from "./control.ts"
import { EDGES_MS } from "./servers.ts"

/** Longest that the control socket may take. */
const TIMEOUT_MS = 5_000
/** How long a new instance may take until it takes a connection. */
const UP_MS = 30_000
/** Pause between two looks. */
const LOOK_MS = 50
/** Larger than any list of shares needs. */
const WEIGHT_MAX = 1_000

/** How the embedded proxy is started. */
export interface ProxyOptions {
  /** Where it listens, as in "127.0.0.1:8080". */
  readonly listen: string
  /** Path of its control socket, which only its own user may open. */
  readonly control: string
  /** File that it remembers its servers in. */
  readonly state: string
}

/**
 * The command of the embedded proxy, for a `host.process`. It needs no root: made for demos and small sites.
 * @example resource(host.process, "proxy", { command: command({ listen: "127.0.0.1:8080", control, state }), directory })
 */
export function command({ listen, control, state }: ProxyOptions): readonly [string, ...string[]] {
  const main = new URL(import.meta.url.endsWith(".ts") ? "./main.ts" : "./main.js", import.meta.url)
  return [process.execPath, fileURLToPath(main), listen, control, state]
}

/** What stands behind a connection to an embedded proxy. */
export interface ProxyClient {
  tell(command: object, signal: AbortSignal): Promise<ControlAnswer>
}

/**
 * A connection to an embedded proxy on this machine, by its control socket.
 * @example const lb = runtime({ control: "/srv/shop/proxy.sock" })
 */
export function runtime({
  control,
  name,
}: {
  readonly control: string
  readonly name?: string
}): Connection<ProxyClient> {
  return Object.freeze({
    type: "proxy",
    name: name ?? `proxy ${control}`,
    target: control,
    secrets: Object.freeze([]),
    latencyEdgesMs: EDGES_MS,
    open: async (_context: OpenContext) => {
      const client: ProxyClient = { tell: (each, signal) => tell(control, each, signal) }
      sendsTraffic(client, () => trafficOver(client))
      return plainDriver<ProxyClient>(client, { identity: "", concurrency: 16 })
    },
  })
}

function tell(control: string, command: object, signal: AbortSignal): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      socketPath: control,
      method: "POST",
      path: "/",
      agent: false as const,
      timeout: TIMEOUT_MS,
      signal,
    }
    const asking = request(options, (response) => {
      const fail = (thrown: unknown): void => reject(failure(control, thrown))
      text(response).then((body) => {
        const answer = JSON.parse(body) as ControlAnswer & { readonly error?: string }
        if (answer.error === undefined) resolve(answer)
        else reject(new FettleError("RELEASE_TRAFFIC", `${control}: ${answer.error}`))
      }, fail)
    })
    asking.on("timeout", () => asking.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    asking.on("error", (error) => reject(failure(control, error)))
    asking.end(JSON.stringify(command))
  })
}

function failure(control: string, thrown: unknown): FettleError {
  return new FettleError("CONNECTION_FAILED", `${control}: ${causeText(thrown)}`, {
    cause: thrown,
    next: "see that the proxy runs: its command is that of proxy.command(…)",
  })
}

function trafficOver(client: ProxyClient): Traffic {
  const look = (signal: AbortSignal): Promise<ControlAnswer> => client.tell({ do: "look" }, signal)
  return {
    look: async (signal) =>
      (await look(signal)).servers.map(({ name, address, port, weight, isUp, falls, openRequests }) => {
        return { name, address, port, weight, state: weight > 0 ? "ready" : "drain", up: isUp, falls, openRequests }
      }),
    route: (shares, signal) => route(client, shares, signal),
    drained: async (names, withinMs, signal) => {
      for (const untilMs = performance.now() + withinMs; ; ) {
        const { servers } = await look(signal)
        if (!servers.some(({ name, openRequests }) => names.includes(name) && openRequests > 0)) return true
        if (performance.now() >= untilMs) return false
        await sleep(LOOK_MS, signal)
      }
    },
    remove: async (names, signal) => {
      if (names.length > 0) await client.tell({ do: "remove", names }, signal)
    },
    counters: async (signal) => {
      const { epoch, servers } = await look(signal)
      const byName = servers.map(({ name, requests, errors, latencies }) => {
        const edges = latencies.map(({ edgeMs, atMost }) => ({ edgeMs: edgeMs ?? Number.POSITIVE_INFINITY, atMost }))
        return [name, { requests, errors, latencies: edges }] as const
      })
      return { epoch, byName: new Map(byName) }
    },
  }
}

/** New ones come in without weight, until they take a connection; then all weights change at once. */
async function route(
  client: ProxyClient,
  shares: readonly { readonly instance: Instance; readonly share: number }[],
  signal: AbortSignal,
): Promise<void> {
  const weights = weightsOf(
    shares.map(({ share }) => share),
    WEIGHT_MAX,
  )
  const wanted = shares.map(({ instance: { name, address, port } }, at) => ({
    name,
    address,
    port,
    weight: weights[at] as number,
  }))
  const there = (await client.tell({ do: "look" }, signal)).servers
  const isThere = (each: (typeof wanted)[number]): boolean =>
    there.some(({ name, address, port }) => name === each.name && address === each.address && port === each.port)
  const fresh = wanted.filter((each) => each.weight > 0 && !isThere(each))
  if (fresh.length > 0) await client.tell({ do: "set", servers: fresh.map((each) => ({ ...each, weight: 0 })) }, signal)
  await untilUp(
    client,
    wanted.filter(({ weight }) => weight > 0).map(({ name }) => name),
    signal,
  )
  await client.tell({ do: "set", servers: wanted.filter((each) => each.weight > 0 || isThere(each)) }, signal)
}

async function untilUp(client: ProxyClient, names: readonly string[], signal: AbortSignal): Promise<void> {
  for (const untilMs = performance.now() + UP_MS; ; ) {
    const { servers } = await client.tell({ do: "look" }, signal)
    const down = names.filter((name) => servers.find((each) => each.name === name)?.isUp !== true)
    if (down.length === 0) return
    if (performance.now() >= untilMs)
      throw new FettleError("RELEASE_TRAFFIC", `${down.join(", ")} took no connection within ${UP_MS / 1_000} s`)
    await sleep(LOOK_MS, signal)
  }
}
