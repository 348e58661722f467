import type { PlannedError } from "../events/plan.ts"
import type { Page, Span, Style } from "./page.ts"
import { pad } from "./width.ts"

/** The words before the lines of an error, all padded to the longest. */
const LABEL_WIDTH = "declared  ".length

/** As much of a run's id as tells it from others and can be typed; `fettle logs` takes the beginning of one. */
const RUN_LENGTH = 8

/** Where an error's lines stand, and what its next step is about. */
export interface ErrorPlace {
  readonly indent: number
  readonly root: string | undefined
  readonly address: string | undefined
  readonly runId: string | undefined
}

/** Adds what an error says: the fact, its cause, where it was declared, and the next step. The code stands above. */
export function addError(page: Page, error: PlannedError, at: ErrorPlace): void {
  const space = " ".repeat(at.indent)
  page.add([space, shortPlaces(error.fact, at.root)], at.indent)
  if (error.cause !== undefined && !error.fact.includes(error.cause))
    addLabelled(page, ["dim", "cause"], error.cause, at)
  addRemedy(page, error, at)
}

/** Adds where the thing was declared and the next step: what is left to say where the fact is known. */
export function addRemedy(page: Page, error: PlannedError, at: ErrorPlace): void {
  if (error.place !== undefined) addLabelled(page, ["dim", "declared"], shortPlace(error.place, at.root), at)
  if (error.next !== "") addLabelled(page, ["cyan", "next"], nextStep(error.next, at), at)
}

function addLabelled(page: Page, [style, label]: readonly [Style, string], text: string, { indent }: ErrorPlace): void {
  page.add([" ".repeat(indent), [style, pad(label, LABEL_WIDTH)], text], indent + LABEL_WIDTH)
}

/** A next step as it can be typed: the run and the address stand where the catalogue has RUN, NODE, ADDRESS and RELEASE. */
export function nextStep(next: string, { address, runId }: Pick<ErrorPlace, "address" | "runId">): string {
  const quoted = address === undefined ? undefined : `'${address.replaceAll("'", "'\\''")}'`
  const names: Readonly<Record<string, string | undefined>> = {
    RUN: runId?.slice(0, RUN_LENGTH),
    NODE: quoted,
    ADDRESS: quoted,
    RELEASE: /^fettle\.release\[([\w.-]+)\]$/.exec(address ?? "")?.[1] ?? quoted,
  }
  return next.replace(/\b(RUN|NODE|ADDRESS|RELEASE)\b/g, (name) => names[name] ?? name)
}

/** A place as it is typed from the root folder: `fettle.ts:12`. */
export function shortPlace(place: string, root: string | undefined): string {
  if (root === undefined || root === "") return place
  const prefix = root.endsWith("/") ? root : `${root}/`
  return place.startsWith(prefix) ? place.slice(prefix.length) : place
}

/** The places (`FILE:LINE`) that stand in a text, as in that of a cycle, typed from the root folder. Other paths stay as they are. */
export function shortPlaces(text: string, root: string | undefined): string {
  return text.replace(/\/[^\s():]+:\d+/g, (place) => shortPlace(place, root))
}

/** What makes two errors the same for a reader: one mended, both are. */
export function sameError(error: PlannedError): string {
  return JSON.stringify([error.code, error.fact, error.cause])
}

/** Lines of somebody else's output, each behind a bar so that it is never mistaken for ours. */
export function addQuoted(page: Page, lines: readonly string[], indent: number): void {
  const bar: Span = ["dim", `${" ".repeat(indent)}│ `]
  for (const line of lines) page.addBehind(bar, line)
}
