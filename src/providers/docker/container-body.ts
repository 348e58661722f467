import type { EngineClient } from "../../connect/docker/engine-client.ts"
import type { Write } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import type { ContainerProps, Mount } from "./container-props.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { LINE, marksOf, STARTED_WITH } from "./labels.ts"

const NS_PER_MS = 1_000_000
const NANO = 1_000_000_000
/** As the docker command does where no limit of swap is given. */
const SWAP_FACTOR = 2

/** What the Engine is told to make. The one place where the secrets of an environment are opened. */
export function bodyOf(want: ContainerProps, line: string, call: Write<EngineClient>): object {
  const marks = { ...marksOf(call), [LINE]: line, [STARTED_WITH]: fingerprintOf(want.restartOn) }
  const first = want.networks[0]
  return {
    Image: want.image,
    ...given("Cmd", want.command),
    ...given("Entrypoint", want.entrypoint),
    Env: Object.entries(want.env).map(
      ([name, value]) => `${name}=${value instanceof Secret ? call.reveal(value) : value}`,
    ),
    Labels: { ...want.labels, ...marks },
    ...given("User", want.user),
    ...given("WorkingDir", want.cwd),
    ...given("Hostname", want.hostname),
    ...given("StopSignal", want.stopSignal),
    StopTimeout: want.stopTimeoutMs / 1_000,
    ...given("Healthcheck", healthcheckOf(want.healthcheck)),
    ExposedPorts: Object.fromEntries(want.ports.map((port) => [`${port.container}/${port.protocol}`, {}])),
    HostConfig: hostConfigOf(want),
    ...(first === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [first.name]: endpointOf(first) } } }),
  }
}

function hostConfigOf(want: ContainerProps): object {
  return {
    ...given("NetworkMode", want.networks[0]?.name),
    PortBindings: portBindingsOf(want),
    ExtraHosts: Object.entries(want.extraHosts).map(([name, address]) => `${name}:${address}`),
    Ulimits: Object.entries(want.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
    Mounts: want.mounts.map(mountOf),
    RestartPolicy: { Name: want.restart },
    ...limitsOf(want),
    CapAdd: want.capabilities.add,
    CapDrop: want.capabilities.drop,
    Privileged: want.privileged,
    SecurityOpt: want.securityOptions,
    ReadonlyRootfs: want.readOnly,
    Init: want.init,
    ...(want.logging && { LogConfig: { Type: want.logging.driver, Config: want.logging.options } }),
  }
}

/** Limits as a create and an update take them. */
export function limitsOf({ memoryBytes, cpus, pids }: ContainerProps): object {
  return {
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes * SWAP_FACTOR }),
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * NANO) }),
    ...given("PidsLimit", pids),
  }
}

/** How it takes part in a network. */
export function endpointOf({ aliases, address }: ContainerProps["networks"][number]): object {
  const family = address?.includes(":") === true ? "IPv6Address" : "IPv4Address"
  return { Aliases: aliases, ...(address === undefined ? {} : { IPAMConfig: { [family]: address } }) }
}

function portBindingsOf({ ports }: ContainerProps): object {
  const all: Record<string, object[]> = {}
  for (const { container, protocol, address, host } of ports) {
    const name = `${container}/${protocol}`
    all[name] = [...(all[name] ?? []), { HostIp: address, HostPort: host === undefined ? "" : String(host) }]
  }
  return all
}

function mountOf(mount: Mount): object {
  const { type: Type, target: Target } = mount
  if (mount.type !== "tmpfs") return { Type, Source: mount.source, Target, ReadOnly: mount.readOnly }
  return { Type, Target, ...(mount.sizeBytes && { TmpfsOptions: { SizeBytes: mount.sizeBytes } }) }
}

function healthcheckOf(check: ContainerProps["healthcheck"]): object | undefined {
  if (check === undefined) return undefined
  if (check === false) return { Test: ["NONE"] }
  return {
    Test: typeof check.test === "string" ? ["CMD-SHELL", check.test] : ["CMD", ...check.test],
    Interval: check.intervalMs * NS_PER_MS,
    Timeout: check.timeoutMs * NS_PER_MS,
    StartPeriod: check.startPeriodMs * NS_PER_MS,
    Retries: check.retries,
  }
}

function given(name: string, value: unknown): object {
  return value === undefined ? {} : { [name]: value }
}
