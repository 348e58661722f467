import type { FettleEvent } from "../events/events.ts"

/** The event of one line; undefined for what is none: a line that was cut off, or text that a program printed itself. */
export function eventIn(line: string): FettleEvent | undefined {
  try {
    const event: unknown = JSON.parse(line)
    return typeof Object(event).type === "string" ? (event as FettleEvent) : undefined
  } catch {
    return undefined
  }
}
