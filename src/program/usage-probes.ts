import { FettleError } from "../errors.ts"
import type { Secret } from "../secrets/secret.ts"
import type { Probe } from "./check.ts"
import type { Input } from "./output.ts"
import { here } from "./place.ts"
import { plain, probe, type Url } from "./probes.ts"

/** What is used, each as a number. */
type Amounts<K extends string> = { readonly [N in K]?: number }

interface Compared<K extends string> {
  /** Inside of a release: what it used after the version was brought up, before it got any traffic. */
  readonly against?: "before the release"
  /** At most so many times of it. */
  readonly atMostTimes?: Amounts<K>
  /** Time over which CPU and network are measured. */
  readonly over?: number | string
  /** Default 60,000. */
  readonly timeoutMs?: number
}

type OfProcess = "memoryBytes" | "cpuPercent" | "openFiles" | "threads"

/** Limits of a process: resident memory in bytes, CPU in percent of one core, open files, threads. */
export interface ProcessLimits extends Amounts<OfProcess>, Compared<OfProcess> {
  readonly pid?: number
  /** A file whose first number is the process. */
  readonly pidFile?: string
  /** A unit of systemd: all processes of its control group. */
  readonly unit?: string
  /** How often it was started again: as systemd counts for a unit, and since the time before. */
  readonly restarts?: number
  /** Seconds that it must have been running for. */
  readonly minSeconds?: number
  /** Leaves its children out. */
  readonly alone?: boolean
}

/** What a process uses. With `{ on: host }` it is one of that host. */
export const processes = {
  /**
   * Runs, with its children, within limits. CPU is measured over `over` (default 500 ms).
   * @example processes.within({ pidFile: "/srv/shop/shop.pid", memoryBytes: 200e6, cpuPercent: 50, openFiles: 200 })
   * @example check("uses little", processes.within({ unit: "shop", memoryBytes: 200e6, restarts: 0 }), { on: web })
   */
  within: (limits: Input<ProcessLimits>): Probe =>
    probe("process", "processes.within", plain(limits), processes.within),
} as const

type OfContainer = "memoryBytes" | "cpuPercent" | "networkBytesPerSecond" | "processes"

/** Limits of a container: memory without what is only cached, CPU in percent of one core, bytes sent and received, processes. */
export interface ContainerLimits extends Amounts<OfContainer>, Compared<OfContainer> {
  /** Its name or its id. */
  readonly container: string
  /** How often the Engine has started it again. */
  readonly restarts?: number
  /** How often the kernel ended something in it because it was out of memory, as far as the Engine remembers. */
  readonly outOfMemoryKills?: number
}

/** What a container uses, as its Engine measures it. */
export const containers = {
  /**
   * Runs within limits. CPU and network are measured over `over` (default 1 s).
   * @example check("uses little", containers.within({ container: "web", memoryBytes: 200e6, restarts: 0 }), { on: engine })
   */
  within: (limits: Input<ContainerLimits>): Probe =>
    probe("container", "containers.within", plain(limits), containers.within),
} as const

/** How a Prometheus server, or one that speaks as it does, is reached. */
export interface PrometheusServer {
  /** Its address, with the path that its API lies under where it has one: "https://metrics.test/prometheus". */
  readonly url: Url
  readonly bearer?: Input<Secret<string>>
  readonly user?: string
  readonly password?: Input<Secret<string>>
  /** @example { "X-Scope-OrgID": "shop" } */
  readonly headers?: Readonly<Record<string, string | Secret<string>>>
  /** A certificate authority to trust beside the system's, as PEM text. */
  readonly ca?: string
}

/** A question to a Prometheus server. */
export interface PrometheusQuery extends PrometheusServer {
  /** PromQL that gives numbers of one moment. */
  readonly query: string
  /** What is looked at: each series (default), or one number made of all. */
  readonly of?: "each" | "sum" | "average" | "largest" | "smallest"
  readonly max?: number
  readonly min?: number
  readonly equals?: number
  /** What it is compared with: the same query at an earlier time. Inside of a release that time lies before the release began. */
  readonly against?: "before the release" | `${number}${"s" | "m" | "h" | "d"} before`
  /** At most so many times what it was then. */
  readonly atMostTimes?: number
  readonly atLeastTimes?: number
  /** Default 10,000. */
  readonly timeoutMs?: number
}

/** What a Prometheus server has measured. */
export const prometheus = {
  /**
   * Every series is within limits, or one number of all. No series, no number, a warning, and a server that does not answer are
   * inconclusive.
   * @example prometheus.query({ url, query: 'sum(rate(errors_total{app="shop"}[1m]))', max: 0.5 })
   * @example prometheus.query({ url, query: "process_resident_memory_bytes", against: "1h before", atMostTimes: 1.5 })
   */
  query: (question: Input<PrometheusQuery>): Probe =>
    probe("prometheus", "prometheus.query", sealed(plain(question)), prometheus.query),
} as const

/** @throws FettleError `PROPS_INVALID` for credentials that stand in the program */
function sealed(settings: Record<string, unknown>): Record<string, unknown> {
  const { url, bearer, password } = settings
  const isBare = typeof url === "string" && /^[^/]*:\/\/[^/?#]*:[^/?#]+@/.test(url)
  if (!isBare && typeof bearer !== "string" && typeof password !== "string") return settings
  throw new FettleError("PROPS_INVALID", "the credentials of a Prometheus server stand in the program", {
    place: here(prometheus.query),
    next: "give them as secrets: bearer: secret.env(…), or user and password: secret.env(…)",
  })
}
