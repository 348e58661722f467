import { Trail } from "../audit/trail.ts"
import { asFettleError } from "../errors.ts"
import { EXIT, type RunContext } from "./context.ts"
import { homeOf } from "./home.ts"
import { accountIn } from "./recorded.ts"
import { newKey } from "./running.ts"

/** So many words of a command are recorded. */
const WORDS_MAX = 50

/**
 * Does something on hosts of a program by hand, between its first and its last entry in the record. What cannot be recorded is not done.
 * @param argv what is run there
 */
export async function visiting<T>(
  context: RunContext,
  argv: readonly string[],
  hosts: readonly { readonly name: string }[],
  work: () => Promise<T>,
  countsOf: (result: T) => Readonly<Record<string, number>>,
): Promise<T> {
  const home = await homeOf(context.setup)
  const key = context.snapshot.keyId === undefined && !home.isShared ? newKey(context.setup) : context.engine.key
  const trail = new Trail({ ...accountIn(context, home), key })
  context.hears = (name) => trail.secretOpened(name)
  let end: { outcome: string; exitCode: number; counts?: Readonly<Record<string, number>>; error?: string } = {
    outcome: "failed",
    exitCode: EXIT.error,
  }
  const shown = argv.length > WORDS_MAX ? [...argv.slice(0, WORDS_MAX), `… (${argv.length} words)`] : argv
  try {
    await trail.note(
      { type: "run.started" },
      { type: "exec.started", argv: shown, hosts: hosts.map(({ name }) => name) },
    )
    await trail.accepted()
    const result = await work()
    end = { outcome: "done", exitCode: EXIT.done, counts: countsOf(result) }
    return result
  } catch (thrown) {
    end = { ...end, error: asFettleError(thrown, "INTERNAL").code }
    throw thrown
  } finally {
    await trail.end({ type: "run.ended", ...end })
  }
}
