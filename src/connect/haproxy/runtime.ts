import { FettleError } from "../../errors.ts"
import type { Connection, Driver, OpenContext } from "../../provider.ts"
import type { HostClient } from "../host/kind.ts"
import { sshReachOf } from "../host/ssh.ts"
import { refuseContainer } from "../host/through-engine.ts"
import { plainDriver } from "../plain-driver.ts"
import { sendsTraffic } from "../traffic.ts"
import type { Listener } from "./exchange.ts"
import { type RuntimeClient, SocketClient } from "./runtime-client.ts"
import { haproxyTraffic } from "./traffic.ts"
import { sshWay } from "./way.ts"

/** Where Debian's configuration has it. */
const SOCKET = "/run/haproxy/admin.sock"
/** HAProxy answers in its own event loop: what takes longer hangs. */
const TIMEOUT_MS = 10_000
/** Changes under way at once; most of a change is waiting for checks and sessions. */
const CONCURRENT = 16

/** How a runtime API is reached. */
export interface RuntimeOptions {
  /** Stored in state beside what was made through it. Default: the address. */
  readonly name?: string
  /** The connection to the host that HAProxy runs on. */
  readonly over?: Connection<HostClient>
  /** Its `stats socket`: a path, with `over` one on that host. Default `/run/haproxy/admin.sock`. */
  readonly socket?: string
  /** Longest time for one answer in milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Most changes under way at once. Default 16. */
  readonly concurrent?: number
  /** Words by which `--limit` chooses it, besides its name. */
  readonly tags?: readonly string[]
}

/**
 * A connection to the runtime API of a HAProxy (2.6 or newer), whose `stats socket` has the level admin. It is opened anew for each
 * request, so HAProxy may be started by the same program.
 * @throws FettleError `PROPS_INVALID` for an address that is none
 * @example const proxy = haproxy.runtime("unix:///run/haproxy/admin.sock")
 * @example const proxy = haproxy.runtime({ over: host.ssh("web1") })
 */
export function runtime(given: string | RuntimeOptions = {}, more: RuntimeOptions = {}): Connection<RuntimeClient> {
  const options = typeof given === "string" ? { ...more } : { ...given }
  const address = typeof given === "string" ? given : `unix://${options.socket ?? SOCKET}`
  if (typeof given === "string" && options.over !== undefined) refuse("with `over`, name its socket by `socket`")
  const to = listenerOf(address)
  checkNumbers(options)
  if (options.over !== undefined) refuseContainer(options.over, "the socket of a HAProxy")
  const reach = options.over === undefined ? undefined : sshReachOf(options.over)
  if (reach?.become !== undefined)
    refuse("ssh forwards a socket as the user who logs in: let that user open it, and leave `become` out")
  const target = reach === undefined ? address : `${address} of ${reach.target}`
  return Object.freeze({
    type: "haproxy",
    name: options.name ?? target,
    target,
    labels: Object.freeze([...(options.tags ?? [])]),
    secrets: Object.freeze([]),
    latencyEdgesMs: Object.freeze([]),
    open: async (context: OpenContext): Promise<Driver> => {
      const way =
        reach === undefined ? { to, close: () => {} } : await sshWay(reach, (to as { path: string }).path, context)
      const client = new SocketClient({ to: way.to, target, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })
      sendsTraffic(client, (backend) => haproxyTraffic(client, backend))
      return plainDriver<RuntimeClient>(client, {
        identity: "", // HAProxy has none: the name of its node is that of the machine, and may change with a container
        concurrency: options.concurrent ?? CONCURRENT,
        close: async () => way.close(),
      })
    },
  })
}

function listenerOf(text: string): Listener {
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length)
    if (/^\/[^\0:]*$/.test(path)) return { path }
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.protocol === "tcp:" && url.username === "" && url.search === "" && url.port !== ""
  if (isPlain && (url.pathname === "" || url.pathname === "/"))
    return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port) }
  return refuse(`${JSON.stringify(text.slice(0, 200))} is no address`)
}

function checkNumbers({ timeoutMs = TIMEOUT_MS, concurrent = CONCURRENT }: RuntimeOptions): void {
  if (!(Number.isInteger(timeoutMs) && timeoutMs > 0)) refuse("timeoutMs is a number of milliseconds")
  if (!(Number.isInteger(concurrent) && concurrent > 0)) refuse("concurrent is a number from 1")
}

function refuse(fact: string): never {
  throw new FettleError("PROPS_INVALID", `haproxy.runtime: ${fact}`, {
    next: "give it unix:///run/haproxy/admin.sock, tcp://127.0.0.1:9999 or { over: host.ssh(…), socket: … }",
  })
}
