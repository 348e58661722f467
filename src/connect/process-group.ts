import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

/** From SIGTERM to SIGKILL where the caller does not say: long enough to flush and leave, short enough for a person who pressed Ctrl-C. */
export const GRACE_MS = 5_000
/** How long is looked for the end of a group after SIGKILL. */
const AFTER_KILL_MS = 2_000
/** How often is looked whether a group has ended. */
const GROUP_POLL_MS = 20

/** What tells the process group of a command from every other one, also in a later run: its leader, when that began, in which boot. */
export interface GroupMark {
  readonly pid: number
  /** Clock ticks after boot. */
  readonly startedAt: number
  readonly bootId: string
}

/** The mark of a group whose leader runs now; undefined where it has ended already, and on systems without `/proc`. */
export function markOf(pid: number): GroupMark | undefined {
  const leader = statOf(pid)
  const bootId = bootIdNow()
  return leader === undefined || bootId === undefined ? undefined : { pid, startedAt: leader.startedAt, bootId }
}

/**
 * Ends what is left of a marked group: SIGTERM, after the grace SIGKILL, back when it is gone.
 * @returns false where nothing of it was left
 */
export async function endMarked(mark: GroupMark, graceMs: number = GRACE_MS): Promise<boolean> {
  if (mark.bootId !== bootIdNow() || !isLeft(mark)) return false
  signalGroup(mark.pid, "SIGTERM")
  await endGroup(mark.pid, graceMs)
  return true
}

/** Without its leader a group keeps the number, and no new process gets it: who is in it began no earlier than the mark. */
function isLeft({ pid, startedAt }: GroupMark): boolean {
  const leader = statOf(pid)
  if (leader !== undefined && leader.state !== "Z") return leader.startedAt === startedAt
  return readdirSync("/proc").some((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined
    return stat?.group === pid && stat.session === pid && stat.state !== "Z" && stat.startedAt >= startedAt
  })
}

interface Stat {
  readonly state: string
  readonly group: number
  readonly session: number
  readonly startedAt: number
}

function statOf(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ") // its name may hold spaces and brackets; field 3 is next
  return { state: fields[0] ?? "", group: Number(fields[2]), session: Number(fields[3]), startedAt: Number(fields[19]) }
}

function bootIdNow(): string | undefined {
  return read("/proc/sys/kernel/random/boot_id")?.trim()
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/**
 * Waits for the rest of a process group that has had SIGTERM; after the grace it gets SIGKILL. Not for ever: nothing outlives
 * SIGKILL but zombies, which are gone when whoever is their parent now asks for them.
 */
export async function endGroup(group: number, graceMs: number): Promise<void> {
  const killAt = performance.now() + graceMs
  for (let now = performance.now(); now < killAt + AFTER_KILL_MS; now = performance.now()) {
    if (!signalGroup(group, now < killAt ? 0 : "SIGKILL")) return
    await sleep(GROUP_POLL_MS)
  }
}

/** False once nobody is left in the group. */
function signalGroup(group: number, signal: 0 | "SIGTERM" | "SIGKILL"): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}

const living = new Set<number>()
let isWatching = false

/** Until the returned function is called, the group dies with this process: nobody waits for the end of its grace then. */
export function diesWithUs(group: number): () => void {
  living.add(group)
  if (!isWatching) process.once("exit", () => living.forEach((each) => void signalGroup(each, "SIGKILL")))
  isWatching = true
  return () => living.delete(group)
}
