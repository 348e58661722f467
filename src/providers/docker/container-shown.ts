import type { Json } from "../../provider.ts"
import type { ContainerJson } from "./container-json.ts"
import type { Health } from "./container-props.ts"
import { sha256Of } from "./fingerprint.ts"
import { withoutOurs } from "./labels.ts"

/** Nanoseconds, in which the Engine counts. */
const NS_PER_MS = 1_000_000
/** The Engine's processors are counted in billionths. */
const NANO = 1_000_000_000

/** A health check of which nothing is said. */
const CHECK = { intervalNs: 30_000_000_000, timeoutNs: 30_000_000_000, retries: 3 }

/** Which values of an environment are no news: those that the program gives in the open. */
export type PlainEnv = Readonly<Record<string, string>>

/**
 * What an inspect shows, in the words of the props: what is compared with the program.
 * Values of the environment may be anybody's secrets: one that the program does not give in the open is shown by its keyed fingerprint.
 */
export function shownOf(json: ContainerJson, plain: PlainEnv, seal: (sha256: string) => string): Record<string, Json> {
  const { Config, HostConfig, Name, State } = json
  const shown: Record<string, Json | undefined> = {
    name: Name.replace(/^\//, ""),
    command: Config.Cmd,
    entrypoint: Config.Entrypoint,
    env: envOf(Config.Env, plain, seal),
    labels: withoutOurs(Config.Labels),
    user: Config.User || undefined,
    cwd: Config.WorkingDir || undefined,
    hostname: Config.Hostname,
    ports: portsOf(json),
    mounts: mountsOf(json),
    networks: networksOf(json),
    extraHosts: Object.fromEntries(HostConfig.ExtraHosts.map(hostOf)),
    ulimits: Object.fromEntries(HostConfig.Ulimits.map(({ Name: of, Soft, Hard }) => [of, { soft: Soft, hard: Hard }])),
    healthcheck: healthcheckOf(json.Config.Healthcheck),
    restart: HostConfig.RestartPolicy.Name || "no",
    memoryBytes: HostConfig.Memory > 0 ? HostConfig.Memory : undefined,
    cpus: HostConfig.NanoCpus > 0 ? HostConfig.NanoCpus / NANO : undefined,
    pids: HostConfig.PidsLimit > 0 ? HostConfig.PidsLimit : undefined,
    capabilities: { add: capabilities(HostConfig.CapAdd), drop: capabilities(HostConfig.CapDrop) },
    privileged: HostConfig.Privileged,
    securityOptions: securityOptions(HostConfig.SecurityOpt, HostConfig.Privileged),
    readOnly: HostConfig.ReadonlyRootfs,
    init: HostConfig.Init,
    logging: { driver: HostConfig.LogConfig.Type, options: HostConfig.LogConfig.Config },
    stopSignal: Config.StopSignal || undefined,
    stopTimeoutMs: (Config.StopTimeout ?? 10) * 1_000,
    running: State.Running,
    paused: State.Paused || undefined,
  }
  return Object.fromEntries(Object.entries(shown).filter((each): each is [string, Json] => each[1] !== undefined))
}

function envOf(env: readonly string[], plain: PlainEnv, seal: (sha256: string) => string): Record<string, string> {
  return Object.fromEntries(
    env.map((line) => {
      const at = line.indexOf("=")
      const [name, value] = at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)]
      return [name, Object.hasOwn(plain, name) && plain[name] === value ? value : seal(sha256Of(value))]
    }),
  )
}

function portsOf({ HostConfig }: ContainerJson): Json {
  return Object.entries(HostConfig.PortBindings).flatMap(([name, bindings]) => {
    const [container, protocol = "tcp"] = name.split("/")
    return bindings.map(({ HostIp, HostPort }) => ({
      container: Number(container),
      protocol,
      address: HostIp || "0.0.0.0",
      ...(HostPort === "" || HostPort === "0" ? {} : { host: Number(HostPort) }),
    }))
  })
}

