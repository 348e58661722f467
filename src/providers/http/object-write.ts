import type { HttpAnswer, HttpClient } from "../../connect/http-client.ts"
import { asFettleError, causeText, FettleError } from "../../errors.ts"
import type { Change, Last, Seen, Write } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { readList } from "./list.ts"
import {
  chosenId,
  deleteOf,
  isUpsert,
  markOf,
  type ObjectOutputs,
  type ObjectProps,
  readPath,
  updateOf,
} from "./object-props.ts"
import { picked } from "./object-seen.ts"
import { at, fill, idText, isRecord, withAt } from "./path.ts"
import { pause } from "./pause.ts"

/** Looks for outputs that the answer of a create does not show yet: a far side may need a moment. */
const LOOKS = 4
const LOOK_PAUSE_MS = 200
/** Of an answer without an id, so many characters. */
const ANSWER_SHOWN = 200
/** How long a delete that was only accepted may take. */
const GONE_WITHIN_MS = 300_000
const GONE_PAUSE_MS = 250
const GONE_PAUSE_MAX_MS = 5_000

type Call = Write<HttpClient>

/** Creates or updates one object. With the same intent it may be repeated where the kind settles by key, token or mark. */
export async function ensureObject(
  want: ObjectProps,
  seen: Seen<ObjectOutputs>,
  change: Change<ObjectProps>,
  call: Call,
): Promise<ObjectOutputs> {
  if (change.action === "replace" || !("outputs" in seen)) return create(want, call)
  return update(want, seen.outputs, seen.mark, call)
}

async function create(want: ObjectProps, call: Call): Promise<ObjectOutputs> {
  const answer = await sendCreate(want, call)
  const object = objectOf(want, answer)
  const id = chosenId(want) ?? idText(at(object, want.id)) ?? idOfLocation(answer)
  if (id === undefined) {
    const said = (call.hide?.(answer.text) ?? answer.text).slice(0, ANSWER_SHOWN)
    const fact = `${call.address} was made, but the answer has no id at ${want.id}: ${said}`
    throw new FettleError("HTTP_FAILED", fact, { address: call.address })
  }
  return outputsOf(want, id, object, undefined, call)
}

/** The create with what makes it safe to repeat, as far as the far side offers it. */
async function sendCreate(want: ObjectProps, call: Call): Promise<HttpAnswer> {
  const method = want.create.method ?? (want.key === undefined ? "POST" : "PUT")
  const id = chosenId(want)
  const path = id === undefined ? want.create.path : fill(want.create.path, id)
  const { settle: by } = want
  const token = by?.by === "token" ? { idempotencyKey: call.intent.token, idempotencyHeader: by.header } : {}
  const body = bodyOf(want, call.intent.token, call)
  try {
    return await call.connection.request(method, path, {
      body,
      ...token,
      repeatable: isUpsert(want),
      signal: call.signal,
    })
  } catch (thrown) {
    const made = await madeAfterAll(want, thrown, call)
    if (made !== undefined) return made
    throw call.intent.repeated && !isUpsert(want) ? stillOpen(thrown) : thrown
  }
}

/** That a repeated create is refused says nothing of the first one. */
function stillOpen(thrown: unknown): FettleError {
  const { code, fact, next, details } = asFettleError(thrown, "HTTP_FAILED")
  return new FettleError(code, fact, { next, details: { ...details, notMade: false } })
}

/** A create whose answer was lost: our mark in the list says that it was made. Absence says nothing yet. */
async function madeAfterAll(want: ObjectProps, thrown: unknown, call: Call): Promise<HttpAnswer | undefined> {
  const mark = markOf(want)
  if (mark === undefined || want.list === undefined || call.signal.aborted) return undefined
  const isRefused = thrown instanceof FettleError && thrown.details?.notMade === true
  if (isRefused && !call.intent.repeated) return undefined
  let made: unknown
  const page = ({ items }: { readonly items: ReadonlyMap<string, unknown> }): "more" | "enough" => {
    made ??= [...items.values()].find((item) => at(item, mark) === call.intent.token)
    return made === undefined ? "more" : "enough"
  }
  try {
    await readList(call.connection, want.list, want.id, call.signal, { begin: () => {}, page })
  } catch {
    return undefined // the error that matters is the create's
  }
  if (made === undefined) return undefined
  call.log(`the answer of the create was lost; the list of ${want.list.path} shows that it was made`)
  const json = want.within === "" ? made : withAt({}, want.within, made)
  return { url: "", status: 200, headers: new Headers(), text: "", json }
}

async function update(
  want: ObjectProps,
  before: ObjectOutputs,
  mark: string | undefined,
  call: Call,
): Promise<ObjectOutputs> {
  const way = updateOf(want)
  if (way === undefined)
    throw new FettleError("CHANGE_FAILED", `${call.address} has no update`, { details: { notMade: true } })
  const answer = await call.connection.request(way.method, fill(way.path, before.id), {
    body: bodyOf(want, mark ?? call.intent.token, call),
    repeatable: way.method !== "POST",
    signal: call.signal,
  })
  return outputsOf(want, before.id, objectOf(want, answer), before, call)
}

