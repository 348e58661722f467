import { setTimeout as sleep } from "node:timers/promises"

/** Most connections that begin at once in this process: more handshakes than that only wait for each other, and for every sshd's MaxStartups. */
const STARTS_MAX = 64
/** Longest pause before one of many begins, in milliseconds: so that those who share a bastion or a resolver do not all knock at once. */
const JITTER_MS = 50

let begun = 0
const waiting: (() => void)[] = []

/**
 * Waits until a connection may begin; the function it gives says that it has begun, or failed to.
 * @throws whatever `signal` was aborted with
 */
export async function mayStart(signal: AbortSignal): Promise<() => void> {
  signal.throwIfAborted()
  if (begun >= STARTS_MAX) await turn(signal)
  else begun += 1
  if (begun > 1) await sleep(Math.random() * JITTER_MS)
  let held = true
  return () => {
    if (!held) return
    held = false
    const next = waiting.shift()
    if (next === undefined) begun -= 1
    else next()
  }
}

function turn(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const mine = (): void => {
      signal.removeEventListener("abort", abort)
      resolve()
    }
    const abort = (): void => {
      waiting.splice(waiting.indexOf(mine), 1)
      reject(signal.reason)
    }
    signal.addEventListener("abort", abort, { once: true })
    waiting.push(mine)
  })
}
