import type { EngineFacts } from "../../connect/docker/greeting.ts"
import type {
  ContainerFound,
  ContainerMore,
  EngineFound,
  EngineSurvey,
  ImageFound,
  NetworkFound,
  OwnedFound,
  UseFound,
  VolumeFound,
} from "../../events/engine-survey.ts"
import { type Labels, ownerIn } from "../../providers/docker/labels.ts"
import {
  BUILT_IN_NETWORKS,
  type EngineJson,
  isAnonymous,
  type ListedContainer,
  nameOf,
  PROJECT,
} from "./engine-json.ts"

/** What an Engine said; undefined for what it did not. */
export interface EngineAnswers {
  readonly info?: EngineJson["info"] | undefined
  readonly containers?: EngineJson["containers"] | undefined
  /** By the id of the container. */
  readonly looks: ReadonlyMap<string, EngineJson["container"]>
  readonly images?: EngineJson["images"] | undefined
  readonly volumes?: EngineJson["volumes"] | undefined
  readonly networks?: EngineJson["networks"] | undefined
  readonly use?: EngineJson["use"] | undefined
}

type Parts = Pick<EngineSurvey, "engine" | "containers" | "images" | "volumes" | "networks" | "use">

/** What the answers of an Engine mean. Pure. */
export function surveyOf(facts: EngineFacts, answers: EngineAnswers): Parts {
  const { info, containers, looks, images, volumes, networks, use } = answers
  const used = containers && usedBy(containers)
  const sizes = new Map(use?.Volumes.map(({ Name, UsageData }) => [Name, UsageData?.Size ?? -1])) // -1 where nobody counted
  return {
    engine: engineOf(facts, info),
    containers: containers?.map((each) => containerOf(each, looks.get(each.Id))).sort(byName),
    images: images?.map((each) => imageOf(each, used)),
    volumes: volumes?.Volumes.map((each) => volumeOf(each, used, sizes.get(each.Name) ?? -1)).sort(byName),
    networks: networks?.map((each) => networkOf(each, used)).sort(byName),
    use: use && useOf(use),
  }
}

/** What containers use, also those that are stopped. */
interface Used {
  readonly images: ReadonlySet<string>
  readonly volumes: ReadonlySet<string>
  /** Names of containers by the network's name. */
  readonly networks: ReadonlyMap<string, readonly string[]>
}

