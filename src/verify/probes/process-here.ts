import { constants } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { causeText } from "../../errors.ts"
import { type Duration, durationMs } from "../../policies/duration.ts"
import { sleep } from "../../policies/timer.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, inconclusive, no, type Question } from "../answer.ts"
import { isAsked, judgeProcess, TICKS_PER_SECOND } from "./process-amounts.ts"

type Settings = ProbeSettings<"process">

/** Looks at a process and its children in /proc of this machine, on Linux. */
export async function processHere(settings: Settings, question: Question): Promise<Answer> {
  try {
    await readFile("/proc/self/stat")
  } catch {
    return inconclusive("this machine has no /proc, where processes are looked at")
  }
  const named =
    settings.pid === undefined
      ? await namedIn(resolve(question.tools.cwd, settings.pidFile ?? ""))
      : { pid: settings.pid, startedAt: undefined }
  if ("verdict" in named) return named
  const { pid, startedAt } = named
  try {
    if (startedAt !== undefined && (await statOf(pid)).startedAt !== startedAt)
      return no(`process ${pid} is not running: its number now belongs to another`)
    return await measure(pid, settings, question)
  } catch (error) {
    if (question.signal.aborted) throw error
    return isGone(error)
      ? no(`process ${pid} is not running`)
      : inconclusive(`process ${pid} cannot be looked at: ${causeText(error)}`)
  }
}

/** A fifo must not make us wait for its writer. */
const UNHELD = { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NONBLOCK } as const

interface NamedProcess {
  readonly pid: number
  /** Clock ticks after boot, where the file says them, as those of `host.process` do. */
  readonly startedAt: number | undefined
}

/** The first number of a pid file, and the one beside it. */
async function namedIn(path: string): Promise<NamedProcess | Answer> {
  try {
    const [, pid, startedAt] = /^\s*(\d+)(?:[ \t]+(\d+)\b)?/.exec(await readFile(path, UNHELD)) ?? []
    if (pid === undefined) return no(`${path} holds no process id`)
    return { pid: Number(pid), startedAt: startedAt === undefined ? undefined : Number(startedAt) }
  } catch (error) {
    return isGone(error)
      ? no(`there is no ${path}: the process is not running`)
      : inconclusive(`${path} cannot be read: ${causeText(error)}`)
  }
}

async function measure(pid: number, settings: Settings, question: Question): Promise<Answer> {
  const { signal, at } = question
  const root = await statOf(pid)
  if (root.state === "Z") return no(`process ${pid} has ended, and nobody has taken notice (zombie)`)
  const before = await treeOf(pid, settings.alone)
  const started = performance.now()
  at("measuring")
  const overMs = !isAsked(settings, "cpuPercent") ? 0 : durationMs(settings.over as Duration)
  if (overMs > 0) await sleep(overMs, signal)
  const now = await statOf(pid)
  if (now.startedAt !== root.startedAt) return no(`process ${pid} ended while it was looked at`)
  const after = overMs > 0 ? await treeOf(pid, settings.alone) : before
  const seconds = (performance.now() - started) / 1_000
  const cpuPercent =
    overMs > 0
      ? Math.round(((ticksOf(after) - ticksOf(before, after)) / TICKS_PER_SECOND / seconds) * 1_000) / 10
      : undefined
  const pids = [...after.keys()]
  const [memory, files] = await Promise.all([
    sum(pids, memoryOf),
    isAsked(settings, "openFiles") ? sum(pids, openFilesOf) : undefined,
  ])
  const upSeconds = Number((await readFile("/proc/uptime", "utf8")).split(" ")[0])
  const found = {
    pid,
    processes: pids.length,
    startedAt: root.startedAt,
    upSeconds,
    amounts: { memoryBytes: memory, cpuPercent, openFiles: files, threads: threadsOf(after) },
  }
  return judgeProcess(found, settings, question)
}

interface Stat {
  readonly state: string
  /** Clock ticks of CPU used by it, in user and kernel mode. */
  readonly ticks: number
  /** Clock ticks after boot: tells a process from a later one with its number. */
  readonly startedAt: number
  readonly threads: number
}

async function statOf(pid: number): Promise<Stat> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8")
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ") // its name may hold spaces and brackets; field 3 is next
  return {
    state: fields[0] ?? "",
    ticks: Number(fields[11]) + Number(fields[12]),
    threads: Number(fields[17]),
    startedAt: Number(fields[19]),
  }
}

/** A process and all below it that are still there. */
async function treeOf(pid: number, alone: boolean): Promise<ReadonlyMap<number, Stat>> {
  const tree = new Map<number, Stat>()
  const queue = [pid]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const stat = await unlessGone(() => statOf(next as number))
    if (stat === undefined || tree.has(next)) continue
    tree.set(next, stat)
    if (!alone) queue.push(...((await unlessGone(() => childrenOf(next as number))) ?? []))
  }
  return tree
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(
    threads.map((thread) => unlessGone(() => readFile(`/proc/${pid}/task/${thread}/children`, "utf8"))),
  )
  return lists.flatMap((list) => (list ?? "").split(" ").filter(Boolean).map(Number))
}

/** Ticks of a tree; with `of`, only of those of its processes that are also there. */
function ticksOf(tree: ReadonlyMap<number, Stat>, of: ReadonlyMap<number, Stat> = tree): number {
  return [...tree].reduce((all, [pid, stat]) => all + (of.get(pid)?.startedAt === stat.startedAt ? stat.ticks : 0), 0)
}

function threadsOf(tree: ReadonlyMap<number, Stat>): number {
  return [...tree.values()].reduce((all, { threads }) => all + threads, 0)
}

async function memoryOf(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s*(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]
  return Number(kilobytes ?? 0) * 1_024
}

async function openFilesOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

async function sum(pids: readonly number[], measure: (pid: number) => Promise<number>): Promise<number> {
  const values = await Promise.all(pids.map((pid) => unlessGone(() => measure(pid))))
  return values.reduce<number>((all, value) => all + (value ?? 0), 0)
}

async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === "ENOENT" || code === "ESRCH"
}
