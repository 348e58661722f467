import { FettleError } from "../../errors.ts"
import { exactInteger } from "../http-text.ts"

/** Longest line: the Engine's own have some kilobytes. What is longer is not one. */
const LINE_MAX_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/**
 * Reads a stream of JSON values, one a line, as builds, pulls, pushes and events come. Time is linear in its bytes.
 * @param exact gives integers that a number would round as texts
 * @throws FettleError `DOCKER_PROTOCOL` for a line that is too long or not JSON, and what the stream ends with
 */
export async function* jsonLines(
  body: AsyncIterable<Uint8Array>,
  { exact = false }: { readonly exact?: boolean } = {},
): AsyncGenerator<unknown, void, undefined> {
  let begun: Buffer[] = []
  let begunBytes = 0
  for await (const bytes of body) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const line = chunk.subarray(from, at)
      from = at + 1
      yield* valuesOf(begun.length === 0 ? line : Buffer.concat([...begun, line]), exact)
      begun = []
      begunBytes = 0
    }
    begunBytes += chunk.length - from
    if (begunBytes > LINE_MAX_BYTES)
      throw new FettleError("DOCKER_PROTOCOL", `a line of the answer is longer than ${LINE_MAX_BYTES} bytes`)
    if (from < chunk.length) begun.push(chunk.subarray(from))
  }
  yield* valuesOf(Buffer.concat(begun), exact)
}

function* valuesOf(line: Buffer, exact: boolean): Generator<unknown, void, undefined> {
  const text = line.toString("utf8").trim()
  if (text === "") return
  if (line.length > LINE_MAX_BYTES)
    throw new FettleError("DOCKER_PROTOCOL", `a line of the answer is longer than ${LINE_MAX_BYTES} bytes`)
  let value: unknown
  try {
    value = exact ? JSON.parse(text, exactInteger) : JSON.parse(text)
  } catch {
    throw new FettleError("DOCKER_PROTOCOL", `a line of the answer is not JSON (${line.length} bytes)`)
  }
  yield value
}