function usedBy(containers: readonly ListedContainer[]): Used {
  const mounts = containers.flatMap(({ Mounts }) => Mounts.filter(({ Type }) => Type === "volume"))
  const networks = new Map<string, string[]>()
  for (const each of containers)
    for (const network of Object.keys(each.NetworkSettings?.Networks ?? {})) {
      const members = networks.get(network) ?? []
      networks.set(network, members)
      members.push(nameOf(each))
    }
  return {
    images: new Set(containers.map(({ ImageID }) => ImageID)),
    volumes: new Set(mounts.map(({ Name }) => Name)),
    networks,
  }
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

function engineOf(facts: EngineFacts, info: EngineJson["info"] | undefined): EngineFound {
  const { id, name, version, apiVersion, architecture, isInSwarm } = facts
  const options = info?.SecurityOptions ?? []
  const has = (option: string): boolean => options.some((each) => each.split(",").includes(`name=${option}`))
  const status = new Map(info?.DriverStatus.map(([key = "", value = ""]) => [key, value]))
  return {
    id,
    name,
    version,
    apiVersion,
    os: info?.OperatingSystem ?? facts.os,
    kernel: info?.KernelVersion ?? "",
    architecture,
    cpus: info?.NCPU ?? 0,
    memoryBytes: info?.MemTotal ?? 0,
    storage: info?.Driver ?? "",
    storedOn: status.get("Backing Filesystem"),
    folder: info?.DockerRootDir ?? "",
    logging: info?.LoggingDriver ?? "",
    runtime: info?.DefaultRuntime ?? "",
    rootless: has("rootless"),
    userNamespaces: has("userns"),
    liveRestore: info?.LiveRestoreEnabled ?? false,
    inSwarm: isInSwarm,
    warnings: info?.Warnings ?? [],
  }
}

function ownedOf(labels: Labels): OwnedFound {
  return { owner: ownerIn(labels), project: labels[PROJECT] }
}

function containerOf(listed: ListedContainer, look: EngineJson["container"] | undefined): ContainerFound {
  const { Id, Image, State, Status, Ports, Labels, HostConfig } = listed
  const ports = Ports.filter(({ PublicPort }) => PublicPort > 0).map(({ IP, PrivatePort, PublicPort, Type }) => ({
    address: IP,
    host: PublicPort,
    container: PrivatePort,
    protocol: Type,
  }))
  return {
    id: Id,
    name: nameOf(listed),
    image: Image,
    state: State,
    status: Status,
    ports,
    hostNetwork: HostConfig?.NetworkMode === "host",
    ...ownedOf(Labels),
    more: look && moreOf(look),
  }
}

/** The socket under its usual names, or a folder that holds it. */
const SOCKETS = /^(\/var)?\/run(\/docker\.sock)?\/?$|\/docker\.sock$|^\/(var\/?)?$/

function moreOf({ RestartCount, State, Config, HostConfig, Mounts }: EngineJson["container"]): ContainerMore {
  const user = Config.User.split(":")[0] ?? ""
  return {
    startedAt: timeOf(State.StartedAt),
    finishedAt: timeOf(State.FinishedAt),
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    health: State.Health === null || State.Health?.Status === "none" ? undefined : State.Health?.Status,
    restarts: RestartCount,
    restart: HostConfig.RestartPolicy?.Name || "no",
    memoryBytes: HostConfig.Memory > 0 ? HostConfig.Memory : undefined,
    privileged: HostConfig.Privileged,
    root: user === "" || user === "root" || /^0+$/.test(user),
    holdsSocket: Mounts.some(({ Type, Source }) => Type === "bind" && SOCKETS.test(Source)),
  }
}

/** The Engine's word for never is the year 1. */
function timeOf(text: string): string | undefined {
  return text === "" || text.startsWith("0001-") ? undefined : text
}

function imageOf(image: EngineJson["images"][number], used: Used | undefined): ImageFound {
  const { Id, RepoTags, Size, Created, Labels } = image
  return {
    id: Id,
    tags: RepoTags.filter((tag) => tag !== "<none>:<none>"),
    sizeBytes: Size,
    createdAt: Created > 0 && Created < 1e11 ? new Date(Created * 1_000).toISOString() : undefined,
    used: used?.images.has(Id),
    ...ownedOf(Labels),
  }
}

function volumeOf(
  { Name, Driver, Labels }: EngineJson["volumes"]["Volumes"][number],
  used: Used | undefined,
  sizeBytes: number,
): VolumeFound {
  return {
    name: Name,
    driver: Driver,
    anonymous: isAnonymous(Name, Labels),
    used: used?.volumes.has(Name),
    sizeBytes: sizeBytes >= 0 ? sizeBytes : undefined,
    ...ownedOf(Labels),
  }
}

function networkOf(
  { Name, Driver, Internal, IPAM, Labels }: EngineJson["networks"][number],
  used: Used | undefined,
): NetworkFound {
  return {
    name: Name,
    driver: Driver,
    internal: Internal,
    subnets: (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet || []),
    builtIn: BUILT_IN_NETWORKS.has(Name),
    containers: used && [...(used.networks.get(Name) ?? [])].sort(),
    ...ownedOf(Labels),
  }
}

function useOf({ LayersSize, Containers, Volumes, BuildCache }: EngineJson["use"]): UseFound {
  const sum = (sizes: readonly number[]): number => sizes.reduce((all, each) => all + Math.max(0, each), 0)
  return {
    imagesBytes: LayersSize,
    containersBytes: sum(Containers.map(({ SizeRw }) => SizeRw)),
    volumesBytes: sum(Volumes.map(({ UsageData }) => UsageData?.Size ?? 0)),
    buildCacheBytes: sum(BuildCache.filter(({ Shared }) => !Shared).map(({ Size }) => Size)),
  }
}