/** As they were asked for: what the image brings is not among them. */
function mountsOf({ HostConfig }: ContainerJson): Json {
  const mounts = HostConfig.Mounts.map(({ Type, Source, Target, ReadOnly, TmpfsOptions }) => {
    if (Type !== "tmpfs") return { type: Type, source: Source, target: Target, readOnly: ReadOnly }
    const sizeBytes = TmpfsOptions?.SizeBytes ?? 0
    return { type: Type, target: Target, ...(sizeBytes > 0 ? { sizeBytes } : {}) }
  })
  return [...mounts, ...HostConfig.Binds.map(bindOf), ...Object.entries(HostConfig.Tmpfs).map(tmpfsOf)]
}

/** The older way of a tmpfs, "size=64m,mode=1777", which the docker command and compose use. */
function tmpfsOf([target, options]: [string, string]): { type: string; target: string; sizeBytes?: number } {
  const [, count = "", unit = ""] = /(?:^|,)size=(\d+)([kmg]?)(?:,|$)/i.exec(options) ?? []
  const sizeBytes = Number(count) * 1_024 ** " kmg".indexOf(unit.toLowerCase() || " ")
  return { type: "tmpfs", target, ...(sizeBytes > 0 ? { sizeBytes } : {}) }
}

/** The older way to say the same, "source:target:ro", which others use. */
function bindOf(bind: string): { type: string; source: string; target: string; readOnly: boolean } {
  const [source = "", target = "", options = ""] = bind.split(":")
  const readOnly = options.split(",").includes("ro")
  return { type: source.startsWith("/") ? "bind" : "volume", source, target, readOnly }
}

/** "db:10.0.0.5", or "db=10.0.0.5" as newer commands write it; an address of IPv6 has more colons. */
function hostOf(line: string): readonly [name: string, address: string] {
  const at = line.search(/[:=]/)
  return [line.slice(0, at), line.slice(at + 1).replace(/^\[(.*)\]$/, "$1")]
}

/** Networks are said by their names; "none" and "host" are networks, too. */
function networksOf({ Id, NetworkSettings }: ContainerJson): Json {
  return Object.entries(NetworkSettings.Networks).map(([name, { Aliases, IPAMConfig }]) => {
    const address = IPAMConfig?.IPv4Address || IPAMConfig?.IPv6Address
    return {
      name,
      aliases: Aliases.filter((alias) => alias !== Id.slice(0, 12)).sort(), // its short id is always one
      ...(address ? { address } : {}),
    }
  })
}

/** As containers and images have it. */
type Healthcheck =
  | {
      readonly Test: readonly string[]
      readonly Interval?: number | null | undefined
      readonly Timeout?: number | null | undefined
      readonly StartPeriod?: number | null | undefined
      readonly Retries?: number | null | undefined
    }
  | null
  | undefined

export function healthcheckOf(check: Healthcheck): Json | undefined {
  if (check === undefined || check === null || check.Test.length === 0) return undefined
  const [how, ...words] = check.Test
  if (how === "NONE") return false
  return {
    test: how === "CMD-SHELL" ? (words[0] ?? "") : words,
    // What is 0 was not said, and is as the Engine has it.
    intervalMs: (check.Interval || CHECK.intervalNs) / NS_PER_MS,
    timeoutMs: (check.Timeout || CHECK.timeoutNs) / NS_PER_MS,
    startPeriodMs: (check.StartPeriod ?? 0) / NS_PER_MS,
    retries: check.Retries || CHECK.retries,
  }
}

/** An Engine adds this to what is privileged, whatever was asked for. */
const OF_PRIVILEGED = "label=disable"

export function securityOptions(options: readonly string[], privileged: boolean): string[] {
  return options.filter((option) => !(privileged && option === OF_PRIVILEGED))
}

function capabilities(names: readonly string[]): string[] {
  return names.map(capability).sort()
}

/** Engines from 28 on show them with CAP_. */
export function capability(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, "")
}

export function healthOf({ State }: ContainerJson): Health {
  const status = State.Health?.Status
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : "none"
}
