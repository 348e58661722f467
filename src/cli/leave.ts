/** Codes of a stream that mean only that nobody reads any more: `fettle plan | head`. */
const CLOSED = new Set(["EPIPE", "ECONNRESET", "EIO", "ERR_STREAM_DESTROYED"])

let isLeaving = false
let isGuarded = false
let unwritten: Error | undefined

/** Ends the process as Fettle itself wants it: with this code, or with 1 where what it had to say could not be written. */
export function leave(code: number): never {
  isLeaving = true
  if (unwritten !== undefined && code === 0)
    process.stderr.write(`the output cannot be written: ${unwritten.message}\n`)
  process.exit(unwritten !== undefined && code === 0 ? 1 : code)
}

/** What nobody reads is dropped, and the run goes on; what cannot be written, on a full disk, is an error at the end. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (!CLOSED.has(error.code ?? "")) unwritten ??= error
    })
}

/**
 * Notices an end that Fettle did not ask for: `process.exit` in a program or a provider, or nothing left that could go on.
 * Such an end is a failure whatever code it came with: what was under way is not done.
 * @param tell says so; it must write at once, since nothing asynchronous runs any more
 */
export function guardExit(tell: (stack: string) => void): void {
  if (isGuarded) return
  isGuarded = true
  process.on("exit", () => {
    if (isLeaving) return
    isLeaving = true
    process.exitCode = 1
    Error.stackTraceLimit = FRAMES
    tell(new Error("the process ended").stack ?? "")
  })
}

/** Deep enough to reach the line that ended the process from inside any library. */
const FRAMES = 50
