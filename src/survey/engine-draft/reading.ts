import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { inspect } from "../../providers/docker/inspects.ts"
import { orEmpty, shaped, textMap } from "../../providers/docker/shape.ts"
import { type EngineJson, engineJson } from "../engine/engine-json.ts"

const list = z.array(z.unknown())
const check = z.object({
  Test: orEmpty(z.string()),
  Interval: z.number().nullish(),
  Timeout: z.number().nullish(),
  StartPeriod: z.number().nullish(),
  Retries: z.number().nullish(),
})
const words = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? undefined)
const imageShape = z.object({
  Config: z
    .object({
      Cmd: words,
      Entrypoint: words,
      Env: orEmpty(z.string()),
      Labels: textMap,
      User: z.string().nullish(),
      WorkingDir: z.string().nullish(),
      StopSignal: z.string().nullish(),
      Healthcheck: check.nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
})

/** What an image brings to its containers. */
export type ImageConfig = NonNullable<z.output<typeof imageShape>["Config"]>

/** All that a draft of an Engine is made of. */
export interface EngineReading {
  readonly name: string
  readonly version: string
  readonly info: EngineJson["info"]
  /** As inspects show them. */
  readonly containers: readonly unknown[]
  readonly images: EngineJson["images"]
  /** By the id of the image: of those that containers were made from. */
  readonly configs: ReadonlyMap<string, ImageConfig>
  /** As their lists show them. */
  readonly networks: readonly unknown[]
  readonly volumes: readonly unknown[]
}

/** Reads an Engine: five lists, and a look at each container and at each image that one was made from, 16 at once. */
export async function readEngine(client: EngineClient, signal: AbortSignal): Promise<EngineReading> {
  const get = async (path: string, query = {}): Promise<unknown> =>
    (await client.json("GET", path, { query, signal })).json
  const [info, containers, images, volumes, networks] = await Promise.all([
    get("/info"),
    get("/containers/json", { all: true }),
    get("/images/json"),
    get("/volumes"),
    get("/networks"),
  ])
  const listed = shaped(engineJson.containers, containers, "the list of containers")
  const looks = await Promise.all(
    listed.map(({ Id }) => inspect(client, `/containers/${encodeURIComponent(Id)}/json`, signal)),
  )
  const used = [...new Set(listed.map(({ ImageID }) => ImageID))].filter((id) => /^sha256:[0-9a-f]{64}$/.test(id))
  const configs = await Promise.all(used.map(async (id) => [id, await configOf(id, client, signal)] as const))
  return {
    name: client.engine.name,
    version: client.engine.version,
    info: shaped(engineJson.info, info, "what the Engine says of itself"),
    containers: looks.filter((each) => each !== undefined), // gone meanwhile
    images: shaped(engineJson.images, images, "the list of images"),
    configs: new Map(configs.filter((each): each is [string, ImageConfig] => each[1] !== undefined)),
    networks: shaped(list, networks, "the list of networks"),
    volumes: shaped(z.object({ Volumes: orEmpty(z.unknown()) }), volumes, "the list of volumes").Volumes,
  }
}

async function configOf(id: string, client: EngineClient, signal: AbortSignal): Promise<ImageConfig | undefined> {
  const json = await inspect(client, `/images/${id}/json`, signal)
  return json === undefined ? undefined : (shaped(imageShape, json, `the image ${id}`).Config ?? undefined)
}
