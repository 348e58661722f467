import { statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename, relative, resolve, sep } from "node:path"
import { setImmediate } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import { TAR_BLOCK, type TarMember, tarHeader, tarHeaderBytes, tarPadded, writeTarHeader } from "../tar-header.ts"
import { piecesOf, readInto, WHOLE_MAX_BYTES } from "./context-file.ts"
import { type ContextEntry, contextEntries, unreadable } from "./context-walk.ts"
import { type IgnoreFile, ignoreFile } from "./ignore-file.ts"

/** A folder that is built from, its Dockerfile, and what it leaves out. */
export interface BuildContext {
  readonly folder: string
  readonly dockerfile: {
    readonly path: string
    /** Below the context, with slashes; undefined where it lies elsewhere. */
    readonly inside: string | undefined
    readonly bytes: Buffer
  }
  readonly ignore: IgnoreFile
}

/**
 * Opens a context: its Dockerfile and its ignore file are read, nothing else.
 * @param dockerfile from the context, or absolute; default `Dockerfile`
 * @throws FettleError `DOCKERFILE_MISSING`, `DOCKER_IGNORE_INVALID`, `BUILD_CONTEXT_UNREADABLE`
 */
export async function openContext(context: string, dockerfile?: string): Promise<BuildContext> {
  const folder = resolve(context)
  try {
    if (!statSync(folder).isDirectory()) throw new Error("it is not a folder")
  } catch (error) {
    throw unreadable(folder, error)
  }
  const found = await dockerfileOf(folder, dockerfile)
  const inside = relative(folder, found.path)
  const below = inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`)
  return {
    folder,
    dockerfile: { ...found, inside: below ? inside.split(sep).join("/") : undefined },
    ignore: await ignoreFile(folder, found.path),
  }
}

/** As Docker: a Dockerfile that nobody named may be written small. */
async function dockerfileOf(folder: string, named: string | undefined): Promise<{ path: string; bytes: Buffer }> {
  for (const name of named === undefined ? ["Dockerfile", "dockerfile"] : [named]) {
    const path = resolve(folder, name)
    try {
      return { path, bytes: await readFile(path) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(path, error)
    }
  }
  const path = resolve(folder, named ?? "Dockerfile")
  throw new FettleError("DOCKERFILE_MISSING", `there is no ${basename(path)} at ${path}`)
}

/** A file of a tar stream that is not on the disk, or is sent with other contents. */
export interface MadeFile {
  readonly path: string
  readonly bytes: Buffer
}

/** Small files leave together: one write each would be most of the work. */
const CHUNK_BYTES = 262_144
/** So long the walk may keep the event loop to itself. */
const SLICE_MS = 20

/**
 * The tar stream of a context, no faster than it is taken: what its ignore file leaves out is not in it.
 * @throws FettleError `BUILD_CONTEXT_UNREADABLE`; the stream then has no end, so no one takes it for whole
 */
export async function* contextTar(
  context: BuildContext,
  { made = [], signal }: { readonly made?: readonly MadeFile[]; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Buffer> {
  const replaced = new Set(made.map(({ path }) => path))
  const chunk = new Chunk()
  let sliceStarted = performance.now()
  for (const entry of contextEntries(context.folder, context.ignore.rules)) {
    signal?.throwIfAborted()
    if (replaced.has(entry.path)) continue
    const member = memberOf(entry)
    const headerBytes = tarHeaderBytes(member)
    if (!chunk.fits(headerBytes + tarPadded(entry.sizeBytes))) yield* chunk.taken()
    chunk.begin(member, headerBytes)
    if (entry.sizeBytes > WHOLE_MAX_BYTES) {
      yield* chunk.taken()
      yield* piecesOf(context.folder, entry)
      chunk.pad(tarPadded(entry.sizeBytes) - entry.sizeBytes)
    } else if (entry.kind === "file") chunk.fill(context.folder, entry)
    if (performance.now() - sliceStarted > SLICE_MS) {
      await setImmediate()
      sliceStarted = performance.now()
    }
  }
  yield* chunk.taken()
  for (const { path, bytes } of made) {
    const padding = Buffer.alloc(tarPadded(bytes.length) - bytes.length)
    yield Buffer.concat([tarHeader({ path, mode: 0o644, sizeBytes: bytes.length }), bytes, padding])
  }
  yield Buffer.alloc(2 * TAR_BLOCK)
}

function memberOf({ path, kind, mode, sizeBytes, mtimeMs, linkTo }: ContextEntry): TarMember {
  const name = kind === "folder" ? `${path}/` : path
  const mtimeS = Math.floor(mtimeMs / 1_000)
  const member = { path: name, kind, mode, sizeBytes, mtimeS }
  return linkTo === undefined ? member : { ...member, linkTo }
}

/** What is collected until it is worth sending. */
class Chunk {
  #bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #used = 0

  /** One byte more than a file has is read, to see that it did not grow. */
  fits(bytes: number): boolean {
    return this.#used + bytes < this.#bytes.length
  }

  begin(member: TarMember, headerBytes: number): void {
    this.#room(headerBytes)
    this.#used = writeTarHeader(this.#bytes, this.#used, member)
  }

  fill(folder: string, entry: ContextEntry): void {
    this.#room(tarPadded(entry.sizeBytes) + 1)
    readInto(this.#bytes, this.#used, folder, entry)
    this.#used += entry.sizeBytes
    this.pad(tarPadded(entry.sizeBytes) - entry.sizeBytes)
  }

  pad(bytes: number): void {
    this.#bytes.fill(0, this.#used, this.#used + bytes)
    this.#used += bytes
  }

  /** What was collected; it belongs to who takes it. */
  *taken(): Generator<Buffer> {
    if (this.#used === 0) return
    const taken = this.#bytes.subarray(0, this.#used)
    this.#bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.#used = 0
    yield taken
  }

  /** A header with long names, or a file that nearly fills a chunk, may need a larger one. */
  #room(bytes: number): void {
    if (this.#used + bytes < this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(this.#used + bytes + TAR_BLOCK)
    this.#bytes.copy(larger, 0, 0, this.#used)
    this.#bytes = larger
  }
}
