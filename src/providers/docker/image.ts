import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { provider } from "../../provider.ts"
import { planImage } from "./image-plan.ts"
import { imageOutputs, imageProps } from "./image-props.ts"
import { readImages } from "./image-read.ts"
import { deleteImage, ensureImage } from "./image-write.ts"

/** A build, with its pulls and its push, may take long; one that hangs for two hours is stuck. */
const TIMEOUT_MS = 7_200_000

/**
 * A tag on an Engine: built, pulled, or a tag of another image; pushed where that is asked for.
 * @example resource(docker.image, { name: "shop/web:1", build: { context: "./web" } }, { on: docker.engine() })
 */
export const image = provider<typeof imageProps, typeof imageOutputs, EngineClient>({
  kind: "docker.image",
  version: 1,
  about: "An image under a tag: built, pulled, or a tag of another one; the same context is not built again.",
  connects: "docker",
  props: imageProps,
  outputs: imageOutputs,
  settles: "unique",
  stable: ["name"],
  /** What lies in its context may be made by what it needs. */
  followsNeeds: true,
  timeoutMs: TIMEOUT_MS,
  id: ({ name }) => name,
  readsHere: ({ build }) => (build === undefined ? [] : [build.context]),
  predict: ({ name }) => ({ name }),
  read: readImages,
  plan: planImage,
  ensure: ensureImage,
  delete: deleteImage,
})
