import {
  type ContainerState,
  type ContainerUse,
  containerState,
  containerUse,
  outOfMemoryKills,
} from "../../connect/docker/stats.ts"
import { type Duration, durationMs } from "../../policies/duration.ts"
import { sleep } from "../../policies/timer.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, no, type Question } from "../answer.ts"
import { judgeUsage, numberBefore } from "./usage.ts"

type Settings = ProbeSettings<"container">

/** What a container uses, as its Engine measures it. */
export const container: Asker<Settings> = { timeoutMs: 60_000, late: "inconclusive", ask }

const WORDS = {
  memoryBytes: "bytes of memory",
  cpuPercent: "% of a core",
  networkBytesPerSecond: "bytes a second over the network",
  processes: "processes",
} as const
type Name = keyof typeof WORDS
const NAMES = Object.keys(WORDS) as Name[]
/** What takes two looks. */
const RATES: readonly Name[] = ["cpuPercent", "networkBytesPerSecond"]

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const { where, signal } = question
  if (where.type !== "docker")
    return { ...inconclusive("containers are asked about on a Docker Engine"), lasting: true }
  const name = settings.container
  question.at("asking the Engine")
  const begin = await containerState(where.engine, name, signal)
  if (begin === undefined) return no(`there is no container ${question.show(name)}`)
  if (begin.status !== "running") return no(`${name} is not running: ${stateWords(begin)}`)
  const first = await containerUse(where.engine, begin.id, signal)
  const second = RATES.some((each) => isAsked(settings, each)) ? await later(settings, begin, question) : first
  const end = await containerState(where.engine, begin.id, signal)
  if (end === undefined || end.status !== "running")
    return no(`${name} ended while it was looked at${end === undefined ? "" : `: ${stateWords(end)}`}`)
  if (first === undefined || second === undefined) return inconclusive(`the Engine measures nothing of ${name}`)
  const kills = await killsOf(settings, end, second, question)
  const restarts = restartsOf(settings, end, question)
  const measured = {
    ...amountsIn(first, second, begin.startedMs === end.startedMs),
    restarts,
    startedMs: end.startedMs,
    engineRestarts: end.restarts,
    outOfMemoryKills: kills,
  }
  const limits = [
    ...NAMES.map((each) => ({
      name: each,
      words: WORDS[each],
      limit: settings[each],
      times: settings.atMostTimes?.[each],
    })),
    { name: "restarts", words: "restarts", limit: settings.restarts },
    { name: "outOfMemoryKills", words: "kills for want of memory", limit: settings.outOfMemoryKills },
  ]
  return judgeUsage(name, limits, measured, question)
}

async function later(
  { over }: Settings,
  { id }: ContainerState,
  { where, signal, at }: Question,
): Promise<ContainerUse | undefined> {
  at("measuring")
  await sleep(durationMs(over as Duration), signal)
  return where.type === "docker" ? containerUse(where.engine, id, signal) : undefined
}

function isAsked(settings: Settings, name: Name): boolean {
  return settings[name] !== undefined || settings.atMostTimes?.[name] !== undefined
}

/** @param isSame false where it was started again meanwhile: then its counters began anew */
function amountsIn(first: ContainerUse, second: ContainerUse, isSame: boolean): { readonly [N in Name]?: number } {
  const ms = second.atMs - first.atMs
  const gained = (name: "cpuNs" | "networkBytes"): number | undefined => {
    const [then, now] = [first[name], second[name]]
    return then === undefined || now === undefined || !(ms > 0) || now < then || !isSame ? undefined : now - then
  }
  const [cpuNs, networkBytes] = [gained("cpuNs"), gained("networkBytes")]
  return {
    ...(second.memoryBytes === undefined ? {} : { memoryBytes: second.memoryBytes }),
    ...(cpuNs === undefined ? {} : { cpuPercent: Math.round((cpuNs / 1_000_000 / ms) * 1_000) / 10 }),
    ...(networkBytes === undefined ? {} : { networkBytesPerSecond: Math.round((networkBytes / ms) * 1_000) }),
    ...(second.processes === undefined ? {} : { processes: second.processes }),
  }
}

/** As the Engine counts; against the time before, one more where it was started by others. */
function restartsOf({ restarts, against }: Settings, end: ContainerState, { before }: Question): number | undefined {
  if (restarts === undefined || against === undefined) return end.restarts
  if (before?.isNow === true) return 0
  const startedMs = numberBefore(before, "startedMs")
  const counted = numberBefore(before, "engineRestarts")
  if (startedMs === undefined || counted === undefined) return undefined
  return Math.max(end.restarts - counted, startedMs === end.startedMs ? 0 : 1)
}

/** Since it was made, or since the release began. */
async function killsOf(
  { outOfMemoryKills: limit, against }: Settings,
  end: ContainerState,
  { atMs }: ContainerUse,
  { where, before, signal }: Question,
): Promise<number | undefined> {
  if (limit === undefined || where.type !== "docker") return undefined
  const from = against === undefined || before === undefined ? end.createdMs : before.startedMs
  return outOfMemoryKills(where.engine, end, { from, to: atMs }, signal)
}

function stateWords({ status, exitCode, outOfMemory }: ContainerState): string {
  const why = outOfMemory ? ", for want of memory" : ""
  return status === "exited" ? `exited with ${exitCode}${why}` : `${status}${why}`
}
