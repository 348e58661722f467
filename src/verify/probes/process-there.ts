import { type Duration, durationMs } from "../../policies/duration.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, inconclusive, no, type Question } from "../answer.ts"
import { isAsked, judgeProcess, TICKS_PER_SECOND } from "./process-amounts.ts"
import { PROCESS_SCRIPT } from "./process-script.ts"

type Settings = ProbeSettings<"process">

/** Looks at a process by a script, where the question is asked. */
export async function processThere(settings: Settings, question: Question): Promise<Answer> {
  const { tools, signal, limitMs } = question
  const overMs = isAsked(settings, "cpuPercent") ? durationMs(settings.over as Duration) : 0
  const [sort, name] = nameOf(settings)
  question.at("measuring")
  const words = ["sh", "-c", PROCESS_SCRIPT, "sh", sort, name, String(overMs / 1_000), settings.alone ? "alone" : ""]
  const { stdout, stderr, timedOut, exitCode } = await tools.run(words, {
    ...(question.where.type === "here" ? { cwd: tools.cwd } : {}),
    env: tools.baseEnv,
    timeoutMs: limitMs,
    signal,
    check: false,
  })
  if (timedOut) return inconclusive(`no answer within ${limitMs} ms (measuring)`)
  if (exitCode !== 0) return inconclusive(`the look at it ended with ${exitCode}: ${question.show(stderr.trim())}`)
  return answerIn(seenIn(stdout), settings, question)
}

function nameOf({ pid, pidFile, unit }: Settings): readonly ["pid" | "file" | "unit", string] {
  if (unit !== undefined) return ["unit", unit]
  return pidFile === undefined ? ["pid", String(pid)] : ["file", pidFile]
}

interface Stat {
  readonly state: string
  readonly ticks: number
  readonly threads: number
  readonly startedAt: number
}

/** What the script told. */
export interface SeenProcesses {
  readonly fail?: { readonly why: string; readonly words: string }
  /** False where the kernel shows this user only its own processes. */
  readonly seesAll: boolean
  readonly named?: { readonly pid: number; readonly startedAt?: number }
  readonly unitRestarts?: number
  readonly times: readonly number[]
  readonly before: ReadonlyMap<number, Stat>
  readonly after: ReadonlyMap<number, Stat>
  readonly memoryBytes: ReadonlyMap<number, number>
  /** Undefined for those that this user may not look into. */
  readonly openFiles: ReadonlyMap<number, number | undefined>
}

/** Reads the lines of the script. What is no line of it is left out. Pure. */
export function seenIn(text: string): SeenProcesses {
  const lines = text
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const)
  const of = (word: string): readonly string[] => lines.flatMap(([first, rest]) => (first === word ? [rest] : []))
  const numbers = (word: string): readonly (readonly number[])[] => of(word).map((rest) => rest.split(" ").map(Number))
  const [fail] = of("fail")
  const [named] = numbers("named")
  const [unit] = of("unit")
  const [why = "", ...words] = fail?.split(" ") ?? []
  return {
    ...(fail === undefined ? {} : { fail: { why, words: words.join(" ").trim() } }),
    seesAll: of("seen")[0] === "all",
    ...(named === undefined
      ? {}
      : { named: { pid: named[0] ?? 0, ...(named[1] === undefined ? {} : { startedAt: named[1] }) } }),
    ...(unit === undefined || !/^\d+$/.test(unit) ? {} : { unitRestarts: Number(unit) }),
    times: of("time").map(Number),
    before: new Map(of("a").flatMap(statIn)),
    after: new Map(of("b").flatMap(statIn)),
    memoryBytes: new Map(numbers("m").map(([pid = 0, kilobytes = 0]) => [pid, kilobytes * 1_024])),
    openFiles: new Map(
      of("f").map((rest) => {
        const [pid, count] = rest.split(" ")
        return [Number(pid), count === "-" ? undefined : Number(count)]
      }),
    ),
  }
}

