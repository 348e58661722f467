import { createInterface, type Interface } from "node:readline"
import { Writable } from "node:stream"

/**
 * Asks on the terminal; an empty answer where nobody answers: the input ended, Ctrl-C, or `signal`.
 * @param options `hidden`: what is typed is not shown; the question then stands on standard error, as it does for other programs
 */
export async function ask(
  question: string,
  signal: AbortSignal | undefined,
  options: { readonly hidden?: boolean } = {},
): Promise<string> {
  const hidden = options.hidden === true
  const [first, second] = hidden ? [process.stderr, process.stdout] : [process.stdout, process.stderr]
  const output = first.isTTY === true ? first : second
  const reader = createInterface({ input: process.stdin, output: hidden ? silent() : output, terminal: true })
  // Asked only now that what is typed is read: what comes before would be lost.
  output.write(question)
  try {
    return await answerOf(reader, signal)
  } finally {
    reader.close()
    if (hidden) output.write("\n")
  }
}

function answerOf(reader: Interface, signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve) => {
    const none = (): void => resolve("")
    reader.once("line", resolve)
    reader.once("close", none)
    // In raw mode Ctrl-C is a key: it becomes the signal that it would have been. Whoever listens to it aborts `signal`.
    reader.once("SIGINT", () => {
      process.kill(process.pid, "SIGINT")
      if (signal === undefined) none()
    })
    if (signal?.aborted === true) none()
    else signal?.addEventListener("abort", none, { once: true })
  })
}

function silent(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}
