import { FettleError } from "../../errors.ts"

/** The API of Engine 20.10, the oldest that is still in wide use. */
const OLDEST = "1.41"
/** The oldest API that Engine 29 speaks: with it, calls mean the same from Engine 25 on. */
const NEWEST = "1.44"

/** What an Engine told of itself. */
export interface EngineFacts {
  /** Its own id, the same for as long as its data folder lives. */
  readonly id: string
  /** The host name that it goes by. */
  readonly name: string
  /** "20.10.24" */
  readonly version: string
  /** The version of the API that is spoken with it. */
  readonly apiVersion: string
  /** "linux" */
  readonly os: string
  /** As in a platform: "amd64". */
  readonly architecture: string
  /** What builds unless told otherwise: "1" is the old builder, "2" BuildKit; undefined where it does not say. */
  readonly builder: string | undefined
  /** Whether it is part of a swarm, as a manager or a worker. */
  readonly isInSwarm: boolean
}

/** The answers to `/_ping`, `/version` and `/info`, as far as they matter. */
export interface Greeting {
  readonly ping: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly version: unknown
  readonly info: unknown
}

/**
 * The version of the API that both speak.
 * @param target for the error
 * @throws FettleError `DOCKER_UNSUPPORTED`
 */
export function commonVersion(newest: string, oldest: string | undefined, target: string): string {
  if (!isVersion(newest))
    throw new FettleError("DOCKER_PROTOCOL", `${target}: it names no version of its API; is it a Docker Engine?`)
  if (isOlder(newest, OLDEST))
    throw new FettleError(
      "DOCKER_UNSUPPORTED",
      `${target}: it speaks API ${newest}, and ${OLDEST} is the oldest we do`,
      {
        next: "update it to Docker Engine 20.10 or newer",
      },
    )
  if (oldest !== undefined && isVersion(oldest) && isOlder(NEWEST, oldest))
    throw new FettleError(
      "DOCKER_UNSUPPORTED",
      `${target}: it speaks API ${oldest} and newer, and ${NEWEST} is the newest we do`,
      {
        next: "update fettle",
      },
    )
  return isOlder(newest, NEWEST) ? newest : NEWEST
}

/** Podman's compatible API answers much the same and means other things. @throws FettleError `DOCKER_UNSUPPORTED` */
export function refusePodman({ "libpod-api-version": podman }: Greeting["ping"], target: string): void {
  if (podman === undefined) return
  const version = String(podman).slice(0, 20)
  throw new FettleError("DOCKER_UNSUPPORTED", `${target}: it is Podman ${version}, not a Docker Engine`, {
    next: "let the connection lead to a Docker Engine",
  })
}

/** @throws FettleError `DOCKER_PROTOCOL` where it does not say who it is */
export function factsOf({ ping, version, info }: Greeting, apiVersion: string, target: string): EngineFacts {
  const { Version, Os, Arch } = fields(version)
  const { ID, Name, Swarm } = fields(info)
  const id = text(ID)
  if (id === "")
    throw new FettleError("DOCKER_PROTOCOL", `${target}: it does not say which Engine it is (/info has no ID)`)
  const builder = ping["builder-version"]
  const swarm = text(fields(Swarm).LocalNodeState)
  return {
    id,
    name: text(Name),
    version: text(Version),
    apiVersion,
    os: text(Os),
    architecture: text(Arch),
    builder: typeof builder === "string" && builder !== "" ? builder : undefined,
    isInSwarm: swarm !== "" && swarm !== "inactive",
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string {
  return typeof value === "string" ? value : ""
}

function isVersion(version: string): boolean {
  return /^\d{1,4}\.\d{1,4}$/.test(version)
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number)
  return major < thanMajor || (major === thanMajor && minor < thanMinor)
}
