import { existsSync } from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { z } from "zod"
import type { EngineClient } from "../connect/docker/engine-client.ts"
import type { FettleError } from "../errors.ts"
import type { Node } from "../program/declaration.ts"
import { here } from "../program/place.ts"
import { resource } from "../program/resource.ts"
import type { Connection } from "../provider.ts"
import { container } from "../providers/docker/container.ts"
import { image } from "../providers/docker/image.ts"
import type { imageProps } from "../providers/docker/image-props.ts"
import { network } from "../providers/docker/network.ts"
import { volume } from "../providers/docker/volume.ts"
import { type ComposeData, type ComposeService, composeSchema } from "./compose-schema.ts"
import { containerOf, labelsOf, type ServiceContext } from "./compose-service.ts"
import {
  type ComposeEnv,
  type ComposeIssue,
  composeError,
  composeErrors,
  envFile,
  interpolate,
} from "./compose-text.ts"
import { type Refuse, readText, yamlOf } from "./compose-yaml.ts"

export interface ComposeOptions {
  /** Begins every name on the Engine. Default: `name` of the file, else the name of its folder. */
  readonly project?: string
  /** What stands for `$NAME` in the file, before `.env` beside it. A secret only where it is all of a value. */
  readonly env?: ComposeEnv
  /** Which profiles are chosen: a service that names others alone is left out. Default: COMPOSE_PROFILES of `env` or `.env`. */
  readonly profiles?: readonly string[]
}

/** A compose file that was read, to be declared in a program. */
export interface Compose {
  readonly project: string
  readonly services: readonly string[]
  /**
   * Declares its networks, volumes, images and containers.
   * @returns the containers of each service
   */
  resources(options?: { readonly on?: Connection<EngineClient> }): Readonly<Record<string, readonly Node[]>>
}

/**
 * Reads a compose file: services, networks and volumes as resources. Read before the program is declared, with `await`; a relative path
 * begins at the file that calls. What is not supported is an error with its path, nothing is left out in silence.
 * @throws FettleError `COMPOSE_INVALID`
 * @example const shop = await docker.compose("compose.yaml", { env: { DB_PASSWORD: secret.env("DB_PASSWORD") } })
 */
export async function compose(path: string | URL, options: ComposeOptions = {}): Promise<Compose> {
  const file = pathOf(path)
  const folder = dirname(file)
  const refuse = (at: readonly PropertyKey[], fact: string): never => {
    throw composeError(basename(file), at, fact)
  }
  const env = { ...dotEnv(folder, refuse), ...options.env }
  const { tree, lineAt } = await yamlOf(file, refuse)
  const interpolated = interpolate(tree, env, basename(file))
  const all = parsed(interpolated, (issues) => composeErrors(basename(file), issues, lineAt))
  const data = { ...all, services: chosen(all.services, options.profiles ?? profilesOf(env)) }
  const project =
    options.project ??
    data.name ??
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9_-]/g, "")
  const read: Read = { data, project, env, folder, refuse }
  const services = Object.entries(data.services).map(([name, service]) => serviceOf(name, service, read))
  checkDependencies(data, all.services, refuse)
  return {
    project,
    services: services.map(({ name }) => name),
    resources: ({ on } = {}) => declared(services, read, on === undefined ? {} : { on }),
  }
}

function profilesOf({ COMPOSE_PROFILES: given }: ComposeEnv): readonly string[] {
  return typeof given === "string" ? given.split(",").map((each) => each.trim()) : []
}

/** The services without a profile, and those of a profile that is chosen. */
function chosen(services: ComposeData["services"], profiles: readonly string[]): ComposeData["services"] {
  const isChosen = ({ profiles: own = [] }: ComposeService): boolean =>
    own.length === 0 || profiles.includes("*") || own.some((each) => profiles.includes(each))
  return Object.fromEntries(Object.entries(services).filter(([, service]) => isChosen(service)))
}

interface Read {
  readonly data: ComposeData
  readonly project: string
  readonly env: ComposeEnv
  readonly folder: string
  readonly refuse: Refuse
}

function pathOf(path: string | URL): string {
  if (path instanceof URL || path.startsWith("file:")) return fileURLToPath(path)
  const { file } = here(compose).place
  return resolve(file === "" ? "." : dirname(file), path)
}

function dotEnv(folder: string, refuse: Refuse): Record<string, string> {
  const file = resolve(folder, ".env")
  if (!existsSync(file)) return {}
  return envFile(readText(file, refuse), (line, fact) => composeError(".env", [line], fact))
}

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  readonly errors?: readonly (readonly Issue[])[]
}

