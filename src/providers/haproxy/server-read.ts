import { NotListening } from "../../connect/haproxy/exchange.ts"
import type { RuntimeClient } from "../../connect/haproxy/runtime-client.ts"
import type { RuntimeServer, RuntimeView } from "../../connect/haproxy/server-row.ts"
import { FettleError } from "../../errors.ts"
import type { Address, Json, Key, Read, Seen } from "../../provider.ts"
import type { ServerOutputs, ServerProps } from "./server-props.ts"

type ServerKey = Key<ServerProps, ServerOutputs>

/** All servers by one request, however many are asked for. */
export async function readServers(
  keys: readonly ServerKey[],
  { connection, signal }: Read<RuntimeClient>,
): Promise<ReadonlyMap<Address, Seen<ServerOutputs>>> {
  try {
    const view = await connection.view(signal)
    return new Map(keys.map((key) => [key.address, seenOf(key, view, connection.target)]))
  } catch (thrown) {
    if (!(thrown instanceof NotListening)) throw thrown
    return new Map(keys.map((key) => [key.address, withoutHaproxy(key, thrown)]))
  }
}

function seenOf(key: ServerKey, { backends, servers }: RuntimeView, target: string): Seen<ServerOutputs> {
  const server = key.id === undefined ? undefined : servers.get(key.id)
  if (server !== undefined) return { outputs: outputsOf(server, wasAdded(key)), shown: shownOf(server) }
  const backend = key.want?.backend
  if (backend === undefined || backends.has(backend)) return { absent: true }
  return { failed: new FettleError("HAPROXY_NO_BACKEND", `${target}: there is no backend ${backend}`) }
}

/**
 * Where nobody listens no HAProxy runs, and servers that were added to it are gone with it. What the program wants is to be added, maybe
 * after HAProxy was started in its turn. Of what is to be deleted, nothing is said: it may be the wrong socket.
 */
function withoutHaproxy(key: ServerKey, failed: FettleError): Seen<ServerOutputs> {
  return key.want === undefined ? { failed } : { absent: true, shown: { haproxy: "not running" } }
}

/** A server says not whence it came: only what we recorded, or were about to add, was added by us. */
function wasAdded({ last, open }: ServerKey): boolean {
  return last?.outputs.added === true || (open?.length ?? 0) > 0
}

export function outputsOf(server: RuntimeServer, added: boolean): ServerOutputs {
  const { backend, name, address, port, weight, state, isUp } = server
  return { backend, name, address, port, weight, state, up: isUp, added }
}

function shownOf({ check, maxConnections, sessions }: RuntimeServer): Readonly<Record<string, Json>> {
  return {
    check: check === undefined ? false : { rise: check.rise, fall: check.fall },
    sessions,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  }
}
