import { z } from "zod"
import { orEmpty, textMap } from "../../providers/docker/shape.ts"

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "")
const number = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
const texts = orEmpty(z.string())
const port = z.object({ IP: text, PrivatePort: number, PublicPort: number, Type: text })
const mount = z.object({ Type: text, Name: text, Source: text, Destination: text })

/** What lists and looks of an Engine hold, as far as it matters here. All else may be there, or not. */
export const engineJson = {
  info: z.object({
    Driver: text,
    DriverStatus: orEmpty(texts),
    DockerRootDir: text,
    LoggingDriver: text,
    DefaultRuntime: text,
    CgroupVersion: text,
    SwapLimit: flag,
    OperatingSystem: text,
    KernelVersion: text,
    Architecture: text,
    NCPU: number,
    MemTotal: number,
    SecurityOptions: texts,
    LiveRestoreEnabled: flag,
    Warnings: texts,
  }),
  containers: z.array(
    z.object({
      Id: z.string(),
      Names: texts,
      Image: text,
      ImageID: text,
      State: text,
      Status: text,
      Ports: orEmpty(port),
      Labels: textMap,
      HostConfig: z.object({ NetworkMode: text }).nullish(),
      NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()).nullish() }).nullish(),
      Mounts: orEmpty(mount),
    }),
  ),
  container: z.object({
    RestartCount: number,
    State: z.object({
      ExitCode: number,
      OOMKilled: flag,
      StartedAt: text,
      FinishedAt: text,
      Health: z.object({ Status: text }).nullish(),
    }),
    Config: z.object({ User: text }),
    HostConfig: z.object({ Memory: number, Privileged: flag, RestartPolicy: z.object({ Name: text }).nullish() }),
    Mounts: orEmpty(mount),
  }),
  images: z.array(
    z.object({
      Id: z.string(),
      RepoTags: texts,
      RepoDigests: texts,
      Size: number,
      Created: number,
      Labels: textMap,
    }),
  ),
  volumes: z.object({ Volumes: orEmpty(z.object({ Name: z.string(), Driver: text, Labels: textMap })) }),
  networks: z.array(
    z.object({
      Name: z.string(),
      Driver: text,
      Internal: flag,
      IPAM: z.object({ Config: orEmpty(z.object({ Subnet: text })) }).nullish(),
      Labels: textMap,
    }),
  ),
  use: z.object({
    LayersSize: number,
    Containers: orEmpty(z.object({ SizeRw: number })),
    Volumes: orEmpty(z.object({ Name: z.string(), UsageData: z.object({ Size: number }).nullish() })),
    BuildCache: orEmpty(z.object({ Size: number, Shared: flag })),
  }),
}

export type EngineJson = { readonly [K in keyof typeof engineJson]: z.output<(typeof engineJson)[K]> }
export type ListedContainer = EngineJson["containers"][number]

/** Networks that an Engine brings. */
export const BUILT_IN_NETWORKS: ReadonlySet<string> = new Set(["bridge", "host", "none", "docker_gwbridge", "ingress"])

/** Compose says of everything that it makes whose it is. */
export const PROJECT = "com.docker.compose.project"

/** The name of a listed container: links have names of two parts. */
export function nameOf({ Names, Id }: ListedContainer): string {
  const own = Names.find((name) => name.lastIndexOf("/") === 0) ?? ""
  return own.slice(1) || Id.slice(0, 12)
}

/** A volume that came with a container and that nobody named. */
export function isAnonymous(name: string, labels: Readonly<Record<string, string>> = {}): boolean {
  return /^[0-9a-f]{64}$/.test(name) || "com.docker.volume.anonymous" in labels
}
