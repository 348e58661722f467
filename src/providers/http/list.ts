import type { HttpAnswer, HttpClient } from "../../connect/http-client.ts"
import { causeText, FettleError } from "../../errors.ts"
import type { ObjectProps } from "./object-props.ts"
import { at, idText, isRecord } from "./path.ts"
import { pause } from "./pause.ts"

/** A list that moves while it is read is read again this often; a list that never stands still proves nothing. */
const TRIES = 4
/** Between those: long enough for a burst of changes to pass. */
const PAUSE_MS = 250

export type ListProps = NonNullable<ObjectProps["list"]>

/** One page, as far as the list has been read. */
export interface Page {
  readonly items: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  /** Calls that the rest will take; undefined where the far side does not tell. */
  readonly callsLeft: number | undefined
}

/** A list that cannot be trusted because it changed while it was read. */
class Moved extends Error {}

/**
 * Hands `page` each page of a list until it wants no more.
 * @returns whether the list was read to its end and is whole, so that what was not in it is absent from it
 * @param begin called before the first page, again each time the list had to be read anew
 * @throws FettleError `HTTP_LIST` where it is cut, turns in a circle or contradicts itself, `HTTP_FAILED` where a call failed
 */
export async function readList(
  client: HttpClient,
  list: ListProps,
  idPath: string,
  signal: AbortSignal,
  visit: { readonly begin: () => void; readonly page: (page: Page) => "more" | "enough" },
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    visit.begin()
    try {
      return await readOnce(client, list, idPath, signal, visit.page)
    } catch (thrown) {
      if (!(thrown instanceof Moved)) throw thrown
      if (tries === TRIES) throw listError(list, `${thrown.message}, in each of ${TRIES} readings`)
    }
    await pause(PAUSE_MS * tries, signal)
  }
}

async function readOnce(
  client: HttpClient,
  list: ListProps,
  idPath: string,
  signal: AbortSignal,
  visit: (page: Page) => "more" | "enough",
): Promise<boolean> {
  const ids = new Set<string>()
  const asked = new Set<string>()
  let total: number | undefined
  for (let path: string | undefined = firstPath(list); path !== undefined; ) {
    if (asked.has(path)) throw listError(list, `its pages turn in a circle, back to ${path}`)
    asked.add(path)
    const answer = await pageOf(client, list, path, signal)
    const items = itemsOf(answer, list, idPath)
    total = sameTotal(totalOf(answer, list), total)
    noteIds(ids, items, list)
    if (visit({ items, callsLeft: callsLeft(total, ids.size, items.size) }) === "enough") return false
    path = nextPath(list, answer, asked.size, { items: items.size, all: ids.size, total })
  }
  if (total !== undefined && total !== ids.size)
    throw new Moved(`it says it has ${total} items, and showed ${ids.size}`)
  return true
}

async function pageOf(client: HttpClient, list: ListProps, path: string, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    const answer = await client.request("GET", path, { signal })
    void answer.json // parsed once, here, where an error is the list's
    return answer
  } catch (thrown) {
    const details = thrown instanceof FettleError ? thrown.details : undefined
    const isUnreadable = details === undefined || details.cut === true // no JSON, or not all of it
    throw isUnreadable && !signal.aborted ? listError(list, causeText(thrown), thrown) : thrown
  }
}

/** The items of a page by their ids. */
function itemsOf(answer: HttpAnswer, list: ListProps, idPath: string): Map<string, Readonly<Record<string, unknown>>> {
  const items = at(answer.json, list.items)
  if (!Array.isArray(items))
    throw listError(list, `an answer has no array at ${list.items === "" ? "its top" : list.items}`)
  const byId = new Map<string, Readonly<Record<string, unknown>>>()
  for (const item of items) {
    const id = idText(at(item, idPath))
    if (id === undefined || !isRecord(item)) throw listError(list, `an item has no id at ${idPath}`)
    if (byId.has(id)) throw new Moved(`it showed ${id} twice`)
    byId.set(id, item)
  }
  return byId
}

