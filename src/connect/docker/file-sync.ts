import type { ContextEntry } from "./context-walk.ts"
import { GRPC, type GrpcCall, GrpcRefusal } from "./grpc-server.ts"
import { protoFields, protoMessage } from "./protobuf.ts"

/** A folder as BuildKit may ask for it. */
export interface SyncedFolder {
  /** Parents before children, the names of a folder in the order of their bytes. */
  entries(): Iterable<ContextEntry>
  contentsOf(entry: ContextEntry): AsyncIterable<Buffer> | Iterable<Buffer>
}

const PACKET = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const
/** Packets leave together: a write each would be most of the work. */
const BATCH_BYTES = 65_536
/** What Go's FileMode says beside the permission bits. */
const GO_MODE = { file: 0, folder: 2 ** 31, link: 2 ** 27, fifo: 2 ** 25 } as const
const GO_BITS = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
] as const

/**
 * Sends a folder as BuildKit's file sync wants it: a list of all there is, then the contents of those files that the
 * Engine does not have from an earlier build. Nothing that did not change is sent again.
 * @returns the bytes that were sent
 */
export async function syncFolder(call: GrpcCall, folder: SyncedFolder): Promise<number> {
  const outbox = new Outbox(call)
  const files = new Map<number, ContextEntry>()
  try {
    await list(folder, outbox, files) // what is asked for meanwhile waits in the stream
    for await (const id of requestsOf(call)) {
      const entry = files.get(id)
      if (entry === undefined) throw new GrpcRefusal(GRPC.notFound, `there is no file ${id}`)
      files.delete(id)
      for await (const piece of folder.contentsOf(entry))
        await outbox.add([
          [1, PACKET.data],
          [3, id],
          [4, piece],
        ])
      await outbox.add([
        [1, PACKET.data],
        [3, id],
      ])
      outbox.flushSoon()
    }
    await outbox.add([[1, PACKET.end]])
    await outbox.flush()
  } catch (error) {
    if (!(error instanceof GrpcRefusal))
      await call
        .send([
          protoMessage([
            [1, PACKET.error],
            [4, "the build context cannot be read"],
          ]),
        ])
        .catch(() => {})
    throw error
  }
  return outbox.sentBytes
}

async function list(folder: SyncedFolder, outbox: Outbox, files: Map<number, ContextEntry>): Promise<void> {
  let id = 0
  for (const entry of folder.entries()) {
    if (entry.kind === "file") files.set(id, entry)
    id += 1
    await outbox.add([
      [1, PACKET.stat],
      [2, statOf(entry)],
    ])
  }
  await outbox.add([])
  await outbox.flush()
}

function statOf({ path, kind, mode, sizeBytes, mtimeMs, linkTo }: ContextEntry): Buffer {
  let goMode = GO_MODE[kind] + (mode & 0o777)
  for (const [bit, go] of GO_BITS) if ((mode & bit) !== 0) goMode += go
  // To the microsecond: what is more is noise of the conversion to milliseconds.
  const mtimeNs = BigInt(Math.floor(mtimeMs * 1_000)) * 1_000n
  return protoMessage([
    [1, path],
    [2, goMode],
    [5, sizeBytes],
    [6, mtimeNs],
    [7, linkTo],
  ])
}

/** The ids that are asked for, until the Engine says that it has all. */
async function* requestsOf(call: GrpcCall): AsyncGenerator<number> {
  for await (const message of call.messages) {
    let type = 0
    let id = 0
    for (const { field, value } of protoFields(message)) {
      if (field === 1) type = Number(value)
      else if (field === 3) id = Number(value)
    }
    if (type === PACKET.end) return
    if (type === PACKET.error) throw new GrpcRefusal(GRPC.unknown, "the Engine gave the sync up")
    if (type === PACKET.request) yield id
  }
  throw new GrpcRefusal(GRPC.unknown, "the Engine ended the sync")
}

class Outbox {
  readonly #call: GrpcCall
  #pending: Buffer[] = []
  #pendingBytes = 0
  #soon: NodeJS.Immediate | undefined
  sentBytes = 0

  constructor(call: GrpcCall) {
    this.#call = call
  }

  async add(packet: Parameters<typeof protoMessage>[0]): Promise<void> {
    const message = protoMessage(packet)
    this.#pending.push(message)
    this.#pendingBytes += message.length
    if (this.#pendingBytes >= BATCH_BYTES) await this.flush()
  }

  /** In a moment, when what is asked for at the same time is in it too. Where the caller is gone its stream says so. */
  flushSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined
      this.flush().catch(() => {})
    })
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return
    const messages = this.#pending
    this.sentBytes += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
    await this.#call.send(messages)
  }
}
