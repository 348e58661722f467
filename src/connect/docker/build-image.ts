import { basename } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import { type BuildContext, openContext } from "./build-context.ts"
import { buildFailure, failureAt } from "./build-failure.ts"
import { type BuildEvent, BuildLog, type BuildSecrets } from "./build-log.ts"
import { openSession } from "./build-session.ts"
import { readTrace } from "./build-trace.ts"
import type { BuildInputs } from "./context-hash.ts"
import type { EngineCall, EngineClient } from "./engine-client.ts"
import { jsonLines } from "./json-lines.ts"
import { OldBuildReader, oldBuildUpload } from "./old-builder.ts"

export interface ImageBuild extends BuildInputs {
  /**
   * What `RUN --mount=type=secret,id=NAME` reads; in no layer, argument or log. BuildKit alone has them.
   */
  readonly secrets?: BuildSecrets | undefined
  /** Names that lead to the image once it is made; none of them moves where the build fails. */
  readonly tags?: readonly string[] | undefined
  /** Default: BuildKit where the Engine has it. */
  readonly builder?: "buildkit" | "old" | undefined
  /** Do every step again. Default false. */
  readonly noCache?: boolean | undefined
  /** Ask the registry for the base image, also where it is there. Default false. */
  readonly pull?: boolean | undefined
  /** The network of RUN steps: "default", "none" or "host". */
  readonly network?: string | undefined
}

export interface BuiltImage {
  /** "sha256:…", as an inspect of it says too. */
  readonly imageId: string
  readonly builder: "buildkit" | "old"
  /** Bytes of the context that were sent. */
  readonly sentBytes: number
}

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined
  /** Told as it comes; no secret of the build is in it. */
  readonly progress?: ((event: BuildEvent) => void) | undefined
}

/**
 * Builds an image, and resolves only when it is there.
 * @throws FettleError `BUILD_STEP_FAILED`, `DOCKERFILE_MISSING`, `DOCKERFILE_INVALID`, `BUILD_SOURCE_MISSING`,
 * `BASE_IMAGE_UNAVAILABLE`, `BUILD_CONTEXT_UNREADABLE`, `DOCKER_IGNORE_INVALID`, `BUILD_NO_SPACE`, `BUILD_CUT_OFF`,
 * `BUILD_FAILED`, `CANCELLED`, `TIMEOUT`; details hold the `step` and the `tail` of what it wrote
 * @example const { imageId } = await buildImage(engine, { context: "./app", tags: ["shop/web:1"] }, { signal })
 */
export async function buildImage(
  client: EngineClient,
  build: ImageBuild,
  options: BuildOptions = {},
): Promise<BuiltImage> {
  const signal = options.signal ?? new AbortController().signal
  const hide = (text: string): string => client.hide(text)
  const log = new BuildLog({ secrets: build.secrets ?? {}, hide, tell: options.progress })
  try {
    signal.throwIfAborted()
    const context = await openContext(build.context, build.dockerfile)
    const job = { client, build, context, log, signal }
    const built = isBuildKit(client, build) ? await withBuildKit(job) : await withOldBuilder(job)
    await checkBuilt(client, built.imageId, signal)
    for (const tag of build.tags ?? []) await tagImage(client, built.imageId, tag, signal)
    return built
  } catch (error) {
    throw told(error, log, signal)
  }
}

interface Job {
  readonly client: EngineClient
  readonly build: ImageBuild
  readonly context: BuildContext
  readonly log: BuildLog
  readonly signal: AbortSignal
}

/** An Engine that says "1" was told to; all others since 18.09 have BuildKit, on Linux. */
function isBuildKit({ engine }: EngineClient, { builder, secrets = {} }: ImageBuild): boolean {
  const has = engine.os === "linux" && engine.builder !== "1"
  const isChosen = builder === undefined ? has : builder === "buildkit"
  if (!isChosen && Object.keys(secrets).length > 0)
    throw new FettleError("DOCKER_UNSUPPORTED", "the old builder of the Engine has no build secrets", {
      next: "build with BuildKit, or without secrets",
      details: { notMade: true },
    })
  return isChosen
}

async function withBuildKit(job: Job): Promise<BuiltImage> {
  const { client, build, context, log, signal } = job
  const { secrets = {} } = build
  const session = await openSession({ client, context, secrets, signal })
  try {
    const query = { ...queryOf(build), version: 2, session: session.id, remote: "client-session" }
    const dockerfile = basename(context.dockerfile.path)
    const imageId = await answered(job, { query: { ...query, dockerfile } }, (line) => {
      if (line.id === "moby.buildkit.trace" && typeof line.aux === "string")
        readTrace(Buffer.from(line.aux, "base64"), log)
      return line.id === "moby.image.id" ? idOf(line.aux) : undefined
    })
    return { imageId, builder: "buildkit", sentBytes: session.sentBytes() }
  } catch (error) {
    throw signal.aborted ? error : (session.failure() ?? error)
  } finally {
    session.close()
  }
}

