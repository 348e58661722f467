import { z } from "zod"
import { contextHash } from "../../connect/docker/context-hash.ts"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError, causeText } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { Json, Key, Read, Seen } from "../../provider.ts"
import { type Find, movedBases } from "./image-bases.ts"
import { type Image, imageOutputsOf, listImages, lookAtImage } from "./image-json.ts"
import { type ImageOutputs, type ImageProps, inputsOf, sourceOf } from "./image-props.ts"
import { isImageId } from "./reference.ts"
import { shaped } from "./shape.ts"

type ImageKey = Key<ImageProps, ImageOutputs>
type Shown = Readonly<Record<string, Json>>

/** One list for all; what it does not show, or shows otherwise than recorded, is looked at by itself. */
export async function readImages(
  keys: readonly ImageKey[],
  { connection, signal }: Read<EngineClient>,
): Promise<ReadonlyMap<Address, Seen<ImageOutputs>>> {
  const all = await listImages(connection, signal)
  const byTag = new Map(all.flatMap((each) => each.tags.map((tag) => [tag, each] as const)))
  const find = async (name: string, expected: string | undefined): Promise<Image | undefined> => {
    const listed = byTag.get(name)
    return listed !== undefined && listed.id === (expected ?? listed.id)
      ? listed
      : lookAtImage(name, connection, signal)
  }
  const seen = async (key: ImageKey): Promise<Seen<ImageOutputs>> => {
    const name = key.id ?? key.want?.name ?? key.last?.outputs.name ?? ""
    try {
      const image = await find(name, key.last?.outputs.image)
      const recorded = await recordedOf(key, image, connection, signal)
      const shown =
        key.want === undefined ? {} : { ...(await wantedOf(key.want, image, find, connection, signal)), ...recorded }
      return image === undefined ? { absent: true, shown } : { outputs: imageOutputsOf(name, image), id: name, shown }
    } catch (thrown) {
      return { failed: asFettleError(thrown, "READ_FAILED") }
    }
  }
  return new Map(await Promise.all(keys.map(async (key) => [key.address, await seen(key)] as const)))
}

/** The image that was recorded, where its tag has gone to another one and it is still there. */
async function recordedOf(
  { last }: ImageKey,
  now: Image | undefined,
  client: EngineClient,
  signal: AbortSignal,
): Promise<Shown> {
  if (last === undefined || last.outputs.image === now?.id) return {}
  const image = await lookAtImage(last.outputs.image, client, signal)
  return image === undefined ? {} : { recorded: image.id }
}

/** What the image is to be, as far as that can be seen: the hash of what it is built from, or the image that it is a tag of. */
async function wantedOf(
  want: ImageProps,
  now: Image | undefined,
  find: Find,
  client: EngineClient,
  signal: AbortSignal,
): Promise<Shown> {
  if (want.build !== undefined) {
    const bases = now === undefined || want.build.pull ? [] : await movedBases(now.labels, find)
    return { ...(await hashOf(want.build, signal)), bases }
  }
  const source = sourceOf(want)
  const image = isImageId(source) ? source : (await find(source, undefined))?.id
  const there = image === undefined ? {} : { source: image }
  return want.pull === "always" ? { ...there, remote: await remoteDigest(source, client, signal) } : there
}

/** A context may be made by what comes before it: that it cannot be read now is told, and is an error where it is built. */
async function hashOf(build: NonNullable<ImageProps["build"]>, signal: AbortSignal): Promise<Shown> {
  const hashed = { hashOf: inputsOf(build) }
  try {
    return { ...hashed, builtFrom: await contextHash(build, { signal }) }
  } catch (thrown) {
    signal.throwIfAborted()
    return { ...hashed, unreadable: causeText(thrown) }
  }
}

const distribution = z.object({ Descriptor: z.object({ digest: z.string() }) })

/** What the registry has under a tag now. */
async function remoteDigest(name: string, client: EngineClient, signal: AbortSignal): Promise<string> {
  const auth = await client.logins.headerFor(name)
  const headers = auth === undefined ? {} : { "x-registry-auth": auth }
  const { json } = await client.json("GET", `/distribution/${name}/json`, { headers, signal })
  return shaped(distribution, json, `what the registry says of ${name}`).Descriptor.digest
}
