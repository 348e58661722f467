import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Write } from "../../provider.ts"
import type { There } from "./found.ts"
import { markIn, ownerWords } from "./labels.ts"

/** Where the Engine says that a name is taken. */
const CONFLICT = 409

/**
 * Makes a thing under a name that the Engine gives once, and tells whether it was made where no answer came or the name is taken.
 * @param make the call; gives the id
 * @param holder what has the name now
 * @returns the id
 * @throws FettleError `FOREIGN` where somebody else has the name, or what `make` threw
 */
export async function createNamed(
  noun: string,
  name: string,
  call: Write<EngineClient>,
  make: () => Promise<string>,
  holder: () => Promise<There | undefined>,
): Promise<string> {
  try {
    return await make()
  } catch (thrown) {
    const error = asFettleError(thrown, "DOCKER_FAILED")
    const isTaken = error.details?.status === CONFLICT
    if (call.signal.aborted || (error.details?.notMade === true && !isTaken)) throw error
    const there = await holder().catch(() => undefined) // the error that matters is the create's
    if (there !== undefined && markIn(there.labels).mark === call.intent.token) {
      call.log(`the answer of the create was lost; ${name} shows that it was made`)
      return there.id
    }
    throw isTaken && there !== undefined ? taken(noun, there) : error
  }
}

export function taken(noun: string, { name, labels }: There): FettleError {
  return new FettleError("FOREIGN", `the name ${name} has another ${noun}, ${ownerWords(labels)}`, {
    next: "plan again: what an earlier run made is taken over; what somebody else made is refused until it is adopted",
    details: { notMade: true },
  })
}
