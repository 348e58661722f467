import { createHash, hash } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import { type BuildContext, openContext } from "./build-context.ts"
import { piecesOf, readInto, WHOLE_MAX_BYTES } from "./context-file.ts"
import { type ContextEntry, contextEntries } from "./context-walk.ts"

/** Everything that decides what a build makes, besides its secrets: Docker does not rebuild for those either. */
export interface BuildInputs {
  /** The folder that is built from. */
  readonly context: string
  /** From the context, or absolute. Default `Dockerfile`. */
  readonly dockerfile?: string | undefined
  readonly args?: Readonly<Record<string, string>> | undefined
  readonly target?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly platform?: string | undefined
}

/** Changes where a hash of the same inputs changes, so that no old hash is taken for a new one. */
const FORM = "fettle build 1"
/** So long hashing may keep the event loop to itself. */
const SLICE_MS = 20

/**
 * The hash of a build: the same contents, names, modes, links and arguments give the same 64 hex digits on any machine
 * and at any time; when files were written does not count.
 * @throws FettleError `DOCKERFILE_MISSING`, `DOCKER_IGNORE_INVALID`, `BUILD_CONTEXT_UNREADABLE`
 * @example if ((await contextHash({ context: "./app" })) === image.labels["fettle.build"]) return image
 */
export async function contextHash(inputs: BuildInputs, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
  const context = await openContext(inputs.context, inputs.dockerfile)
  const all = createHash("sha256")
  const { args, labels, target = "", platform = "" } = inputs
  const named = [pairs(args), pairs(labels), target, platform, context.dockerfile.inside ?? ""]
  all.update(`${JSON.stringify([FORM, ...named, hash("sha256", context.dockerfile.bytes)])}\n`)
  let sliceStarted = performance.now()
  for (const entry of contextEntries(context.folder, context.ignore.rules)) {
    signal?.throwIfAborted()
    const { path, kind, mode, linkTo = "" } = entry
    const contents = kind === "file" ? await contentsHash(context, entry) : ""
    // The mode of a link is no one's choice, and differs between systems.
    all.update(`${JSON.stringify([path, kind, kind === "link" ? 0 : mode, linkTo, contents])}\n`)
    if (performance.now() - sliceStarted < SLICE_MS) continue
    await setImmediate()
    sliceStarted = performance.now()
  }
  return all.digest("hex")
}

function pairs(record: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
}

const small = Buffer.allocUnsafeSlow(WHOLE_MAX_BYTES + 1)

async function contentsHash(context: BuildContext, entry: ContextEntry): Promise<string> {
  if (entry.sizeBytes <= WHOLE_MAX_BYTES) {
    readInto(small, 0, context.folder, entry)
    return hash("sha256", small.subarray(0, entry.sizeBytes))
  }
  const contents = createHash("sha256")
  for await (const piece of piecesOf(context.folder, entry)) contents.update(piece)
  return contents.digest("hex")
}
