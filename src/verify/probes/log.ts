import { resolve } from "node:path"
import { causeText } from "../../errors.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import type { LogMark } from "../../program/probes.ts"
import { type Answer, type Asker, inconclusive, no, type Question, yes } from "../answer.ts"
import { cpu } from "../cpu.ts"
import type { Show } from "../expectation.ts"
import type { scan } from "./log-scan.ts"
import {
  closeSegments,
  lineRanges,
  markAt,
  openSegments,
  type Segment,
  type Segments,
  type Since,
  sizeNow,
} from "./log-segments.ts"

type Settings = ProbeSettings<"log">

/** Bytes of one job of a worker thread: some 50 ms, so that all cores end at about the same time and a cancel is quick. */
const PART_BYTES = 32 << 20
/** Rotations followed in one question; a log that rotates faster is not to be followed. */
const ROTATIONS_MAX = 3

/**
 * Counts the lines of a log that match, on worker threads and in constant memory. Asked again, it goes on where it was:
 * what it has seen does not change.
 */
export const log: Asker<Settings> = { timeoutMs: 300_000, late: "inconclusive", ask }

/** What is known of the log so far. */
interface Progress {
  since: Since
  count: number
  first: string | undefined
  lost: boolean
  /** Whether a line was too long to be looked at whole. */
  cut: boolean
  scannedBytes: number
}

const NOTHING_SEEN = { count: 0, first: undefined, lost: false, cut: false, scannedBytes: 0 } as const

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const path = resolve(question.tools.cwd, settings.path)
  const known = question.memory.get("log") as Progress | undefined
  const progress: Progress = { ...(known ?? { since: settings.since, ...NOTHING_SEEN }) }
  let restMatches = false
  for (let rotations = 0; rotations <= ROTATIONS_MAX; rotations += 1) {
    const segments = opened(path, progress.since)
    if (!("list" in segments)) return segments
    try {
      restMatches = await scanAll(segments, settings, progress, question)
    } finally {
      closeSegments(segments)
    }
    if (!isRotated(path, progress.since as LogMark)) break
  }
  question.memory.set("log", progress)
  return answerOf(path, settings, progress, restMatches, question.show)
}

function opened(path: string, since: Since): Segments | Answer {
  try {
    return openSegments(path, since) ?? inconclusive(`there is no log at ${path}`)
  } catch (error) {
    return inconclusive(`the log cannot be read: ${causeText(error)}`)
  }
}

/** Whether the log has become another file since it was opened. */
function isRotated(path: string, at: LogMark): boolean {
  const segments = opened(path, at)
  if (!("list" in segments)) return false
  closeSegments(segments)
  return segments.list.at(-1)?.inode !== at.inode
}

/** Scans all segments; true where a last line that is not complete yet matches. */
async function scanAll(
  segments: Segments,
  settings: Settings,
  progress: Progress,
  question: Question,
): Promise<boolean> {
  progress.lost ||= segments.lost
  let restMatches = false
  for (const segment of segments.list) {
    const { restAt, matches } = await scanOne(segment, settings, progress, question)
    restMatches = matches && segment.current
    if (matches && !segment.current) progress.count += 1
    if (segment.current) progress.since = markAt(segment.file, segment.inode, restAt)
  }
  return restMatches
}

async function scanOne(
  segment: Segment,
  { pattern }: Settings,
  progress: Progress,
  question: Question,
): Promise<{ restAt: number; matches: boolean }> {
  const { file, from } = segment
  const to = sizeNow(file)
  const ranges = lineRanges(file, from, to, PART_BYTES)
  const scanRange = cpu<typeof scan>(new URL(WORK, import.meta.url), "scan", { signal: question.signal })
  let doneBytes = 0
  const parts = await Promise.all(
    ranges.map(async (range) => {
      const part = await scanRange({ file, ...range, regex: pattern.regex, flags: pattern.flags })
      doneBytes += range.to - range.from
      question.at(`${doneBytes} of ${to - from} bytes looked at`)
      return part
    }),
  )
  for (const part of parts) {
    progress.count += part.count
    progress.first ??= part.first
    progress.cut ||= part.cut
  }
  const last = parts.at(-1)
  const restAt = last?.restAt ?? from
  progress.scannedBytes += restAt - from
  return { restAt, matches: last?.restMatches ?? false }
}

const WORK = import.meta.url.endsWith(".ts") ? "./log-scan.ts" : "./log-scan.js"

/** What may need a longer part of a line than the pieces of it have in common. */
const REACHES_FAR = /[*+^$]|\{\d+,?\d*\}|\(\?[=!<]/

function answerOf(
  path: string,
  { pattern, max }: Settings,
  progress: Progress,
  restMatches: boolean,
  show: Show,
): Answer {
  const { first, lost, scannedBytes } = progress
  const lines = progress.count + (restMatches ? 1 : 0)
  const measured = { lines, scannedBytes }
  const words = `/${pattern.regex}/${pattern.flags}`
  if (lines > max)
    return {
      ...no(
        `${path}: ${lines} ${lines === 1 ? "line matches" : "lines match"} ${words}${max > 0 ? `, expected at most ${max}` : ""}; the first: ${show(first)}`,
        measured,
      ),
      lasting: true,
    }
  if (lost)
    return inconclusive(
      `${path} was rotated more than once, or truncated: a part since the mark is gone, and no other line matches ${words}`,
      measured,
    )
  if (progress.cut && REACHES_FAR.test(pattern.regex))
    return inconclusive(
      `${path} holds a line above 1 MiB, and ${words} may match more of it than is looked at at once`,
      measured,
    )
  return yes(
    `${path}: ${lines === 0 ? "no line matches" : `${lines} lines match`} ${words} in ${scannedBytes} bytes`,
    measured,
  )
}
