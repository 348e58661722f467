import { type Answer, type Asker, inconclusive, no, type Question, yes } from "../answer.ts"
import { fileHere } from "./log-here.ts"
import { type LogPlace, type LogSettings, type Looked, type Since, type Sought, soughtIn } from "./log-place.ts"

/** Looks at one log in one question, where it goes on in another file; a log that rotates faster is not to be followed. */
const LOOKS_MAX = 4

/**
 * Counts the lines of a log that match, where the log is. Asked again, it goes on where it was: what it has seen does not change.
 */
export const log: Asker<LogSettings> = { timeoutMs: 300_000, late: "inconclusive", ask }

/** What is known of the log so far. */
interface Progress {
  since: Since
  count: number
  first: string | undefined
  restMatches: boolean
  lost: boolean
  doubt: string | undefined
  scannedBytes: number
}

const NOTHING_SEEN = {
  count: 0,
  first: undefined,
  restMatches: false,
  lost: false,
  doubt: undefined,
  scannedBytes: 0,
} as const

async function ask(settings: LogSettings, question: Question): Promise<Answer> {
  const { since } = settings
  if (since === "release") return lasting('since: "release" is for the checks of a release')
  if (typeof since === "object" && "untaken" in since) return lasting(since.untaken)
  const sought = soughtIn(settings)
  const place = await placeOf(settings, sought, question)
  if ("verdict" in place) return place
  const known = question.memory.get("log") as Progress | undefined
  const progress: Progress = { ...(known ?? { since, ...NOTHING_SEEN }) }
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const looked = await place.look(progress.since, progress.first !== undefined)
    if ("verdict" in looked) return looked
    takeIn(progress, looked)
    if (!looked.again) break
  }
  question.memory.set("log", progress)
  return answerOf(place.name, sought, settings.max, progress, question)
}

/** Each place is loaded when it is first asked. */
export async function placeOf(settings: LogSettings, sought: Sought, question: Question): Promise<LogPlace | Answer> {
  const { path, journal, container = "" } = settings
  const { where } = question
  if (journal !== undefined) return (await import("./log-journal.ts")).journalOf(journal, sought, question)
  if (path === undefined) return (await import("./log-container.ts")).containerLog(container, sought, question)
  if (where.type === "here") return fileHere(path, sought, question)
  return (await import("./log-there.ts")).fileThere(path, sought, question)
}

function takeIn(progress: Progress, looked: Looked): void {
  progress.count += looked.count
  progress.first ??= looked.first
  progress.restMatches = looked.restMatches
  progress.lost ||= looked.lost
  progress.doubt ??= looked.doubt
  progress.scannedBytes += looked.scannedBytes
  progress.since = looked.next
}

export function lasting(evidence: string): Answer {
  return { ...inconclusive(evidence), lasting: true }
}

function answerOf(name: string, { words }: Sought, max: number, progress: Progress, { show }: Question): Answer {
  const { first, lost, doubt, scannedBytes, restMatches } = progress
  const lines = progress.count + (restMatches ? 1 : 0)
  const measured = { lines, scannedBytes }
  if (lines > max)
    return {
      ...no(
        `${name}: ${lines} ${lines === 1 ? "line matches" : "lines match"} ${words}${max > 0 ? `, expected at most ${max}` : ""}; the first: ${show(first)}`,
        measured,
      ),
      lasting: true,
    }
  if (lost)
    return inconclusive(
      `${name} was rotated more than once, or truncated: a part since the mark is gone, and no other line matches ${words}`,
      measured,
    )
  if (doubt !== undefined) return inconclusive(doubt, measured)
  return yes(
    `${name}: ${lines === 0 ? "no line matches" : `${lines} lines match`} ${words} in ${scannedBytes} bytes`,
    measured,
  )
}
