/** One running copy of one version that can get traffic. */
export interface Instance {
  /** Unique in the backend: letters, digits, "_", "." and "-". */
  readonly name: string
  readonly version: string
  readonly address: string
  readonly port: number
}

/** What one instance has answered since the proxy started. */
export interface Counters {
  readonly requests: number
  /** Answers 5xx, and requests that got no answer, or half of one: also where another server answered then, or the client gave up. */
  readonly errors: number
  /** A cumulative histogram of its latencies, where the proxy has one: how many took at most so long; the last edge is infinite. */
  readonly latencies?: readonly { readonly edgeMs: number; readonly atMost: number }[]
}

/** One server of a backend, ours or not. */
export interface Place {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly state: "ready" | "drain" | "maintenance"
  readonly up: boolean
  /** How often its checks have found it down after it was up, since the proxy started. */
  readonly falls: number
  readonly openRequests: number
}

/** Who sends traffic to the instances of a backend, and counts what comes back. */
export interface Traffic {
  look(signal: AbortSignal): Promise<readonly Place[]>
  route(shares: readonly { readonly instance: Instance; readonly share: number }[], signal: AbortSignal): Promise<void>
  drained(names: readonly string[], withinMs: number, signal: AbortSignal): Promise<boolean>
  remove(names: readonly string[], signal: AbortSignal): Promise<void>
  counters(signal: AbortSignal): Promise<{ readonly epoch: string; readonly byName: ReadonlyMap<string, Counters> }>
}

const ways = new WeakMap<object, (backend: string) => Traffic>()

/** Says that a client of a connection can send traffic. */
export function sendsTraffic(client: object, way: (backend: string) => Traffic): void {
  ways.set(client, way)
}

/** Who sends the traffic of a backend, where this client can. */
export function trafficOf(client: unknown, backend: string): Traffic | undefined {
  return typeof client === "object" && client !== null ? ways.get(client)?.(backend) : undefined
}