function noteIds(ids: Set<string>, items: ReadonlyMap<string, unknown>, list: ListProps): void {
  const repeated = [...items.keys()].filter((id) => ids.has(id))
  if (repeated.length > 0 && repeated.length === items.size)
    throw listError(list, "a page repeats what came before: it does not heed the parameter of `next`")
  if (repeated.length > 0) throw new Moved(`it showed ${repeated[0]} twice`)
  for (const id of items.keys()) ids.add(id)
}

function totalOf(answer: HttpAnswer, list: ListProps): number | undefined {
  if (list.total === undefined) return undefined
  const total = at(answer.json, list.total)
  if (typeof total === "number" && Number.isInteger(total) && total >= 0) return total
  throw listError(list, `an answer has no number at ${list.total}`)
}

function sameTotal(now: number | undefined, before: number | undefined): number | undefined {
  if (before !== undefined && now !== before) throw new Moved(`its total went from ${before} to ${now}`)
  return now
}

function callsLeft(total: number | undefined, read: number, pageItems: number): number | undefined {
  return total === undefined ? undefined : Math.ceil(Math.max(0, total - read) / Math.max(1, pageItems))
}

/** How far a list has been read. */
interface Progress {
  /** On the last page. */
  readonly items: number
  readonly all: number
  readonly total: number | undefined
}

function firstPath({ path, next }: ListProps): string {
  if (next !== undefined && "page" in next) return withQuery(path, next.page, next.first)
  return next !== undefined && "offset" in next ? withQuery(path, next.offset, 0) : path
}

/** The next page to ask for; undefined behind the last. A short page proves nothing, only an empty one or the total does. */
function nextPath(
  list: ListProps,
  answer: HttpAnswer,
  pages: number,
  { items, all, total }: Progress,
): string | undefined {
  const { path, next } = list
  if (next === undefined) return undefined
  if ("link" in next) return linkNext(list, answer)
  if ("url" in next) return told(at(answer.json, next.url), (url) => absolute(url, answer), next.url, list)
  if ("cursor" in next) {
    const cursor = told(at(answer.json, next.cursor), idText, next.cursor, list)
    return cursor === undefined ? undefined : withQuery(path, next.param, cursor)
  }
  if (items === 0 || (total !== undefined && all >= total)) return undefined
  return "page" in next ? withQuery(path, next.page, next.first + pages) : withQuery(path, next.offset, all)
}

/** A path with one query parameter set; what else its query holds stays. */
function withQuery(path: string, name: string, value: string | number): string {
  const [before = "", query = ""] = path.split("?", 2)
  const parameters = new URLSearchParams(query)
  parameters.set(name, String(value))
  return `${before}?${parameters}`
}

function linkNext(list: ListProps, answer: HttpAnswer): string | undefined {
  const links = (answer.headers.get("link") ?? "").matchAll(/<([^>]*)>([^<]*)/g)
  for (const [, url, parameters = ""] of links)
    if (/;\s*rel\s*=\s*"?(?:[^"]*\s)?next\b/i.test(parameters))
      return told(url, (each) => absolute(each, answer), "the Link header", list)
  return undefined
}

/** What leads to the next page. Nothing there is the end; something of no use is a list that goes on, and cannot be followed. */
function told(
  value: unknown,
  use: (value: unknown) => string | undefined,
  where: string,
  list: ListProps,
): string | undefined {
  if (value === undefined || value === null || value === false || value === "") return undefined
  const usable = use(value)
  if (usable !== undefined) return usable
  const what = typeof value === "string" ? "a text that is no URL" : `${Array.isArray(value) ? "array" : typeof value}`
  throw listError(list, `it goes on after ${where} of a page, which is ${what}: it cannot be followed`)
}

function absolute(url: unknown, answer: HttpAnswer): string | undefined {
  if (typeof url !== "string") return undefined
  return URL.canParse(url, answer.url) ? new URL(url, answer.url).href : undefined
}

function listError({ path }: ListProps, fact: string, cause?: unknown): FettleError {
  return new FettleError("HTTP_LIST", `the list ${path} cannot be read whole: ${fact}`, { cause })
}
