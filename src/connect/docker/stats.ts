import type { EngineClient } from "./engine-client.ts"
import { jsonLines } from "./json-lines.ts"

/** What a container is doing, as its Engine says. */
export interface ContainerState {
  readonly id: string
  /** "running", "exited", "restarting", "paused", "created", "dead". */
  readonly status: string
  readonly exitCode: number
  /** Whether its last end was for want of memory. */
  readonly outOfMemory: boolean
  /** How often the Engine has started it again by itself. */
  readonly restarts: number
  readonly startedMs: number
  readonly createdMs: number
}

/** What a container has used, at one moment of its Engine's clock. What the Engine does not measure is not there. */
export interface ContainerUse {
  readonly atMs: number
  /** Nanoseconds on all cores since it was started. */
  readonly cpuNs?: number
  /** Without files that are only cached. */
  readonly memoryBytes?: number
  /** Received and sent since it was started. */
  readonly networkBytes?: number
  readonly processes?: number
}

/** @returns undefined where there is no such container @throws FettleError `DOCKER_FAILED` */
export async function containerState(
  client: EngineClient,
  container: string,
  signal: AbortSignal,
): Promise<ContainerState | undefined> {
  const { status, json } = await client.json("GET", `${pathOf(container)}/json`, { accept: [404], signal })
  if (status === 404) return undefined
  const { Id, State, RestartCount, Created } = Object(json)
  const { Status, ExitCode, OOMKilled, StartedAt } = Object(State)
  return {
    id: String(Id),
    status: String(Status),
    exitCode: Number(ExitCode),
    outOfMemory: OOMKilled === true,
    restarts: Number(RestartCount),
    startedMs: Date.parse(String(StartedAt)),
    createdMs: Date.parse(String(Created)),
  }
}

/** @returns undefined where there is no such container, or nothing of it is measured @throws FettleError `DOCKER_FAILED` */
export async function containerUse(
  client: EngineClient,
  container: string,
  signal: AbortSignal,
): Promise<ContainerUse | undefined> {
  const query = { stream: false, "one-shot": true }
  const { status, json } = await client.json("GET", `${pathOf(container)}/stats`, { query, accept: [404], signal })
  if (status === 404) return undefined
  const { read, cpu_stats, memory_stats, networks, pids_stats } = Object(json)
  const atMs = Date.parse(String(read))
  if (!(atMs > 0)) return undefined // of one that does not run: the year 1
  const { total_usage } = Object(Object(cpu_stats).cpu_usage)
  const memoryBytes = memoryIn(memory_stats)
  const links = Object.values(Object(networks)).map(
    (each) => Number(Object(each).rx_bytes) + Number(Object(each).tx_bytes),
  )
  const { current } = Object(pids_stats)
  return {
    atMs,
    ...(typeof total_usage === "number" ? { cpuNs: total_usage } : {}),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(links.length === 0 ? {} : { networkBytes: links.reduce((all, each) => all + each, 0) }),
    ...(typeof current === "number" ? { processes: current } : {}),
  }
}

/** As `docker stats` counts: what the kernel can drop at once is no use. The names are of control groups 1 and 2. */
function memoryIn(stats: unknown): number | undefined {
  const { usage, stats: parts } = Object(stats)
  if (typeof usage !== "number") return undefined
  const { total_inactive_file, inactive_file } = Object(parts)
  const cached = [total_inactive_file, inactive_file].find((each) => typeof each === "number") ?? 0
  return cached < usage ? usage - cached : usage
}

/** Kills in one second are of one want of memory: the kernel may tell it several times. */
const ONE_KILL_S = 1

/**
 * How often something in a container was ended for want of memory, as far as its Engine remembers (its last 256 events).
 * @param from milliseconds since 1970, and `to`, by the Engine's clock
 * @throws FettleError `DOCKER_FAILED`, `DOCKER_PROTOCOL`
 */
export async function outOfMemoryKills(
  client: EngineClient,
  { id }: Pick<ContainerState, "id">,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<number> {
  const filters = { type: ["container"], event: ["oom"], container: [id] }
  const query = { filters, since: seconds(from), until: seconds(to) }
  const { body } = await client.stream("GET", "/events", { query, signal })
  let kills = 0
  let lastS = Number.NEGATIVE_INFINITY
  try {
    for await (const value of jsonLines(body)) {
      const { time } = Object(value)
      if (typeof time !== "number") continue
      if (time > lastS + ONE_KILL_S) kills += 1
      lastS = time
    }
  } finally {
    body.destroy()
  }
  return kills
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}

function pathOf(container: string): string {
  return `/containers/${encodeURIComponent(container)}`
}
