import type { ProbeSettings } from "../../program/probe-settings.ts"
import type { Answer, Question } from "../answer.ts"
import { type Amounts, judgeUsage, numberBefore } from "./usage.ts"

type Settings = ProbeSettings<"process">

/** Clock ticks a second in /proc/PID/stat: the kernel gives them to programs as 100 on every machine that Node runs on. */
export const TICKS_PER_SECOND = 100

const WORDS = {
  memoryBytes: "bytes of memory",
  cpuPercent: "% of a core",
  openFiles: "open files",
  threads: "threads",
} as const
type Name = keyof typeof WORDS

/** A process that was found, and what it and those below it use. */
export interface FoundProcess {
  /** Undefined for a unit that has no main process. */
  readonly pid: number | undefined
  readonly unit?: string | undefined
  /** How many there are in all. */
  readonly processes: number
  /** Clock ticks after boot: tells it from a later one with its number. */
  readonly startedAt: number | undefined
  /** Seconds since boot. */
  readonly upSeconds: number
  /** As systemd counts them. */
  readonly unitRestarts?: number | undefined
  readonly amounts: { readonly [N in Name]?: number | undefined }
}

/** Whether an amount is wanted: CPU takes time, and open files take rights. */
export function isAsked(settings: Settings, name: Name): boolean {
  return settings[name] !== undefined || settings.atMostTimes?.[name] !== undefined
}

/** Judges what was found by the limits of its settings. */
export function judgeProcess(found: FoundProcess, settings: Settings, question: Question): Answer {
  const { pid, unit, processes, startedAt, unitRestarts, upSeconds, amounts } = found
  const below = processes - (pid === undefined ? 0 : 1)
  const one = pid === undefined ? "" : `process ${pid}`
  const who = unit === undefined ? `${one}${below > 0 ? ` and ${below} below it` : ""}` : unitWords(unit, processes)
  const restarts = restartsOf(found, settings, question)
  const seconds = startedAt === undefined ? undefined : Math.max(0, upSeconds - startedAt / TICKS_PER_SECOND)
  const measured: Amounts = {
    processes,
    ...amounts,
    seconds: seconds === undefined ? undefined : Math.floor(seconds),
    startedAt,
    restarts: restarts.count,
    unitRestarts,
  }
  const limits = (Object.keys(WORDS) as Name[]).map((name) => ({
    name,
    words: WORDS[name],
    limit: settings[name],
    times: settings.atMostTimes?.[name],
  }))
  return judgeUsage(who, limits, measured, question, restarts.fault ?? tooYoung(seconds, settings))
}

function unitWords(unit: string, processes: number): string {
  return `${unit}, ${processes === 1 ? "1 process" : `${processes} processes`}`
}

interface Fault {
  readonly wrong?: string
  readonly unsure?: string
}

/** How often it began anew: as systemd counts, and one more where it is another process than before and nobody counted. */
function restartsOf(
  { startedAt, unitRestarts }: FoundProcess,
  { restarts: limit, against }: Settings,
  { before }: Question,
): { readonly count: number | undefined; readonly fault?: Fault } {
  if (limit === undefined) return { count: undefined }
  let count: number | undefined
  if (against === undefined) count = unitRestarts
  else if (before?.isNow === true) return { count: 0 }
  else {
    const then = numberBefore(before, "startedAt")
    const counted = (unitRestarts ?? 0) - (numberBefore(before, "unitRestarts") ?? 0)
    if (then !== undefined && startedAt !== undefined) count = Math.max(counted, then === startedAt ? 0 : 1)
  }
  if (count === undefined) return { count, fault: { unsure: "its restarts could not be counted" } }
  return count > limit
    ? { count, fault: { wrong: `restarted ${count === 1 ? "once" : `${count} times`}, expected at most ${limit}` } }
    : { count }
}

function tooYoung(seconds: number | undefined, { minSeconds }: Settings): Fault {
  if (minSeconds === undefined) return {}
  if (seconds === undefined) return { unsure: "nothing tells how long it has been running" }
  if (seconds >= minSeconds) return {}
  return { wrong: `has been running for ${Math.floor(seconds)} s, expected at least ${minSeconds}` }
}
