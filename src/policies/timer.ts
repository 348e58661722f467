import { onAbort } from "./signals.ts"

// setTimeout takes a signed 32-bit number and fires at once above it, so longer waits are made of several timers.
const LONGEST_TIMER_MS = 2_147_483_647

/** Calls back once after `delayMs`, however long, and gives the function that cancels it. */
export function startTimer(delayMs: number, done: () => void): () => void {
  let leftMs = Math.max(0, Math.ceil(delayMs))
  let timer: ReturnType<typeof setTimeout> | undefined
  const step = (): void => {
    const stepMs = Math.min(leftMs, LONGEST_TIMER_MS)
    leftMs -= stepMs
    timer = setTimeout(leftMs === 0 ? done : step, stepMs)
  }
  step()
  return () => clearTimeout(timer)
}

/**
 * Waits `delayMs`: true when it slept to the end, false when `stopping` cut it short; an aborted `signal` rejects with
 * its reason at once.
 */
export async function sleep(delayMs: number, signal: AbortSignal, stopping?: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  if (stopping?.aborted === true) return false
  const undo: (() => void)[] = []
  try {
    return await new Promise<boolean>((resolve, reject) => {
      undo.push(startTimer(delayMs, () => resolve(true)))
      undo.push(onAbort(signal, reject))
      undo.push(onAbort(stopping, () => resolve(false)))
    })
  } finally {
    for (const step of undo) step()
  }
}
