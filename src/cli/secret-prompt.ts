import { FettleError } from "../errors.ts"
import type { SecretAccess } from "../secrets/box.ts"
import { ask } from "./ask.ts"

/** What asking needs of the run around it. */
interface Around {
  /** Draws nothing until the function it gives is called. */
  readonly pause: () => () => void
  readonly stopping: AbortSignal
}

/**
 * Asks for secrets on the terminal, one after the other, with nothing drawn over the question and what is typed not shown.
 * @throws FettleError `CANCELLED` where the run was stopped meanwhile
 */
export function secretPrompt({ pause, stopping }: Around): NonNullable<SecretAccess["ask"]> {
  let before: Promise<unknown> = Promise.resolve()
  const askNow = async (question: string): Promise<string> => {
    const resume = pause()
    try {
      const answer = await ask(/\s$/.test(question) ? question : `${question} `, stopping, { hidden: true })
      if (stopping.aborted) throw new FettleError("CANCELLED", "the run was stopped while a secret was asked for")
      return answer
    } finally {
      resume()
    }
  }
  return (question) => {
    const asked = before.then(() => askNow(question))
    before = asked.catch(() => {})
    return asked
  }
}
