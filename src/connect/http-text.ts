import { causeText, FettleError } from "../errors.ts"

/** A page of a list has some hundred kilobytes; an answer above this is not one. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024
/** Integers from here on may not fit a number exactly. */
const LONG_INTEGER = /\d{16}/
/** As much of an answer as shows what it is instead of JSON. */
const HEAD_CHARACTERS = 120

/** The body of a response as text. @throws FettleError `HTTP_FAILED` above 64 MiB, with `cut: true` where it ends too soon */
export async function textOf(response: Response, name: string): Promise<string> {
  if (response.body === null) return ""
  const decoder = new TextDecoder()
  let text = ""
  let sizeBytes = 0
  for await (const chunk of chunksOf(response.body, name)) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > ANSWER_MAX_BYTES)
      throw new FettleError("HTTP_FAILED", `${name}: the answer is larger than ${ANSWER_MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

async function* chunksOf(body: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (thrown) {
    throw new FettleError("HTTP_FAILED", `${name}: the answer was cut off: ${causeText(thrown)}`, {
      cause: thrown,
      details: { cut: true },
    })
  }
}

/**
 * JSON text as a value; undefined for no text.
 * @param hide for the head that an error shows
 * @throws FettleError `HTTP_FAILED`
 */
export function jsonOf(text: string, name: string, hide: (text: string) => string): unknown {
  if (text.trim() === "") return undefined
  try {
    return LONG_INTEGER.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text)
  } catch (thrown) {
    const head = JSON.stringify(hide(text).slice(0, HEAD_CHARACTERS))
    // Not the parser's own words, and not as the cause: they quote the text, cut in the middle of whatever stands there.
    const at = /at position (\d+)/.exec(causeText(thrown))?.[1]
    const where = at === undefined ? "" : ` from character ${Number(at) + 1} on`
    throw new FettleError("HTTP_FAILED", `${name}: the answer is not JSON${where}: ${head}`)
  }
}

/** An integer that a number would round stays as it was written: it may be an id. */
export function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
  return isRounded && context?.source !== undefined && /^-?\d+$/.test(context.source) ? context.source : value
}