async function withOldBuilder(job: Job): Promise<BuiltImage> {
  const { client, build, context, log, signal } = job
  const upload = oldBuildUpload(context, signal)
  const source = new Counted(upload.bytes)
  const reader = new OldBuildReader(log)
  const registries = await client.logins.buildHeader()
  try {
    // Its containers are removed also where a step fails.
    const query = { ...queryOf(build), dockerfile: upload.dockerfile, rm: 1, forcerm: 1 }
    const call: EngineCall = {
      query,
      upload: { bytes: source, type: "application/x-tar" },
      headers: registries === undefined ? {} : { "x-registry-config": registries },
    }
    const read = (line: Line): string | undefined => {
      if (typeof line.stream === "string") reader.read(line.stream)
      return idOf(line.aux)
    }
    const imageId = await answered(job, call, read, () => reader.end("failed"))
    reader.end("done")
    return { imageId, builder: "old", sentBytes: source.sentBytes }
  } catch (error) {
    throw signal.aborted ? error : (source.failure ?? error)
  }
}

/** One line of a build's answer. */
type Line = Readonly<Record<string, unknown>>

/** Makes the call and reads its answer to the end; the last id that is told is the image's. */
async function answered(
  { client, log, signal }: Job,
  call: EngineCall,
  read: (line: Line) => string | undefined,
  failed?: () => void,
): Promise<string> {
  let imageId: string | undefined
  const { body } = await client
    .stream("POST", "/build", { ...call, timeoutMs: 0, signal })
    .catch((error: unknown) => Promise.reject(refused(error, log)))
  try {
    for await (const each of jsonLines(body)) {
      const line = Object(each) as Line
      if (typeof line.error === "string") {
        failed?.()
        throw buildFailure(line.error, log)
      }
      imageId = read(line) ?? imageId
    }
  } catch (error) {
    if (error instanceof FettleError || signal.aborted) throw error
    throw failureAt("BUILD_CUT_OFF", `the answer broke off: ${causeText(error)}`, log, error)
  } finally {
    body.destroy()
  }
  if (imageId === undefined) throw failureAt("BUILD_CUT_OFF", "the answer ended without an image", log)
  return imageId
}

/** What is wrong with a Dockerfile the old builder tells with a status. */
function refused(error: unknown, log: BuildLog): unknown {
  if (!(error instanceof FettleError) || typeof error.details?.status !== "number") return error
  const found = buildFailure(error.fact, log, error)
  return found.code === "BUILD_FAILED" ? error : found
}

function queryOf({ args, labels, target, platform, noCache, pull, network }: ImageBuild) {
  return {
    buildargs: args ?? {},
    labels: labels ?? {},
    target,
    platform,
    nocache: noCache === true ? 1 : undefined,
    pull: pull === true ? 1 : undefined,
    networkmode: network,
  }
}

function idOf(aux: unknown): string | undefined {
  const { ID } = Object(aux) as Line
  return typeof ID === "string" && /^sha256:[0-9a-f]{64}$/.test(ID) ? ID : undefined
}

/** Believed when an inspect says so, not before. */
async function checkBuilt(client: EngineClient, imageId: string, signal: AbortSignal): Promise<void> {
  const { json } = await client.json("GET", `/images/${imageId}/json`, { signal })
  const { Id } = Object(json) as Line
  if (Id !== imageId)
    throw new FettleError("DOCKER_PROTOCOL", `the build told of ${imageId}, and the Engine has ${String(Id)}`)
}

async function tagImage(client: EngineClient, imageId: string, tag: string, signal: AbortSignal): Promise<void> {
  const colon = tag.lastIndexOf(":")
  const named = colon > tag.lastIndexOf("/")
  const query = { repo: named ? tag.slice(0, colon) : tag, tag: named ? tag.slice(colon + 1) : "latest" }
  await client.json("POST", `/images/${imageId}/tag`, { query, repeatable: true, signal })
}

/** Whatever ended a build, as an error that says where it was. */
function told(error: unknown, log: BuildLog, signal: AbortSignal): unknown {
  if (error instanceof FettleError && error.details !== undefined && "tail" in error.details) return error
  const { step, tail } = log.place()
  if (error instanceof FettleError) {
    const { code, fact, next, details, cause } = error
    const isLost = code === "DOCKER_FAILED" && details?.status === undefined
    const said = signal.aborted && step !== undefined ? `${fact}, in ${step}` : fact
    return new FettleError(isLost ? "BUILD_CUT_OFF" : code, said, {
      cause: cause ?? error,
      details: { ...details, step, tail, ...(BEFORE.has(code) && { notMade: true }) },
      ...(!isLost && { next }),
    })
  }
  if (!signal.aborted) return error
  const words = step === undefined ? "the build was cancelled" : `the build was cancelled in ${step}`
  return new FettleError("CANCELLED", words, { cause: error, details: { step, tail, notMade: false } })
}

/** What is wrong on this side: the Engine never had a whole context to build from. */
const BEFORE: ReadonlySet<string> = new Set(["BUILD_CONTEXT_UNREADABLE", "DOCKERFILE_MISSING", "DOCKER_IGNORE_INVALID"])

/** Counts what passes, and keeps why it stopped. */
class Counted implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>
  sentBytes = 0
  failure: unknown

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const bytes of this.#source) {
        this.sentBytes += bytes.length
        yield bytes
      }
    } catch (error) {
      this.failure = error
      throw error
    }
  }
}
