import type { BuildLog } from "./build-log.ts"
import { type ProtoField, protoFields } from "./protobuf.ts"

/** What BuildKit tells of one step. */
interface Vertex {
  readonly digest: string
  readonly name: string
  readonly cached: boolean
  readonly started: boolean
  readonly completed: boolean
  readonly error: string
}

/**
 * Reads one `moby.buildkit.trace`, a StatusResponse of BuildKit's control API, into the log.
 * @throws FettleError `DOCKER_PROTOCOL`
 */
export function readTrace(trace: Uint8Array, log: BuildLog): void {
  for (const { field, value } of protoFields(trace)) {
    if (!(value instanceof Buffer)) continue
    if (field === 1) tellVertex(vertexOf(value), log)
    else if (field === 3) tellOutput(value, log)
  }
}

function tellVertex({ digest, name, cached, started, completed, error }: Vertex, log: BuildLog): void {
  // A step that is given up because another one failed is no failure of its own.
  const isFailed = error !== "" && !/context canceled$/.test(error)
  if (isFailed) log.step(digest, name, "failed")
  else if (cached) log.step(digest, name, "cached")
  else if (completed) log.step(digest, name, "done")
  else log.step(digest, name, started ? "started" : "known")
}

function vertexOf(message: Buffer): Vertex {
  const fields = byNumber(message)
  return {
    digest: text(fields.get(1)),
    name: text(fields.get(3)),
    cached: fields.get(4)?.value === 1n,
    started: fields.has(5),
    completed: fields.has(6),
    error: text(fields.get(7)),
  }
}

function tellOutput(message: Buffer, log: BuildLog): void {
  const fields = byNumber(message)
  const written = fields.get(4)?.value
  if (!(written instanceof Buffer)) return
  log.output(text(fields.get(1)), written, fields.get(3)?.value === 2n ? "stderr" : "stdout")
}

function byNumber(message: Buffer): Map<number, ProtoField> {
  return new Map([...protoFields(message)].map((each) => [each.field, each]))
}

function text(field: ProtoField | undefined): string {
  return field?.value instanceof Buffer ? field.value.toString("utf8") : ""
}
