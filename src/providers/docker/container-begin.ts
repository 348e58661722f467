import { asFettleError, FettleError } from "../../errors.ts"
import type { ContainerOutputs, ContainerProps } from "./container-props.ts"
import { lookAt, outputsOf } from "./container-read.ts"
import { type Call, create, start } from "./container-steps.ts"
import { untilReady } from "./container-wait.ts"
import { LINE } from "./labels.ts"
import { listOurs } from "./versions.ts"

/** Makes a container, starts it where it is to run, and gives what came of it. */
export async function begin(want: ContainerProps, line: string, call: Call): Promise<ContainerOutputs> {
  const id = await create(want, line, call)
  try {
    if (want.running) {
      await start(id, call)
      await untilReady(id, want, call)
    }
    return await lookedAt(id, want, undefined, call)
  } catch (thrown) {
    throw isThere(thrown)
  }
}

/** An Engine that refuses to start a container has not acted in that call; the container is there all the same, and is ours. */
function isThere(thrown: unknown): FettleError {
  const error = asFettleError(thrown, "DOCKER_FAILED")
  const { code, fact, next, details } = error
  return new FettleError(code, fact, { next, cause: error, details: { ...details, notMade: false } })
}

export async function lookedAt(
  id: string,
  want: ContainerProps,
  before: ContainerOutputs | undefined,
  { connection, signal }: Call,
): Promise<ContainerOutputs> {
  const container = await lookAt(id, connection, signal)
  if (container === undefined) throw new FettleError("DOCKER_FAILED", `${want.name} is gone again`)
  const ours = await listOurs(connection, signal, container.labels[LINE])
  return outputsOf(container, before, ours)
}