/** Its name may hold spaces and brackets; field 3 comes after the last of them. */
function statIn(text: string): readonly (readonly [number, Stat])[] {
  const pid = Number(/^\d+/.exec(text)?.[0])
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  if (!Number.isInteger(pid) || fields.length < 20) return []
  const [ticks, threads, startedAt] = [Number(fields[11]) + Number(fields[12]), Number(fields[17]), Number(fields[19])]
  return [[pid, { state: fields[0] ?? "", ticks, threads, startedAt }]]
}

/** What the script told, judged. Pure. */
function answerIn(seen: SeenProcesses, settings: Settings, question: Question): Answer {
  const { fail, named, seesAll, before, after, times, unitRestarts } = seen
  if (fail !== undefined) return failed(fail, settings, question)
  const { unit } = settings
  const pid = named?.pid
  const who = unit ?? `process ${pid}`
  const root = pid === undefined ? undefined : before.get(pid)
  if (pid !== undefined && root === undefined) {
    if (!seesAll) return inconclusive(`${who} cannot be looked at: this user sees only its own processes there`)
    return no(`${who} is not running`)
  }
  if (named?.startedAt !== undefined && root?.startedAt !== named.startedAt)
    return no(`process ${pid} is not running: its number now belongs to another`)
  if (root?.state === "Z") return no(`${who} has ended, and nobody has taken notice (zombie)`)
  if (after.size === 0 || (pid !== undefined && after.get(pid)?.startedAt !== root?.startedAt))
    return no(`${who} ended while it was looked at`)
  const [begin = 0, end = 0] = times
  const found = {
    pid,
    unit,
    processes: after.size,
    startedAt: root?.startedAt,
    upSeconds: end,
    unitRestarts,
    amounts: {
      memoryBytes: sum(after, (each) => seen.memoryBytes.get(each) ?? 0),
      cpuPercent: isAsked(settings, "cpuPercent") ? cpuPercent(before, after, end - begin) : undefined,
      openFiles: openFilesOf(seen),
      threads: sum(after, (_, { threads }) => threads),
    },
  }
  return judgeProcess(found, settings, question)
}

function failed(
  { why, words }: { readonly why: string; readonly words: string },
  { unit, pidFile }: Settings,
  { show }: Question,
): Answer {
  const said = words === "" ? "" : `: ${show(words)}`
  switch (why) {
    case "nofile":
      return no(`there is no ${pidFile}: the process is not running`)
    case "empty":
      return no(`${pidFile} holds no process id`)
    case "nounit":
      return no(`there is no unit ${unit}`)
    case "inactive":
      return no(`${unit} is not running${said}`)
    case "unreadable":
      return inconclusive(`${pidFile} cannot be read${said}`)
    case "noproc":
      return inconclusive("there is no /proc there, where processes are looked at")
    case "toomany":
      return inconclusive("more than 1,000 processes belong to it, which are not all looked at")
    case "nosystemd":
      return inconclusive(`${unit} cannot be looked at: there is no systemd there`)
    case "nogroup":
      return inconclusive(`${unit} runs, and neither its control group nor its main process can be seen`)
    default:
      return inconclusive(`${unit} cannot be looked at${said}`)
  }
}

function sum(tree: ReadonlyMap<number, Stat>, of: (pid: number, stat: Stat) => number): number {
  return [...tree].reduce((all, [pid, stat]) => all + of(pid, stat), 0)
}

/** Of one core; of those processes that were there at both looks, and all of those that have come since. */
function cpuPercent(
  before: ReadonlyMap<number, Stat>,
  after: ReadonlyMap<number, Stat>,
  seconds: number,
): number | undefined {
  if (!(seconds > 0)) return undefined
  const ticks = sum(after, (pid, stat) => {
    const then = before.get(pid)
    return stat.ticks - (then?.startedAt === stat.startedAt ? then.ticks : 0)
  })
  return Math.round((ticks / TICKS_PER_SECOND / seconds) * 1_000) / 10
}

/** Of all of them; undefined where one of them cannot be looked into. */
function openFilesOf({ after, openFiles }: SeenProcesses): number | undefined {
  let all = 0
  for (const pid of after.keys()) {
    if (!openFiles.has(pid)) continue // it ended at the end
    const count = openFiles.get(pid)
    if (count === undefined) return undefined
    all += count
  }
  return all
}
