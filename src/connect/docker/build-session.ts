import { createHash, hash, randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { basename } from "node:path"
import type { BuildContext } from "./build-context.ts"
import type { BuildSecrets } from "./build-log.ts"
import { piecesOf } from "./context-file.ts"
import { type ContextEntry, contextEntries } from "./context-walk.ts"
import type { EngineClient } from "./engine-client.ts"
import { type SyncedFolder, syncFolder } from "./file-sync.ts"
import { followedPaths } from "./followed-paths.ts"
import { GRPC, type GrpcCall, type GrpcMethod, GrpcRefusal, serveGrpc } from "./grpc-server.ts"
import { protoFields, protoMessage } from "./protobuf.ts"

/** The other direction of a build: what BuildKit asks us for while it builds. */
export interface BuildSession {
  readonly id: string
  /** Bytes of lists and contents that were sent so far. */
  sentBytes(): number
  /** Why the context could not be sent, where it could not. */
  failure(): unknown
  close(): void
}

interface Served {
  readonly client: EngineClient
  readonly context: BuildContext
  readonly secrets: BuildSecrets
  readonly signal: AbortSignal
  sentBytes: number
  failure: unknown
}

/**
 * Opens a session: over one connection of its own BuildKit asks for files, for the credentials of registries and for
 * secrets, each when a step needs it.
 * @throws FettleError as `upgrade` of the client does; status 404 where the Engine has no sessions
 */
export async function openSession(parts: Omit<Served, "sentBytes" | "failure">): Promise<BuildSession> {
  const served: Served = { ...parts, sentBytes: 0, failure: undefined }
  const id = randomBytes(16).toString("hex")
  const methods = methodsOf(served)
  const headers = {
    "x-docker-expose-session-uuid": id,
    "x-docker-expose-session-name": "fettle",
    // The same folder of the same machine finds what it sent before: the Engine keeps it under this key.
    "x-docker-expose-session-sharedkey": hash("sha256", `fettle:${hostname()}:${parts.context.folder}`),
    "x-docker-expose-session-grpc-method": [...methods.keys()],
  }
  const socket = await parts.client.upgrade("POST", "/session", "h2c", { headers, signal: parts.signal })
  const server = serveGrpc(socket, methods)
  return { id, sentBytes: () => served.sentBytes, failure: () => served.failure, close: server.close }
}

function methodsOf(served: Served): ReadonlyMap<string, GrpcMethod> {
  return new Map<string, GrpcMethod>([
    ["/grpc.health.v1.Health/Check", (call) => unary(call, () => protoMessage([[1, SERVING]]))],
    ["/moby.filesync.v1.FileSync/DiffCopy", (call) => sync(call, served)],
    ["/moby.filesync.v1.Auth/Credentials", (call) => unary(call, (request) => credentials(request, served.client))],
    ["/moby.buildkit.secrets.v1.Secrets/GetSecret", (call) => unary(call, (request) => secret(request, served))],
  ])
}

const SERVING = 1

async function unary(call: GrpcCall, answer: (request: Buffer) => Buffer | Promise<Buffer>): Promise<void> {
  for await (const request of call.messages) {
    await call.send([await answer(request)])
    return
  }
}

/** The first field of a request is what it is about. */
function subjectOf(request: Buffer): string {
  for (const { field, value } of protoFields(request))
    if (field === 1 && value instanceof Buffer) return value.toString("utf8")
  return ""
}

async function credentials(request: Buffer, { logins }: EngineClient): Promise<Buffer> {
  const login = await logins.loginTo(subjectOf(request))
  if (login === undefined) return Buffer.alloc(0)
  // A token has no user: so the docker command tells it, too.
  if ("identityToken" in login) return protoMessage([[2, login.identityToken]])
  return protoMessage([
    [1, login.username],
    [2, login.password],
  ])
}

function secret(request: Buffer, { secrets }: Served): Buffer {
  const id = subjectOf(request)
  const value = Object.hasOwn(secrets, id) ? secrets[id] : undefined
  if (value === undefined) throw new GrpcRefusal(GRPC.notFound, `there is no secret ${id}`)
  return protoMessage([[1, value]])
}

async function sync(call: GrpcCall, served: Served): Promise<void> {
  const [name = ""] = call.metadata("dir-name")
  const follow = call.metadata("followpaths")
  const folder = folderOf(name, follow, served)
  if (folder === undefined) throw new GrpcRefusal(GRPC.notFound, `there is no folder ${name} in this build`)
  try {
    served.sentBytes += await syncFolder(call, folder)
  } catch (error) {
    if (!(error instanceof GrpcRefusal)) served.failure ??= error
    throw error
  }
}

function folderOf(name: string, follow: readonly string[], { context, signal }: Served): SyncedFolder | undefined {
  if (name === "dockerfile") return dockerfileFolder(context)
  if (name !== "context") return undefined
  // Our own rules have been applied already: the Engine has no need to read the ignore file.
  if (follow.length === 1 && follow[0] === ".dockerignore") return { entries: () => [], contentsOf: () => [] }
  return {
    entries: function* () {
      const asked = followedPaths(context.folder, follow)
      for (const entry of contextEntries(context.folder, context.ignore.rules, asked)) {
        signal.throwIfAborted()
        yield entry
      }
    },
    contentsOf: (entry) => piecesOf(context.folder, entry),
  }
}

/** What was read when the context was opened: it may lie anywhere, and be one that the ignore file leaves out. */
function dockerfileFolder({ dockerfile: { path, bytes } }: BuildContext): SyncedFolder {
  // The Engine takes a file of the same size and time for the same; so the time is one that goes with the contents.
  const mtimeMs = createHash("sha256").update(bytes).digest().readUIntBE(0, 5)
  const entry: ContextEntry = { path: basename(path), kind: "file", mode: 0o644, sizeBytes: bytes.length, mtimeMs }
  return { entries: () => [entry], contentsOf: () => (bytes.length > 0 ? [bytes] : []) }
}
