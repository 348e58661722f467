import { z } from "zod"
import type { There } from "./found.ts"
import { orEmpty, shaped, textMap } from "./shape.ts"

const words = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? undefined)
const number = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "")
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)

const binding = z.object({ HostIp: text, HostPort: text })
const bindings = z
  .record(z.string(), orEmpty(binding))
  .nullish()
  .transform((map) => map ?? {})

const endpoint = z.object({
  Aliases: orEmpty(z.string()),
  IPAddress: text,
  GlobalIPv6Address: text,
  NetworkID: text,
  IPAMConfig: z.object({ IPv4Address: text, IPv6Address: text }).nullish(),
})

const mountShape = z.object({
  Type: z.string(),
  Source: text,
  Target: z.string(),
  ReadOnly: flag,
  TmpfsOptions: z.object({ SizeBytes: number }).nullish(),
})

const check = z.object({
  Test: orEmpty(z.string()),
  Interval: number,
  Timeout: number,
  StartPeriod: number,
  Retries: number,
})

const shape = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: text,
  Image: z.string(),
  RestartCount: number,
  State: z.object({
    Status: text,
    Running: flag,
    Restarting: flag,
    Paused: flag,
    ExitCode: number,
    Error: text,
    StartedAt: text,
    Health: z.object({ Status: text }).nullish(),
  }),
  Config: z.object({
    Hostname: text,
    User: text,
    Env: orEmpty(z.string()),
    Cmd: words,
    Entrypoint: words,
    Image: text,
    WorkingDir: text,
    Labels: textMap,
    Healthcheck: check.nullish(),
    StopSignal: text,
    StopTimeout: z.number().nullish(),
  }),
  HostConfig: z.object({
    NetworkMode: text,
    PortBindings: bindings,
    Binds: orEmpty(z.string()),
    Mounts: orEmpty(mountShape),
    Tmpfs: textMap,
    RestartPolicy: z.object({ Name: text }),
    ExtraHosts: orEmpty(z.string()),
    Ulimits: orEmpty(z.object({ Name: z.string(), Soft: number, Hard: number })),
    Memory: number,
    NanoCpus: number,
    PidsLimit: number,
    CapAdd: orEmpty(z.string()),
    CapDrop: orEmpty(z.string()),
    Privileged: flag,
    SecurityOpt: orEmpty(z.string()),
    ReadonlyRootfs: flag,
    Init: flag,
    LogConfig: z.object({ Type: text, Config: textMap }),
  }),
  NetworkSettings: z.object({
    Ports: bindings,
    Networks: z
      .record(z.string(), endpoint)
      .nullish()
      .transform((map) => map ?? {}),
  }),
})

/** What an inspect shows of a container, as far as it matters. */
export type ContainerJson = z.output<typeof shape>

export type Container = There & { readonly json: ContainerJson }

/** @throws FettleError `DOCKER_PROTOCOL` */
export function containerOf(json: unknown): Container {
  const container = shaped(shape, json, "a container")
  return {
    id: container.Id,
    name: container.Name.replace(/^\//, ""),
    labels: container.Config.Labels,
    json: container,
  }
}