function parsed(tree: unknown, failure: (issues: readonly ComposeIssue[]) => FettleError): ComposeData {
  const result = composeSchema.safeParse(tree)
  if (result.success) return result.data
  throw failure((result.error.issues as readonly Issue[]).flatMap(deepest))
}

/** Of the branches of a union, the one that came furthest knows best what is wrong. */
function deepest(issue: Issue): readonly ComposeIssue[] {
  const branches = (issue.errors ?? []).map((each) => each.flatMap(deepest)).filter((each) => each.length > 0)
  const depth = (each: readonly ComposeIssue[]): number => Math.max(...each.map(({ path }) => path.length))
  const [best] = [...branches].sort((a, b) => depth(b) - depth(a))
  if (best !== undefined) return best.map(({ path, fact }) => ({ path: [...issue.path, ...path], fact }))
  if (issue.code !== "unrecognized_keys") return [{ path: issue.path, fact: issue.message }]
  return (issue.keys ?? []).map((key) => ({ path: [...issue.path, key], fact: "is not supported" }))
}

interface Declared {
  readonly name: string
  readonly service: ComposeService
  readonly image: z.input<typeof imageProps> | undefined
  readonly container: ReturnType<typeof containerOf>
  readonly replicas: number
}

function serviceOf(name: string, service: ComposeService, read: Read): Declared {
  const { data, project, env, folder } = read
  const refuse: Refuse = (at, fact) => read.refuse(["services", name, ...at], fact)
  const absolute = (path: string): string => resolve(folder, path)
  const named = (kind: "volumes" | "networks") => (given: string, path: readonly string[]) => {
    const known: { readonly name?: string | undefined; readonly external?: boolean | undefined } | undefined =
      data[kind][given]
    if (known === undefined && !(kind === "networks" && given === "default"))
      return refuse(path, `${given} does not stand below ${kind}`)
    return known?.name ?? (known?.external === true ? given : `${project}_${given}`)
  }
  const fileEnv = Object.assign({}, ...(service.env_file ?? []).map((each, at) => envOf(each, at, absolute, refuse)))
  const context: ServiceContext = {
    service: name,
    env,
    fileEnv,
    absolute,
    volumeName: named("volumes"),
    networkName: named("networks"),
    fileOf: (kind, given, path) => {
      const known = data[kind][given]
      return known === undefined ? refuse(path, `${given} does not stand below ${kind}`) : absolute(known.file)
    },
    refuse,
  }
  const replicas = service.deploy?.replicas ?? service.scale ?? 1
  if (replicas > 1 && service.container_name !== undefined) refuse(["container_name"], "goes with one replica alone")
  return {
    name,
    service,
    image: imageOf(name, service, read, refuse),
    container: containerOf(service, context),
    replicas,
  }
}

function envOf(
  { path, required }: { readonly path: string; readonly required: boolean },
  at: number,
  absolute: (path: string) => string,
  refuse: Refuse,
): Record<string, string> {
  const file = absolute(path)
  if (!required && !existsSync(file)) return {}
  const text = readText(file, (_, fact) => refuse(["env_file", at], fact))
  return envFile(text, (line, fact) => composeError(path, [line], fact))
}

/** The image of a service as a resource; undefined where it is only named, and whoever brings it to the Engine is not this file. */
function imageOf(
  name: string,
  service: ComposeService,
  { project, env, folder }: Read,
  refuse: Refuse,
): Declared["image"] {
  const { build, image: given, pull_policy: policy } = service
  if (build === undefined && given === undefined) return refuse([], "it has neither image nor build")
  if (build === undefined) {
    const pull = policy === "if_not_present" ? "missing" : policy
    return { name: given as string, ...(pull === undefined ? {} : { pull }) }
  }
  const {
    context,
    dockerfile,
    args,
    target,
    labels,
    network: mode,
    pull,
  } = build as Exclude<typeof build, { context: string } & { dockerfile?: never }>
  const open = { env, refuse: (at: readonly string[], fact: string) => refuse(["build", ...at], fact) }
  return {
    name: given ?? `${project}-${name}`,
    build: {
      context: resolve(folder, context),
      ...(dockerfile === undefined ? {} : { dockerfile }),
      ...(args === undefined ? {} : { args: labelsOf(args, open) }),
      ...(target === undefined ? {} : { target }),
      ...(labels === undefined ? {} : { labels: labelsOf(labels, open) }),
      ...(mode === undefined ? {} : { network: mode }),
      ...(pull === undefined ? {} : { pull }),
    },
  }
}

