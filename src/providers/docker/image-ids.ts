import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { inspect } from "./inspects.ts"
import { isImageId, tagOf } from "./reference.ts"
import { orEmpty, shaped } from "./shape.ts"

const listed = z.array(z.object({ Id: z.string(), RepoTags: orEmpty(z.string()), RepoDigests: orEmpty(z.string()) }))
const one = z.object({ Id: z.string() })

/** Which image a tag means now: one list for all that are asked for, and a look where it does not show one, or shows another than expected. */
export class ImageIds {
  readonly #client: EngineClient
  readonly #signal: AbortSignal
  #list: Promise<ReadonlyMap<string, string>> | undefined
  readonly #looks = new Map<string, Promise<string | undefined>>()

  constructor(client: EngineClient, signal: AbortSignal) {
    this.#client = client
    this.#signal = signal
  }

  /** @returns the id of the image; undefined where there is none */
  async idOf(image: string, expected: string): Promise<string | undefined> {
    if (isImageId(image)) return image
    const tag = tagOf(image)
    this.#list ??= this.#read()
    const id = (await this.#list).get(tag)
    return id === expected ? id : this.#look(tag)
  }

  async #read(): Promise<ReadonlyMap<string, string>> {
    const { json } = await this.#client.json("GET", "/images/json", { signal: this.#signal })
    return new Map(
      shaped(listed, json, "the list of images").flatMap(({ Id, RepoTags, RepoDigests }) =>
        [...RepoTags, ...RepoDigests].map((tag) => [tag, Id] as const),
      ),
    )
  }

  #look(tag: string): Promise<string | undefined> {
    const known = this.#looks.get(tag)
    if (known !== undefined) return known
    const look = inspect(this.#client, `/images/${tag}/json`, this.#signal).then((json) =>
      json === undefined ? undefined : shaped(one, json, `the image ${tag}`).Id,
    )
    this.#looks.set(tag, look)
    return look
  }
}
