import type { z } from "zod"
import type { containerProps } from "../providers/docker/container-props.ts"
import type { Secret } from "../secrets/secret.ts"
import { portsOf } from "./compose-ports.ts"
import type { ComposeService, ComposeValues } from "./compose-schema.ts"
import type { ComposeEnv } from "./compose-text.ts"
import { wordsOf } from "./compose-words.ts"

export type ContainerGiven = z.input<typeof containerProps>
type Mount = NonNullable<ContainerGiven["mounts"]>[number]

/** What a service is read with. */
export interface ServiceContext {
  /** Of the service, for the names by which others find it. */
  readonly service: string
  readonly env: ComposeEnv
  /** Variables of its env_files, the later before the earlier. */
  readonly fileEnv: Readonly<Record<string, string>>
  /** A path of the file, from the folder it lies in. */
  absolute(path: string): string
  /** The Engine's name of a volume, or of a network. */
  volumeName(name: string, path: readonly string[]): string
  networkName(name: string, path: readonly string[]): string
  /** The whole path of the file that a secret or config is. */
  fileOf(kind: "secrets" | "configs", name: string, path: readonly string[]): string
  /** Ends reading. */
  refuse(path: readonly string[], fact: string): never
}

/** The props of a service's containers, without name and image. */
export function containerOf(service: ComposeService, context: ServiceContext): Omit<ContainerGiven, "name" | "image"> {
  const { logging } = service
  return dense({
    command: words(service.command, ["command"], context),
    entrypoint: words(service.entrypoint, ["entrypoint"], context),
    env: { ...context.fileEnv, ...valuesOf(service.environment, context.env) },
    labels: labelsOf(service.labels, context),
    user: service.user,
    cwd: service.working_dir,
    hostname: service.hostname,
    extraHosts: service.extra_hosts,
    ulimits: service.ulimits,
    ports: service.ports?.flatMap((port, at) => portsOf(port, ["ports", String(at)], context)),
    mounts: mountsOf(service, context),
    networks: networksOf(service, context),
    healthcheck: healthcheckOf(service, context),
    restart: service.restart ?? "no",
    ...limitsOf(service),
    capabilities: { add: service.cap_add ?? [], drop: service.cap_drop ?? [] },
    privileged: service.privileged,
    securityOptions: service.security_opt,
    readOnly: service.read_only,
    init: service.init,
    logging: logging?.driver === undefined ? undefined : { driver: logging.driver, options: logging.options ?? {} },
    stopSignal: service.stop_signal,
    stopTimeoutMs: service.stop_grace_period === undefined ? undefined : wholeSeconds(service.stop_grace_period),
  })
}

/** Without what is undefined: a key that is there with it is an error of a program. */
function dense<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1_000) * 1_000
}

function words(
  given: ComposeService["command"],
  path: readonly string[],
  { refuse }: ServiceContext,
): string[] | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given !== "string") return given
  return wordsOf(given) ?? refuse(path, 'needs a shell: write a list, as in ["sh", "-c", "…"]')
}

/** Values by name; one without a value is taken from outside, and is left out where it is not there. */
export function valuesOf(given: ComposeValues | undefined, env: ComposeEnv): Record<string, string | Secret<string>> {
  const all = Object.entries(given ?? {}).map(([name, value]) => [name, value ?? env[name]] as const)
  return Object.fromEntries(all.filter((each): each is [string, string | Secret<string>] => each[1] !== undefined))
}

/** Values that stand in the open. */
export function labelsOf(
  given: ComposeValues | undefined,
  { env, refuse }: Pick<ServiceContext, "env" | "refuse">,
): Record<string, string> {
  const all = Object.entries(valuesOf(given, env))
  return Object.fromEntries(
    all.map(([name, value]) => [
      name,
      typeof value === "string" ? value : refuse(["labels", name], "a label cannot be a secret"),
    ]),
  )
}

function mountsOf(service: ComposeService, context: ServiceContext): Mount[] {
  const mounts = (service.volumes ?? []).map((each, at) => mountOf(each, ["volumes", String(at)], context))
  const tmpfs = (service.tmpfs ?? []).map((target): Mount => ({ type: "tmpfs", target }))
  const files = [
    ...(service.secrets ?? []).map((each, at) => fileOf("secrets", each, at, context)),
    ...(service.configs ?? []).map((each, at) => fileOf("configs", each, at, context)),
  ]
  return [...mounts, ...tmpfs, ...files]
}

