import { logs } from "../../connect/docker/logs.ts"
import type { Call } from "./container-steps.ts"

/** Lines of a log that an error shows. */
const LINES = 10
/** Of those, so many characters. */
const CHARACTERS = 2_000

/** The end of what a container has said, with secrets hidden. */
export async function logTail(id: string, { connection, signal, hide }: Call): Promise<string> {
  let text = ""
  for await (const entry of logs(connection, [id], { tail: LINES, signal })) text += `${entry.text}\n`
  const hidden = hide === undefined ? connection.hide(text) : hide(text)
  return hidden.trimEnd().slice(-CHARACTERS)
}
