import type { Unseen } from "./survey.ts"

/** What one look at a Docker Engine found, as plain data. A part that is missing was not seen, and `unseen` says why. */
export interface EngineSurvey {
  /** As it was asked for. */
  readonly target: string
  /** ISO 8601. */
  readonly at: string
  readonly tookMs: number
  /** Calls of the Engine's API that were made. */
  readonly calls: number
  readonly engine: EngineFound
  readonly containers?: readonly ContainerFound[] | undefined
  readonly images?: readonly ImageFound[] | undefined
  readonly volumes?: readonly VolumeFound[] | undefined
  readonly networks?: readonly NetworkFound[] | undefined
  readonly use?: UseFound | undefined
  /** Silence is not absence: what could not be looked at. */
  readonly unseen: readonly Unseen[]
}

export interface EngineFound {
  readonly id: string
  /** The host name that it goes by. */
  readonly name: string
  readonly version: string
  /** The version of its API that was spoken. */
  readonly apiVersion: string
  /** As in "Debian GNU/Linux 12 (bookworm)". */
  readonly os: string
  readonly kernel: string
  readonly architecture: string
  readonly cpus: number
  readonly memoryBytes: number
  /** How images and containers are stored: "overlay2". */
  readonly storage: string
  /** The file system below it, where the Engine says. */
  readonly storedOn?: string | undefined
  /** Where all of it lies. */
  readonly folder: string
  /** Where logs of containers go, where they do not say. */
  readonly logging: string
  readonly runtime: string
  /** The Engine itself does not run as root. */
  readonly rootless: boolean
  /** Root of a container is not root of the machine. */
  readonly userNamespaces: boolean
  /** Containers go on while it is restarted. */
  readonly liveRestore: boolean
  readonly inSwarm: boolean
  /** What it complains of. */
  readonly warnings: readonly string[]
}

/** Whose a thing says that it is. */
export interface OwnedFound {
  /** Program and stage of Fettle that made it, as in "shop/prod". What was adopted does not say so. */
  readonly owner?: string | undefined
  /** The project of compose that it belongs to. */
  readonly project?: string | undefined
}

export interface PublishedFound {
  /** Of the host: "0.0.0.0" and "::" are open to all. */
  readonly address: string
  readonly host: number
  readonly container: number
  readonly protocol: string
}

export interface ContainerFound extends OwnedFound {
  readonly id: string
  readonly name: string
  /** As it was asked for: a tag, or an id. */
  readonly image: string
  /** "running", "exited", "restarting", "paused", "created", "dead". */
  readonly state: string
  /** The Engine's own words: "Up 3 days (healthy)". */
  readonly status: string
  readonly ports: readonly PublishedFound[]
  /** Of the host itself, in the place of one of its own. */
  readonly hostNetwork: boolean
  /** Undefined where it was not looked at by itself: a list does not hold it. */
  readonly more?: ContainerMore | undefined
}

export interface ContainerMore {
  /** ISO 8601; undefined where it never ran. */
  readonly startedAt?: string | undefined
  readonly finishedAt?: string | undefined
  readonly exitCode: number
  readonly outOfMemory: boolean
  /** Undefined where it has no health check. */
  readonly health?: string | undefined
  /** How often the Engine has started it again by itself. */
  readonly restarts: number
  readonly restart: string
  /** Undefined for no limit. */
  readonly memoryBytes?: number | undefined
  readonly privileged: boolean
  /** Runs as root of its own; `userNamespaces` of the Engine tells what that means. */
  readonly root: boolean
  /** It can reach the Engine's socket, and so do anything. */
  readonly holdsSocket: boolean
}

export interface ImageFound extends OwnedFound {
  readonly id: string
  readonly tags: readonly string[]
  readonly sizeBytes: number
  /** ISO 8601. */
  readonly createdAt?: string | undefined
  /** A container was made from it; undefined where containers were not seen. */
  readonly used?: boolean | undefined
}

export interface VolumeFound extends OwnedFound {
  readonly name: string
  readonly driver: string
  /** Nobody named it: it came with a container. */
  readonly anonymous: boolean
  readonly used?: boolean | undefined
  readonly sizeBytes?: number | undefined
}

export interface NetworkFound extends OwnedFound {
  readonly name: string
  readonly driver: string
  readonly internal: boolean
  readonly subnets: readonly string[]
  /** The Engine's own: bridge, host, none. */
  readonly builtIn: boolean
  /** Names of the containers on it, also of stopped ones; undefined where containers were not seen. */
  readonly containers?: readonly string[] | undefined
}

/** Space that is used. */
export interface UseFound {
  readonly imagesBytes: number
  /** What containers wrote, without volumes. */
  readonly containersBytes: number
  readonly volumesBytes: number
  readonly buildCacheBytes: number
}
