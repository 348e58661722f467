import { resolve } from "node:path"
import { causeText } from "../../errors.ts"
import { type Answer, inconclusive, type Question } from "../answer.ts"
import { cpu } from "../cpu.ts"
import type { LogPlace, Looked, Since, Sought } from "./log-place.ts"
import type { Scanned, scan } from "./log-scan.ts"
import {
  closeSegments,
  type FileSince,
  lineRanges,
  markAt,
  markLog,
  openSegments,
  type Segment,
  type Segments,
  sizeNow,
} from "./log-segments.ts"

/** Bytes of one job of a worker thread: some 50 ms, so that all cores end at about the same time and a cancel is quick. */
const PART_BYTES = 32 << 20

const WORK = import.meta.url.endsWith(".ts") ? "./log-scan.ts" : "./log-scan.js"

/** What may need a longer part of a line than the pieces of it have in common. */
const REACHES_FAR = /[*+^$]|\{\d+,?\d*\}|\(\?[=!<]/

/** A file of this machine: its lines are counted on worker threads, in constant memory. */
export function fileHere(given: string, sought: Sought, question: Question): LogPlace {
  const path = resolve(question.tools.cwd, given)
  return {
    name: path,
    look: (since) => look(path, since as FileSince, sought, question),
    mark: async () => {
      try {
        return await markLog(path)
      } catch (error) {
        return inconclusive(`the log cannot be read: ${causeText(error)}`)
      }
    },
  }
}

async function look(path: string, since: FileSince, sought: Sought, question: Question): Promise<Looked | Answer> {
  const segments = opened(path, since)
  if (!("list" in segments)) return segments
  try {
    const looked = await lookAt(segments, path, sought, question)
    return { ...looked, again: isRotated(path, looked.next) }
  } finally {
    closeSegments(segments)
  }
}

function opened(path: string, since: FileSince): Segments | Answer {
  try {
    return openSegments(path, since) ?? inconclusive(`there is no log at ${path}`)
  } catch (error) {
    return inconclusive(`the log cannot be read: ${causeText(error)}`)
  }
}

/** Whether the log has become another file since it was opened. */
function isRotated(path: string, at: Since): boolean {
  const segments = opened(path, at as FileSince)
  if (!("list" in segments)) return false
  closeSegments(segments)
  return segments.list.at(-1)?.inode !== (at as { readonly inode: number }).inode
}

async function lookAt(segments: Segments, path: string, sought: Sought, question: Question): Promise<Looked> {
  const all = { count: 0, first: undefined as string | undefined, cut: false, scannedBytes: 0, restMatches: false }
  let next: Since = "start"
  for (const segment of segments.list) {
    const part = await scanOne(segment, sought, question)
    all.count += part.count + (part.restMatches && !segment.current ? 1 : 0)
    all.first ??= part.first
    all.cut ||= part.cut
    all.scannedBytes += part.restAt - segment.from
    all.restMatches = part.restMatches && segment.current
    if (segment.current) next = markAt(segment.file, segment.inode, part.restAt)
  }
  const { cut, ...rest } = all
  const doubt =
    cut && REACHES_FAR.test(sought.regex)
      ? `${path} holds a line above 1 MiB, and ${sought.words} may match more of it than is looked at at once`
      : undefined
  return { ...rest, doubt, lost: segments.lost, next, again: false }
}

async function scanOne({ file, from }: Segment, { regex, flags }: Sought, question: Question): Promise<Scanned> {
  const to = sizeNow(file)
  const ranges = lineRanges(file, from, to, PART_BYTES)
  const scanRange = cpu<typeof scan>(new URL(WORK, import.meta.url), "scan", { signal: question.signal })
  let doneBytes = 0
  const parts = await Promise.all(
    ranges.map(async (range) => {
      const part = await scanRange({ file, ...range, regex, flags })
      doneBytes += range.to - range.from
      question.at(`${doneBytes} of ${to - from} bytes looked at`)
      return part
    }),
  )
  const last = parts.at(-1)
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    first: parts.find(({ first }) => first !== undefined)?.first,
    cut: parts.some(({ cut }) => cut),
    restAt: last?.restAt ?? from,
    restMatches: last?.restMatches ?? false,
  }
}
