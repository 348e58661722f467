import type { Subscriber } from "../events/events.ts"

/** Characters that JSON leaves as they are and a terminal or a reader's eyes may obey: C1 controls, DEL, separators, format characters. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const ASCII = /^[ -~]*$/

/**
 * Writes each event as one line of JSON; `eventSchema` describes them.
 * @example events.subscribe(jsonLinesReporter((line) => process.stdout.write(line)))
 */
export function jsonLinesReporter(write: (line: string) => void): Subscriber {
  return (event) => {
    const line = JSON.stringify(event)
    write(`${ASCII.test(line) ? line : line.replace(UNSAFE, asEscape)}\n`)
  }
}

/** Such a character can only stand inside a string, where the escape means the same. */
function asEscape(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")
}