function checkDependencies({ services }: ComposeData, all: ComposeData["services"], refuse: Refuse): void {
  for (const [name, { depends_on: needs = {} }] of Object.entries(services))
    for (const [need, { condition }] of Object.entries(needs)) {
      const at = ["services", name, "depends_on", need]
      const other = services[need]
      if (other === undefined) refuse(at, need in all ? "none of its profiles is chosen" : "there is no such service")
      else if (condition === "service_healthy" && other.build === undefined && other.healthcheck === undefined)
        refuse([...at, "condition"], `${need} has no healthcheck in this file`)
    }
  orderOf(services, refuse)
}

/** Services after those that they depend on. @throws FettleError where they go in a circle */
function orderOf(services: ComposeData["services"], refuse: Refuse): readonly string[] {
  const order: string[] = []
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) refuse(["services", name, "depends_on"], `goes in a circle: ${[...way, name].join(" → ")}`)
    if (order.includes(name)) return
    for (const need of Object.keys(services[name]?.depends_on ?? {})) visit(need, [...way, name])
    order.push(name)
  }
  for (const name of Object.keys(services)) visit(name, [])
  return order
}

type On = { readonly on?: Connection<EngineClient> }

function declared(services: readonly Declared[], read: Read, on: On): Readonly<Record<string, readonly Node[]>> {
  const { data, project, refuse } = read
  const shared = [...declareNetworks(read, on), ...declareVolumes(read, on)]
  const images = new Map<string, Node>()
  const nodes: Record<string, Node[]> = {}
  for (const name of orderOf(data.services, refuse)) {
    const each = services.find((other) => other.name === name) as Declared
    const tag = each.image?.name ?? ""
    const base = images.get(tag) ?? resource(image, each.name, each.image as never, on as never)
    images.set(tag, base)
    const needs = Object.keys(each.service.depends_on ?? {}).flatMap((need) => nodes[need] ?? [])
    const isAwaited = services.some(({ service }) => service.depends_on?.[name]?.condition === "service_healthy")
    nodes[name] = Array.from({ length: each.replicas }, (_, at) => {
      const own = each.service.container_name ?? `${project}-${name}-${at + 1}`
      const props = { ...each.container, ...(isAwaited ? { wait: "healthy" } : {}), name: own, image: tag }
      const label = each.replicas === 1 ? name : `${name}-${at + 1}`
      return resource(container, label, props as never, { ...on, after: [...shared, base, ...needs] } as never)
    })
  }
  return nodes
}

function declareNetworks({ data, project, env, refuse }: Read, on: On): readonly Node[] {
  const isDefaultUsed = Object.values(data.services).some(
    ({ networks, network_mode: mode }) => mode === undefined && (networks === undefined || "default" in networks),
  )
  const all: ComposeData["networks"] = { ...(isDefaultUsed ? { default: {} } : {}), ...data.networks }
  return Object.entries(all).flatMap(([name, given]) => {
    if (given.external === true) return []
    const context = { env, refuse: (at: readonly string[], fact: string) => refuse(["networks", name, ...at], fact) }
    const subnets = (given.ipam?.config ?? []).map(({ subnet, gateway, ip_range: range }) => ({
      subnet,
      ...(gateway === undefined ? {} : { gateway }),
      ...(range === undefined ? {} : { range }),
    }))
    const props = {
      name: given.name ?? `${project}_${name}`,
      driver: given.driver ?? "bridge",
      internal: given.internal ?? false,
      attachable: given.attachable ?? false,
      ipv6: given.enable_ipv6 ?? false,
      options: given.driver_opts ?? {},
      labels: labelsOf(given.labels, context),
      subnets,
    }
    return [resource(network, name, props, on as never)]
  })
}

function declareVolumes({ data, project, env, refuse }: Read, on: On): readonly Node[] {
  return Object.entries(data.volumes).flatMap(([name, given]) => {
    if (given.external === true) return []
    const context = { env, refuse: (at: readonly string[], fact: string) => refuse(["volumes", name, ...at], fact) }
    const props = {
      name: given.name ?? `${project}_${name}`,
      driver: given.driver ?? "local",
      options: given.driver_opts ?? {},
      labels: labelsOf(given.labels, context),
    }
    return [resource(volume, name, props, on as never)]
  })
}
