/** Waits; an aborted signal rejects with its reason at once. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end)
      resolve()
    }, delayMs)
    if (signal.aborted) end()
    else signal.addEventListener("abort", end, { once: true })
  })
}
