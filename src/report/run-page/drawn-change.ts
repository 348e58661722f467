import type { PlannedChange, PlannedError, PropDiff } from "../../events/plan.ts"
import { nextStep, shortPlace, shortPlaces } from "../error-lines.ts"
import { prose, shown } from "./shown.ts"

/** Of a value that differs its name, what it is, and what it becomes, null where there is nothing; of a text of several lines how these differ. */
type DiffData = readonly [name: string, from: string | null, to: string | null, text?: string]

/** Of a longer value the page shows the beginning: a report of thousands of nodes is to stay small. */
const WANT_MAX = 2_000

/** One entry of the plan as the page's script gets it. */
export interface ChangeData {
  readonly action: string
  readonly because: string
  readonly cause?: string | undefined
  readonly order?: string | undefined
  readonly id?: string | undefined
  readonly place?: string | undefined
  readonly from?: string | undefined
  readonly props?: readonly DiffData[] | undefined
  readonly drift?: readonly DiffData[] | undefined
  /** What is made, run or asked: each prop by its name. */
  readonly wants?: readonly (readonly [name: string, value: string])[] | undefined
  readonly text?: string | undefined
}

export interface ErrorData {
  readonly code: string
  readonly fact: string
  readonly cause?: string | undefined
  readonly place?: string | undefined
  readonly next?: string | undefined
}

export function changeData(change: PlannedChange, root: string | undefined): ChangeData {
  const { action, because, cause, order, id, place, from, props = [], drift = [], wants = [], text = "" } = change
  return {
    action,
    because: shown(because),
    ...(cause === undefined ? {} : { cause }),
    ...(order === undefined ? {} : { order }),
    ...(id === undefined ? {} : { id: shown(id) }),
    ...(place === undefined ? {} : { place: shown(shortPlace(place, root)) }),
    ...(from === undefined ? {} : { from: shown(from) }),
    ...(props.length === 0 ? {} : { props: props.map(diffData) }),
    ...(drift.length === 0 ? {} : { drift: drift.map(diffData) }),
    ...(wants.length === 0
      ? {}
      : { wants: wants.map(({ name, to = "nothing" }) => [shown(name), linesOf(to)] as const) }),
    ...(text === "" ? {} : { text: shown(text) }),
  }
}

function diffData({ name, from, to, text }: PropDiff): DiffData {
  if (text !== undefined) return [shown(name), null, null, shown(text)]
  return [shown(name), from === undefined ? null : shown(from), to === undefined ? null : shown(to)]
}

/** A value as it is read: a text of several lines as such. */
function linesOf(value: string): string {
  let text = value
  if (value.startsWith('"') && value.includes("\\n"))
    try {
      text = JSON.parse(value) as string
    } catch {} // it was cut
  return shown(text.length <= WANT_MAX ? text : `${text.slice(0, WANT_MAX)}… (${text.length - WANT_MAX} more)`)
}

/** An error whose next step can be typed. */
export function errorData(
  { code, fact, cause, place, next }: PlannedError,
  address: string | undefined,
  root: string | undefined,
  runId?: string,
): ErrorData {
  return {
    code: shown(code),
    fact: prose(shortPlaces(fact, root)),
    ...(cause === undefined || fact.includes(cause) ? {} : { cause: prose(cause) }),
    ...(place === undefined ? {} : { place: shown(shortPlace(place, root)) }),
    ...(next === "" ? {} : { next: shown(nextStep(next, { address, runId })) }),
  }
}
