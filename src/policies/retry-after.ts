// Reads what a far side says about coming back, from whatever the user's client throws or returns: a fetch Response, an
// error with a response inside, an error with plain headers. Nothing here trusts the shape it is given.

// Errors wrap errors; a chain longer than this is a loop or a mistake.
const MAX_CAUSES = 8

/** The wait that a server asked for, in ms from now, found on an error (its causes too) or a response; else undefined. */
export function retryAfterMs(answer: unknown): number | undefined {
  return firstOf(answer, (part) => {
    if (isWait(part.retryAfterMs)) return part.retryAfterMs
    const header = (name: string): string | undefined => headerOf(part.headers, name)
    return waitMs(header("retry-after-ms"), 1) ?? waitMs(header("retry-after"), 1_000) ?? untilDateMs(header)
  })
}

/** The HTTP status that an error (its causes too) or a response carries, if any. */
export function httpStatus(answer: unknown): number | undefined {
  return firstOf(answer, ({ status, statusCode }) => {
    if (isStatus(status)) return status
    return isStatus(statusCode) ? statusCode : undefined
  })
}

/** Whether a returned value is an answer that says no: it looks like a fetch Response, with a status of 400 or more. */
export function isRefusal(value: unknown): boolean {
  return isObject(value) && isStatus(value.status) && value.status >= 400 && isObject(value.headers)
}

/** Frees the connection of an answer that nobody will read. */
export async function discard(answer: unknown): Promise<void> {
  const body = isObject(answer) ? answer.body : undefined
  if (!isObject(body) || typeof body.cancel !== "function" || body.locked === true) return
  try {
    await body.cancel()
  } catch {
    // The connection is already gone, which is what was wanted.
  }
}

/** The first answer along an error, its `response` or `details`, and its causes. */
function firstOf<T>(answer: unknown, find: (part: Record<string, unknown>) => T | undefined): T | undefined {
  let part = answer
  for (let depth = 0; depth < MAX_CAUSES && isObject(part); depth += 1) {
    for (const place of [part, part.response, part.details]) {
      const found = isObject(place) ? find(place) : undefined
      if (found !== undefined) return found
    }
    part = part.cause
  }
  return undefined
}

function headerOf(headers: unknown, name: string): string | undefined {
  if (!isObject(headers)) return undefined
  const value = typeof headers.get === "function" ? headers.get(name) : plainHeader(headers, name)
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === "string" || typeof first === "number" ? String(first).trim() : undefined
}

function plainHeader(headers: Record<string, unknown>, name: string): unknown {
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name)
  return key === undefined ? undefined : headers[key]
}

function waitMs(text: string | undefined, unitMs: number): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Math.ceil(Number(text) * unitMs) : undefined
}

/** An HTTP date counts from the server's own clock where it sends one, so that a wrong clock here does no harm. */
function untilDateMs(header: (name: string) => string | undefined): number | undefined {
  const untilMs = Date.parse(header("retry-after") ?? "")
  if (Number.isNaN(untilMs)) return undefined
  const serverNowMs = Date.parse(header("date") ?? "")
  return Math.max(0, untilMs - (Number.isNaN(serverNowMs) ? Date.now() : serverNowMs))
}

function isWait(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0
}

function isStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 100 && value <= 599
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}
