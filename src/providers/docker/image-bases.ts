import { baseImages } from "../../connect/docker/base-images.ts"
import { openContext } from "../../connect/docker/build-context.ts"
import type { Image } from "./image-json.ts"
import type { ImageProps } from "./image-props.ts"
import { BASES, type Labels } from "./labels.ts"
import { isImageId, tagOf } from "./reference.ts"

/** What is under a tag now; where it is not the expected one, a look and no list says so. */
export type Find = (name: string, expected: string | undefined) => Promise<Image | undefined>

/**
 * The local images that a build would begin with or copy from, as the text of a label: JSON pairs of tag and id, sorted by the tag.
 * What only a registry has is not among them; with `pull` the registry says what a base is.
 */
export async function basesNow(build: NonNullable<ImageProps["build"]>, find: Find): Promise<string> {
  if (build.pull) return "[]"
  const { dockerfile } = await openContext(build.context, build.dockerfile)
  const names = new Set(baseImages(dockerfile.bytes.toString("utf8"), build.args, build.target).map(tagOf))
  const pairs = await Promise.all([...names].sort().map(async (name) => [name, (await find(name, undefined))?.id]))
  return JSON.stringify(pairs.filter(([, id]) => id !== undefined))
}

/** The tags of bases that mean another image now than the one it was built from. One that is gone says nothing. */
export async function movedBases(labels: Labels, find: Find): Promise<readonly string[]> {
  const moved = await Promise.all(
    basesIn(labels).map(async ([name, id]) => {
      const now = await find(name, id)
      return now === undefined || now.id === id ? [] : [name]
    }),
  )
  return moved.flat()
}

/** A label may be anybody's text: only pairs of a plain tag and an id count. */
function basesIn(labels: Labels): readonly (readonly [string, string])[] {
  try {
    const pairs: unknown = JSON.parse(labels[BASES] ?? "[]")
    if (!Array.isArray(pairs)) return []
    return pairs.flatMap((pair: unknown) => {
      const [name, id] = Array.isArray(pair) ? (pair as readonly unknown[]) : []
      const isPair = typeof name === "string" && typeof id === "string" && isImageId(id)
      return isPair && /^[a-zA-Z0-9][a-zA-Z0-9._:/-]*$/.test(name) ? [[name, id] as const] : []
    })
  } catch {
    return []
  }
}
