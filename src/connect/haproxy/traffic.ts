import { FettleError } from "../../errors.ts"
import type { Counters, Instance, Place, Traffic } from "../traffic.ts"
import { weightsOf } from "../weights.ts"
import type { RuntimeClient } from "./runtime-client.ts"
import { addCommand, admit, drained, letGo, type ServerCall, untilUp } from "./server-life.ts"
import type { RuntimeServer } from "./server-row.ts"

/** Heaviest that a server can be. */
const WEIGHT_MAX = 256
/** How long a new instance may take until its first check has passed. */
const UP_MS = 30_000
/** How its checks go where the backend says nothing else; how often is the backend's to say with `option httpchk`. */
const CHECK = { intervalMs: 1_000, rise: 1, fall: 3 } as const

/** Sends the traffic of one backend by HAProxy's runtime API. Servers of its config file that are not named are left alone. */
export function haproxyTraffic(connection: RuntimeClient, backend: string): Traffic {
  const callOf = (signal: AbortSignal): ServerCall => ({ connection, signal, log: () => {} })
  let known = { epoch: "", unanswered: new Map<string, number>() }
  const serversOf = (signal: AbortSignal): Promise<ReadonlyMap<string, RuntimeServer>> =>
    serversIn(connection, backend, signal)
  return {
    look: async (signal) => [...(await serversOf(signal)).values()].map(placeOf),
    route: async (shares, signal) => route(backend, shares, await serversOf(signal), callOf(signal)),
    drained: async (names, withinMs, signal) => {
      const untilMs = performance.now() + withinMs
      let isDone = true
      for (const name of names) {
        await drained(`${backend}/${name}`, Math.max(0, untilMs - performance.now()), callOf(signal))
        const left = (await serversOf(signal)).get(name)
        if (left !== undefined && left.sessions + left.queued > 0) isDone = false
      }
      return isDone
    },
    remove: async (names, signal) => {
      const servers = await serversOf(signal)
      for (const name of names) if (servers.has(name)) await takeOut(`${backend}/${name}`, callOf(signal))
    },
    counters: async (signal) => {
      const epoch = await epochOf(connection, signal)
      if (epoch !== known.epoch) known = { epoch, unanswered: new Map() }
      const byName = new Map<string, Counters>()
      for (const [name, server] of await serversOf(signal)) byName.set(name, countersOf(server, known.unanswered))
      return { epoch, byName }
    },
  }
}

async function serversIn(
  connection: RuntimeClient,
  backend: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RuntimeServer>> {
  const { backends, servers } = await connection.view(signal)
  if (!backends.has(backend))
    throw new FettleError("HAPROXY_NO_BACKEND", `${connection.target} has no backend ${backend}`, {
      details: { notMade: true },
    })
  return new Map([...servers.values()].flatMap((each) => (each.backend === backend ? [[each.name, each]] : [])))
}

function placeOf({ name, address, port, weight, state, isUp, falls, sessions, queued }: RuntimeServer): Place {
  const own = state === "maint" ? "maintenance" : state
  return { name, address, port, weight, state: own, up: isUp, falls, openRequests: sessions + queued }
}

/** New ones first, each without traffic until it answers; then all weights by one line; then who gets nothing more is drained. */
async function route(
  backend: string,
  shares: readonly { readonly instance: Instance; readonly share: number }[],
  there: ReadonlyMap<string, RuntimeServer>,
  call: ServerCall,
): Promise<void> {
  const weights = weightsOf(
    shares.map(({ share }) => share),
    WEIGHT_MAX,
  )
  const wanted = shares.map(({ instance }, at) => ({ instance, weight: weights[at] as number }))
  for (const { instance, weight } of wanted)
    if (weight > 0) await present(backend, instance, there.get(instance.name), call)
  const known = wanted.filter(({ instance, weight }) => weight > 0 || there.has(instance.name))
  const set = Object.fromEntries(known.map(({ instance, weight }) => [instance.name, weight]))
  await call.connection.setWeights(backend, set, call.signal)
  for (const { instance, weight } of known) {
    const path = `${backend}/${instance.name}`
    const state = there.get(instance.name)?.state
    if (weight === 0 && state !== "drain") await call.connection.tell(`set server ${path} state drain`, call.signal)
  }
}

/** Brings an instance to where it can take traffic: added with weight 0, checked, and ready. */
async function present(
  backend: string,
  { name, address, port }: Instance,
  there: RuntimeServer | undefined,
  call: ServerCall,
): Promise<void> {
  const path = `${backend}/${name}`
  const { connection, signal } = call
  const isMoved = there !== undefined && (there.address !== address || there.port !== port)
  if (isMoved) await takeOut(path, call)
  if (there === undefined || isMoved) {
    const added = addCommand(path, { address, port, weight: 0, check: CHECK })
    await connection.tell(added, signal, /^New server registered/)
  }
  if (there === undefined || isMoved || there.check !== undefined)
    await connection.tell(`enable health ${path}`, signal)
  if (there?.state === "ready" && !isMoved) return untilUp(path, UP_MS, call)
  await admit(path, { state: "ready", withinMs: UP_MS }, call)
}

async function takeOut(path: string, call: ServerCall): Promise<void> {
  const { connection, signal } = call
  await connection.tell(`set server ${path} state maint`, signal, /^No such server/)
  await connection.tell(`shutdown sessions server ${path}`, signal, /^No such server/)
  await letGo(path, call)
}

/**
 * What was never answered is in no count of HAProxy's: not where a kept connection was closed on it, and twice where half an answer came.
 * So it is what was sent to the server and is over, less what was answered. An answer that has begun and is not over hides one of those;
 * what was known once stays known.
 */
function countersOf({ name, sessions, counters }: RuntimeServer, unanswered: Map<string, number>): Counters {
  const { sessions: sent, requests: answered, responses, serverAborts } = counters
  const requests = Math.max(0, sent - sessions)
  const none = Math.max(requests - answered, unanswered.get(name) ?? 0, 0)
  unanswered.set(name, none)
  return { requests, errors: Math.min(requests, responses["5xx"] + none + serverAborts) }
}

/** Counters begin anew with each process. */
async function epochOf(connection: RuntimeClient, signal: AbortSignal): Promise<string> {
  const info = await connection.tell("show info", signal, /[\s\S]*/)
  return /^Pid: (.*)$/m.exec(info)?.[1]?.trim() ?? ""
}
