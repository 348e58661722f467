import type { Recorded } from "../fact.ts"

/** One place that entries are sent to. */
export interface Sink {
  /** Tells it apart from the others of its program, also in the sealed head of the chain: it holds no secret. */
  readonly id: string
  /** Nothing is changed while it does not take what it lacks. */
  readonly required: boolean
  /** Most entries that it takes at once. */
  readonly batch: number
  /** Opens what it needs: that is recorded, too, so it comes before what is sent. @throws where it cannot */
  prepare?(): Promise<unknown>
  /** Gives entries over, in order; it returns once the sink has them. @throws an error that says why it has not, without a secret */
  send(records: readonly Recorded[], place: string, signal: AbortSignal): Promise<void>
}

/**
 * An entry as every sink gets it: one line of JSON in plain ASCII, so that nothing in it can end a line, hide or be taken for another
 * message. With the data key its link proves it.
 */
export function lineOf({ serial, link, ...said }: Recorded, place: string): string {
  return ascii(JSON.stringify({ fettle: "audit/1", place, serial, link, ...said }))
}

/** The same JSON without a character that is not printable ASCII: they stand only inside strings, where an escape means the same. */
function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
}
