import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import type { ImageOutputs } from "./image-props.ts"
import { inspect } from "./inspects.ts"
import { BUILT_FROM, type Labels } from "./labels.ts"
import { repositoryOf } from "./reference.ts"
import { orEmpty, shaped, textMap } from "./shape.ts"

const common = { Id: z.string(), RepoTags: orEmpty(z.string()), RepoDigests: orEmpty(z.string()) }
const listed = z.array(z.object({ ...common, Labels: textMap }))
const single = z.object({
  ...common,
  Parent: z.string().nullish(),
  RootFS: z.object({ Layers: orEmpty(z.string()) }).nullish(),
  Config: z.object({ Labels: textMap }).nullish(),
})

/** An image as a list or a look shows it. */
export interface Image {
  readonly id: string
  readonly tags: readonly string[]
  readonly digests: readonly string[]
  readonly labels: Labels
  /** Of which it was made, where the Engine knows; shown by a look alone. */
  readonly parent: string
  readonly layers: number
}

/** All images that have a name, or a label. */
export async function listImages(client: EngineClient, signal: AbortSignal, label?: string): Promise<readonly Image[]> {
  const query = label === undefined ? {} : { filters: { label: [label] } }
  const { json } = await client.json("GET", "/images/json", { query, signal })
  return shaped(listed, json, "the list of images").map(({ Id, RepoTags, RepoDigests, Labels }) => ({
    id: Id,
    tags: RepoTags,
    digests: RepoDigests,
    labels: Labels,
    parent: "",
    layers: 0,
  }))
}

/** One image by its tag or id. */
export async function lookAtImage(name: string, client: EngineClient, signal: AbortSignal): Promise<Image | undefined> {
  const json = await inspect(client, `/images/${name}/json`, signal)
  if (json === undefined) return undefined
  const { Id, RepoTags, RepoDigests, Config, Parent, RootFS } = shaped(single, json, `the image ${name}`)
  const made = { parent: Parent ?? "", layers: RootFS?.Layers.length ?? 0 }
  return { id: Id, tags: RepoTags, digests: RepoDigests, labels: Config?.Labels ?? {}, ...made }
}

export function imageOutputsOf(name: string, { id, digests, labels }: Image): ImageOutputs {
  const digest = digests.find((each) => repositoryOf(each) === repositoryOf(name)) ?? ""
  return { name, image: id, digest, builtFrom: labels[BUILT_FROM] ?? "" }
}
