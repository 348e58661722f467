import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import type { Container } from "./container-json.ts"
import { type ContainerProps, waitsFor } from "./container-props.ts"
import { lookAt } from "./container-read.ts"
import { healthOf } from "./container-shown.ts"
import type { Call } from "./container-steps.ts"
import { logTail } from "./log-tail.ts"

/** Between two looks: felt by nobody at first, and a small load where it takes long. */
const LOOK_MS = 50
const LOOK_MAX_MS = 1_000
/** What is to run counts as running when it has stayed up for so long: most that cannot run end at once. */
const STAYS_UP_MS = 500

/**
 * Waits until a started container is as it is to be.
 * @param restarts how often the Engine had restarted it by itself before it was started now
 * @returns it, as it was seen last
 * @throws FettleError `CONTAINER_NOT_READY` with the end of its log
 */
export async function untilReady(id: string, want: ContainerProps, call: Call, restarts = 0): Promise<Container> {
  const startedMs = performance.now()
  let [upMs, startedAt] = [startedMs, ""]
  for (let pauseMs = LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS)) {
    const container = await lookAt(id, call.connection, call.signal)
    const sinceMs = performance.now() - startedMs
    const json = container?.json
    // Measured by this clock: that of the Engine may be another.
    if (json !== undefined && json.State.StartedAt !== startedAt)
      [upMs, startedAt] = [startedAt === "" ? startedMs : performance.now(), json.State.StartedAt]
    const isRestarted = json !== undefined && json.RestartCount > restarts
    const upForMs = performance.now() - upMs
    const verdict = container === undefined ? "it is gone" : verdictOf(container, want, { upForMs, isRestarted })
    if (verdict === "ready" && container !== undefined) return container
    const isLate = verdict === "wait" && sinceMs > want.withinMs
    if (isLate || verdict !== "wait") throw await notReady(id, isLate ? lateWords(container, want) : verdict, call)
    await sleep(pauseMs, undefined, { signal: call.signal })
  }
}

interface Up {
  readonly upForMs: number
  /** Since it was started, by the Engine. */
  readonly isRestarted: boolean
}

function verdictOf({ json }: Container, want: ContainerProps, up: Up): "ready" | "wait" | (string & {}) {
  const { State } = json
  if (waitsFor(want) === "running" && (up.isRestarted || State.Restarting))
    return `it ended${State.Restarting ? ` with exit code ${State.ExitCode}` : ""}, and the Engine restarts it`
  if (State.Restarting) return "wait"
  if (State.Paused) return "it is paused"
  if (!State.Running) return `it ended with exit code ${State.ExitCode}${State.Error === "" ? "" : `: ${State.Error}`}`
  if (waitsFor(want) === "running") return up.upForMs >= Math.min(STAYS_UP_MS, want.withinMs) ? "ready" : "wait"
  const health = healthOf(json)
  if (health === "none") return "it has no health check, so it never says that it is healthy"
  return health === "healthy" ? "ready" : "wait"
}

function lateWords(container: Container | undefined, want: ContainerProps): string {
  const json = container?.json
  const now = json === undefined ? "gone" : json.State.Restarting ? "restarted over and over" : healthOf(json)
  return `it is ${now} after ${want.withinMs / 1_000} s, wanted ${waitsFor(want)}`
}

async function notReady(id: string, why: string, call: Call): Promise<FettleError> {
  const tail = await logTail(id, call).catch(() => "")
  const said = tail === "" ? "" : `; the end of its log:\n${tail}`
  return new FettleError("CONTAINER_NOT_READY", `${call.address}: ${why}${said}`, { address: call.address })
}
