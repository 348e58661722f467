import { z } from "zod"
import { secretText } from "../../secrets/secret-text.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { ownLabels } from "./names.ts"
import { isImageId, tagOf } from "./reference.ts"

const tag = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9._:/-]*$/,
    'give a name with a tag, as in "shop/web:1" or "registry.example.com:5000/shop/web:1"',
  )
  .transform(tagOf)

const build = z.strictObject({
  context: z.string().min(1).describe("The folder that it is built from, on this machine."),
  dockerfile: z.string().min(1).optional().describe("From the context, or absolute. Default: Dockerfile."),
  target: z.string().min(1).optional().describe("The stage of the Dockerfile. Default: the last."),
  args: z
    .record(z.string().min(1), z.string())
    .default({})
    .describe("Arguments. They stand in the image's history: what is secret belongs into `secrets`."),
  secrets: z
    .record(z.string().min(1), secretText)
    .default({})
    .describe("What `RUN --mount=type=secret,id=NAME` reads. A change of them builds nothing anew."),
  labels: ownLabels,
  platform: z.string().min(1).optional().describe('As in "linux/arm64".'),
  network: z.enum(["default", "none", "host"]).optional().describe("The network of RUN steps."),
  pull: z.boolean().default(false).describe("Ask the registry for the base image, also where it is there."),
})

const shape = z.strictObject({
  name: tag.describe("The tag that it has on the Engine, and in the registry where it is pushed."),
  build: build.optional().describe("Build it. The same context and arguments are not built again."),
  from: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Another image, by its tag or id: this one is a tag of it. Without `build` and `from`, `name` itself is pulled.",
    ),
  pull: z
    .enum(["missing", "always", "never"])
    .default("missing")
    .describe(
      "When what is not built is pulled; always: the registry is asked in each plan whether its tag has moved.",
    ),
  push: z.boolean().default(false).describe("Push it to the registry that its name begins with."),
})

export const imageProps = shape.superRefine(({ build: built, from, pull, name, push }, context) => {
  const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message })
  if (built !== undefined && from !== undefined) refuse("from", "it is built, or a tag of another one: not both")
  if (built !== undefined && pull !== "missing")
    refuse("pull", "what is built is not pulled; build has a `pull` of its own")
  if (from !== undefined && isImageId(from) && pull === "always")
    refuse("pull", "an image that is given by its id never moves")
  if (push && built === undefined && (from === undefined || tagOf(from) === name))
    refuse("push", "it would be pushed to where it was pulled from")
})

export const imageOutputs = z.object({
  /** Its tag. */
  name: z.string(),
  /** "sha256:…": what it is, whatever it is called. */
  image: z.string(),
  /** What the registry knows it by: "shop/web@sha256:…"; "" where it was neither pulled nor pushed. */
  digest: z.string(),
  /** The hash of the context and arguments that it was built from; "" where Fettle did not build it. */
  builtFrom: z.string(),
})

export type ImageProps = z.output<typeof imageProps>
export type ImageOutputs = z.output<typeof imageOutputs>

/** The image that it is a tag of, where it is not built. */
export function sourceOf({ name, from }: ImageProps): string {
  if (from === undefined) return name
  return isImageId(from) ? from : tagOf(from)
}

/** What a build is told, without its secrets: by this it is known which build a hash is of. */
export function inputsOf({ secrets: _, ...inputs }: NonNullable<ImageProps["build"]>): string {
  return fingerprintOf([inputs])
}