/** The outputs as an answer shows them; what it lacks is looked for in the object itself. */
async function outputsOf(
  want: ObjectProps,
  id: string,
  object: unknown,
  before: ObjectOutputs | undefined,
  call: Call,
): Promise<ObjectOutputs> {
  const outputs = { id, object: picked(want, object, before, call) }
  const paths = Object.values(want.outputs).map((output) => (typeof output === "string" ? output : output.path))
  if (readPath(want) === undefined || paths.every((path) => at(object, path) !== undefined)) return outputs
  const found = await lookFor(want, id, call)
  return found === undefined ? outputs : { id, object: picked(want, found, outputs, call) }
}

/** The object itself, after it was written. Whatever goes wrong here, it was written: its id must be recorded. */
async function lookFor(want: ObjectProps, id: string, call: Call): Promise<unknown> {
  try {
    const path = fill(readPath(want) ?? "", id)
    for (let looks = 1; looks <= LOOKS; looks += 1) {
      const answer = await call.connection.request("GET", path, { accept: [404], signal: call.signal })
      if (answer.status !== 404) return objectOf(want, answer)
      await pause(LOOK_PAUSE_MS * looks, call.signal)
    }
  } catch (thrown) {
    call.log(`its outputs could not be read after it was written: ${causeText(thrown)}`, "stderr")
  }
  return undefined
}

function objectOf(want: ObjectProps, answer: HttpAnswer): unknown {
  const json = answer.text === "" || isJson(answer) ? answer.json : undefined
  const object = at(json, want.within)
  return isRecord(object) ? object : undefined
}

/** Many far sides answer a write with a word. */
function isJson({ text }: HttpAnswer): boolean {
  return /^\s*[[{]/.test(text)
}

/** The last segment of the Location header. */
function idOfLocation({ headers, url }: HttpAnswer): string | undefined {
  const location = headers.get("location")
  if (location === null || !URL.canParse(location, url)) return undefined
  const last = new URL(location, url).pathname.split("/").filter(Boolean).at(-1)
  return last === undefined ? undefined : decodeURIComponent(last)
}

/** The body with its secrets opened and our mark in it. */
function bodyOf(want: ObjectProps, mark: string, call: Call): unknown {
  const body = opened(want.body, call) as Readonly<Record<string, unknown>>
  const field = markOf(want)
  return field === undefined ? body : withAt(body, field, mark)
}

function opened(value: unknown, call: Call): unknown {
  if (value instanceof Secret) return call.reveal(value)
  if (Array.isArray(value)) return value.map((each) => opened(each, call))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, opened(each, call)]))
}

/**
 * Deletes one object and waits until it is gone where the far side only accepts the wish.
 * @throws FettleError `CHANGE_FAILED` where it has no delete, or is still there after five minutes
 */
export async function deleteObject(
  seen: Seen<ObjectOutputs>,
  last: Last<ObjectProps, ObjectOutputs> | undefined,
  call: Call,
): Promise<void> {
  if ("absent" in seen) return
  const place = last?.props
  const id = "outputs" in seen ? seen.outputs.id : last?.outputs.id
  if (place === undefined || id === undefined)
    throw new FettleError("CHANGE_FAILED", `${call.address}: state does not say where it lies`, {
      details: { notMade: true },
    })
  const way = deleteOf(place)
  if (way === undefined) {
    const next = "give it delete: { path }, or keep the object with retain: true"
    throw new FettleError("CHANGE_FAILED", `${call.address} has no delete`, { next, details: { notMade: true } })
  }
  const { connection, signal } = call
  const { status } = await connection.request(way.method, fill(way.path, id), {
    accept: [404, 410],
    repeatable: true,
    signal,
  })
  const path = readPath(place)
  if (status === 202 && path !== undefined) await untilGone(fill(path, id), call)
}

async function untilGone(path: string, call: Call): Promise<void> {
  const { connection, signal, address } = call
  call.log("the delete was accepted; waiting until it is gone")
  const endMs = performance.now() + GONE_WITHIN_MS
  for (let pauseMs = GONE_PAUSE_MS; performance.now() < endMs; pauseMs = Math.min(pauseMs * 2, GONE_PAUSE_MAX_MS)) {
    const { status } = await connection.request("GET", path, { accept: [404, 410], signal })
    if (status === 404 || status === 410) return
    await pause(pauseMs, signal)
  }
  throw new FettleError(
    "CHANGE_FAILED",
    `${address}: its delete was accepted, and it is still there after ${GONE_WITHIN_MS / 1000} s`,
  )
}
