import { z } from "zod"
import { buildImage } from "../../connect/docker/build-image.ts"
import type { BuildEvent } from "../../connect/docker/build-log.ts"
import { contextHash } from "../../connect/docker/context-hash.ts"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Change, Last, Seen, Write } from "../../provider.ts"
import { basesNow } from "./image-bases.ts"
import { type Image, imageOutputsOf, listImages, lookAtImage } from "./image-json.ts"
import { type ImageOutputs, type ImageProps, sourceOf } from "./image-props.ts"
import { pull, push } from "./image-registry.ts"
import { BASES, BUILT_FROM, imageMarks, isImageOf, isOwnedBy } from "./labels.ts"
import { isImageId, repositoryOf, tagIn } from "./reference.ts"
import { shaped, textMap } from "./shape.ts"
import { isReplaced } from "./versions.ts"

type Call = Write<EngineClient>
type Build = NonNullable<ImageProps["build"]>

/** The Engine's word for an image that a container uses. */
const CONFLICT = 409

/** Builds, pulls or tags it, and pushes it where the registry does not have it. */
export async function ensureImage(
  want: ImageProps,
  seen: Seen<ImageOutputs>,
  change: Change<ImageProps>,
  call: Call,
): Promise<ImageOutputs> {
  const { connection, signal } = call
  const isOnlyPushed = change.action === "update" && change.props.every((prop) => prop === "push")
  if (!isOnlyPushed)
    await (want.build === undefined ? tagSource(want, call) : built(want.name, want.build, recordedIn(seen), call))
  if (want.push) await push(want.name, call)
  const image = await lookAtImage(want.name, connection, signal)
  if (image === undefined) throw new FettleError("DOCKER_FAILED", `${want.name} is gone again`)
  if ("outputs" in seen && seen.outputs.image !== image.id) await removeUnused(seen.outputs.image, call)
  return imageOutputsOf(want.name, image)
}

/** Where an image of the same hash is there, under whatever name, it is given this one: nothing is built twice. */
async function built(name: string, build: Build, recorded: string | undefined, call: Call): Promise<void> {
  const { connection, signal } = call
  const hash = await contextHash(build, { signal })
  const bases = await basesNow(build, (base) => lookAtImage(base, connection, signal))
  const same = await builtBefore(hash, bases, recorded, call)
  if (same !== undefined) {
    call.log(`the same context was built before, from the same base: ${same}`)
    return tag(same, name, call)
  }
  const labels = { ...build.labels, ...imageMarks(call), [BUILT_FROM]: hash, [BASES]: bases }
  const secrets = Object.fromEntries(Object.entries(build.secrets).map(([id, secret]) => [id, call.reveal(secret)]))
  const progress = (event: BuildEvent): void => {
    const text = wordsOf(event)
    if (text !== undefined) call.log(text)
  }
  await buildImage(connection, { ...build, labels, secrets, tags: [name] }, { signal, progress })
}

function recordedIn(seen: Seen<ImageOutputs>): string | undefined {
  const recorded = "failed" in seen ? undefined : seen.shown?.recorded
  return typeof recorded === "string" ? recorded : undefined
}

/**
 * The image that was built from this. What was made of it by a commit, or by another build, has its label, too: the one that is recorded
 * is taken, else the one with the fewest layers that was not made of another one with the label.
 */
async function builtBefore(
  hash: string,
  bases: string,
  recorded: string | undefined,
  call: Call,
): Promise<string | undefined> {
  const { connection, signal } = call
  const ofHash = await listImages(connection, signal, `${BUILT_FROM}=${hash}`)
  const labelled = ofHash.filter(({ labels }) => labels[BASES] === bases)
  if (labelled.some(({ id }) => id === recorded)) return recorded
  const looks = await Promise.all(labelled.map(({ id }) => lookAtImage(id, connection, signal)))
  const isMadeOf = async ({ parent }: Image): Promise<boolean> =>
    parent !== "" && (await lookAtImage(parent, connection, signal))?.labels[BUILT_FROM] === hash
  const own: Image[] = []
  for (const each of looks) if (each !== undefined && !(await isMadeOf(each))) own.push(each)
  return own.sort((a, b) => a.layers - b.layers)[0]?.id
}

function wordsOf(event: BuildEvent): string | undefined {
  if (event.type === "output") return `${event.step}: ${event.text}`
  return event.type === "step" ? `${event.step}: ${event.name}: ${event.state}` : undefined
}

async function tagSource(want: ImageProps, call: Call): Promise<void> {
  const { connection, signal } = call
  const source = sourceOf(want)
  const there = want.pull === "always" ? undefined : await lookAtImage(source, connection, signal)
  if (there === undefined) {
    if (isImageId(source) || want.pull === "never") {
      const fact = `the image ${source} is not on the Engine`
      throw new FettleError("IMAGE_NOT_PULLED", fact, { next: "build or load it first", details: { notMade: true } })
    }
    await pull(source, undefined, call)
  }
  if (source !== want.name) await tag(source, want.name, call)
}

async function tag(image: string, name: string, { connection, signal }: Call): Promise<void> {
  const query = { repo: repositoryOf(name), tag: tagIn(name) }
  await connection.json("POST", `/images/${image}/tag`, { query, repeatable: true, signal })
}

/** Takes the tag away, and the image where nothing else has it. What is kept of containers for a rollback keeps its image. */
export async function deleteImage(
  seen: Seen<ImageOutputs>,
  last: Last<ImageProps, ImageOutputs> | undefined,
  call: Call,
): Promise<void> {
  if ("absent" in seen) return
  const { connection, signal } = call
  const name = "outputs" in seen ? seen.outputs.name : last?.outputs.name
  if (name === undefined) return
  const untag = async (force: boolean): Promise<void> => {
    const query = { force, noprune: false }
    await connection.json("DELETE", `/images/${name}`, { query, accept: [404], repeatable: true, signal })
  }
  try {
    await untag(false)
  } catch (thrown) {
    if (asFettleError(thrown, "DOCKER_FAILED").details?.status !== CONFLICT) throw thrown
    if (!(await isUsedByKeptAlone(name, call))) throw thrown
    await untag(true)
    call.log(`${name} is used by what is kept for a rollback: it has lost its name, and goes with that`)
  }
}

const users = z.array(z.object({ Id: z.string(), Names: z.array(z.string()).default([]), Labels: textMap }))

async function isUsedByKeptAlone(name: string, call: Call): Promise<boolean> {
  const query = { all: true, filters: { ancestor: [name] } }
  const { json } = await call.connection.json("GET", "/containers/json", { query, signal: call.signal })
  return shaped(users, json, "the list of containers").every(
    ({ Id, Names, Labels }) => isReplaced({ id: Id, name: (Names[0] ?? "").slice(1) }) && isOwnedBy(call, Labels),
  )
}

/** Removes an image that the same program built, that has no name any more, and that nothing uses. */
export async function removeUnused(id: string, call: Call): Promise<void> {
  const { connection, signal } = call
  const image: Image | undefined = await lookAtImage(id, connection, signal)
  if (image === undefined || image.tags.length > 0) return
  if (image.labels[BUILT_FROM] === undefined || !isImageOf(call, image.labels)) return
  await connection.json("DELETE", `/images/${id}`, { accept: [404, CONFLICT], repeatable: true, signal })
}