type GivenFile = NonNullable<ComposeService["secrets"]>[number]

/** A secret or config from a file: mounted, read-only, where compose puts it. */
function fileOf(kind: "secrets" | "configs", given: GivenFile, at: number, context: ServiceContext): Mount {
  const { source, target } = typeof given === "string" ? { source: given, target: undefined } : given
  const base = kind === "secrets" ? "/run/secrets/" : "/"
  const to = target === undefined ? `${base}${source}` : target.startsWith("/") ? target : `${base}${target}`
  return { type: "bind", source: context.fileOf(kind, source, [kind, String(at)]), target: to, readOnly: true }
}

type GivenMount = NonNullable<ComposeService["volumes"]>[number]

function mountOf(given: GivenMount, path: readonly string[], context: ServiceContext): Mount {
  if (typeof given !== "string") {
    const { type, source, target, read_only: readOnly = false, tmpfs } = given
    if (type === "tmpfs") return { type, target, ...(tmpfs?.size === undefined ? {} : { sizeBytes: tmpfs.size }) }
    return sourced(type, source, target, readOnly, path, context)
  }
  const [source = "", target, mode = "rw", ...more] = given.split(":")
  if (target === undefined)
    return context.refuse(path, "a volume without a name is not supported: name it below volumes")
  if (more.length > 0 || !["rw", "ro"].includes(mode))
    return context.refuse(path, "only ro and rw are supported behind the target")
  return sourced(/^[./~]/.test(source) ? "bind" : "volume", source, target, mode === "ro", path, context)
}

function sourced(
  type: "bind" | "volume",
  source: string | undefined,
  target: string,
  readOnly: boolean,
  path: readonly string[],
  { absolute, volumeName, refuse }: ServiceContext,
): Mount {
  if (source === undefined) return refuse(path, "it has no source")
  if (source.startsWith("~")) return refuse(path, "~ is not supported: whose home it is depends on who runs it")
  return { type, source: type === "bind" ? absolute(source) : volumeName(source, path), target, readOnly }
}

function networksOf(service: ComposeService, context: ServiceContext): ContainerGiven["networks"] {
  const { network_mode: mode, networks } = service
  if (mode !== undefined && networks !== undefined) return context.refuse(["network_mode"], "it goes with no networks")
  if (mode !== undefined) return [{ name: mode }]
  return Object.entries(networks ?? { default: undefined }).map(([name, given]) => ({
    name: context.networkName(name, ["networks", name]),
    aliases: [...new Set([context.service, ...(given?.aliases ?? [])])],
    ...(given?.ipv4_address === undefined ? {} : { address: given.ipv4_address }),
  }))
}

function healthcheckOf(
  { healthcheck: check }: ComposeService,
  { refuse }: ServiceContext,
): ContainerGiven["healthcheck"] {
  if (check === undefined) return undefined
  const { test } = check
  if (check.disable === true || (Array.isArray(test) && test[0] === "NONE")) return false
  if (test === undefined) return refuse(["healthcheck", "test"], "it is missing")
  const settings = dense({
    intervalMs: check.interval,
    timeoutMs: check.timeout,
    startPeriodMs: check.start_period,
    retries: check.retries,
  })
  if (typeof test === "string") return { test, ...settings }
  const [how, ...rest] = test
  if (how === "CMD-SHELL" && rest.length === 1) return { test: rest[0] as string, ...settings }
  if (how === "CMD" && rest.length > 0) return { test: rest as [string, ...string[]], ...settings }
  return refuse(["healthcheck", "test"], "a list begins with CMD, CMD-SHELL or NONE")
}

function limitsOf({
  mem_limit,
  cpus,
  pids_limit,
  deploy,
}: ComposeService): Pick<ContainerGiven, "memoryBytes" | "cpus" | "pids"> {
  const limits = deploy?.resources?.limits
  return dense({
    memoryBytes: limits?.memory ?? mem_limit,
    cpus: limits?.cpus === undefined ? cpus : Number(limits.cpus),
    pids: limits?.pids ?? pids_limit,
  })
}
