import { createConnection, type NetConnectOpts } from "node:net"
import { causeText, FettleError } from "../../errors.ts"

/** Longest answer that is kept: some 50,000 servers. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024
/** A line longer than HAProxy's buffer (`tune.bufsize`, 16,384 as a rule) is cut off by it. */
const LINE_MAX_BYTES = 15_000

/** Where a runtime API listens. */
export type Listener = { readonly path: string } | { readonly host: string; readonly port: number }

export interface Asking {
  readonly to: Listener
  /** What people call it, for errors. */
  readonly target: string
  /** Longest time for connecting and the whole answer. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Nobody listens where the runtime API should be: whatever HAProxy ran there has ended, and its run-time servers with it. */
export class NotListening extends FettleError {}

/**
 * Sends one line of commands, separated by semicolons, and gives all that HAProxy answers until it closes.
 * @throws FettleError `CONNECTION_FAILED`, `TIMEOUT`, `HAPROXY_PROTOCOL`
 */
export async function exchange(commands: readonly string[], asking: Asking): Promise<string> {
  const line = `${commands.join(";")}\n`
  checkLine(commands, line)
  const { to, target, timeoutMs, signal } = asking
  signal.throwIfAborted()
  const socket = createConnection(to as NetConnectOpts)
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    const end = (error?: unknown): void => {
      clearTimeout(timer)
      signal.removeEventListener("abort", aborted)
      socket.destroy()
      if (error === undefined) resolve(Buffer.concat(chunks).toString("utf8"))
      else reject(error)
    }
    const aborted = (): void => end(signal.reason)
    const timer = setTimeout(
      () => end(new FettleError("TIMEOUT", `${target}: HAProxy gave no answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    signal.addEventListener("abort", aborted, { once: true })
    socket.on("connect", () => socket.write(line))
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > ANSWER_MAX_BYTES) end(tooLong(target))
    })
    socket.on("end", () => end(bytes === 0 ? silent(target) : undefined))
    socket.on("error", (error: NodeJS.ErrnoException) => end(failure(error, asking)))
  })
}

/** What ends a command of the runtime API must never come out of a value. */
function checkLine(commands: readonly string[], line: string): void {
  if (commands.some((each) => /[;\n\r\\]/.test(each)))
    throw new FettleError("HAPROXY_PROTOCOL", "a command for HAProxy holds a line break, a semicolon or a backslash")
  if (Buffer.byteLength(line) > LINE_MAX_BYTES)
    throw new FettleError("HAPROXY_PROTOCOL", `a line of ${Buffer.byteLength(line)} bytes is more than HAProxy reads`, {
      next: "change fewer servers at once",
    })
}

function tooLong(target: string): FettleError {
  return new FettleError("HAPROXY_PROTOCOL", `${target}: an answer of more than ${ANSWER_MAX_BYTES} bytes`)
}

function silent(target: string): FettleError {
  return new FettleError("HAPROXY_PROTOCOL", `${target}: the connection ended without a word`, {
    next: "see that HAProxy runs there and that this is the path of its `stats socket`",
  })
}

function failure(error: NodeJS.ErrnoException, { to, target }: Asking): FettleError {
  const nobody = error.code === "ENOENT" || error.code === "ECONNREFUSED"
  const Kind = nobody ? NotListening : FettleError
  return new Kind("CONNECTION_FAILED", `${target}: ${wordsOf(error)}`, {
    cause: error,
    next:
      "path" in to
        ? `see that HAProxy runs and its config says: stats socket ${to.path} mode 660 level admin`
        : `see that HAProxy runs and its config says: stats socket ipv4@${to.host}:${to.port} level admin`,
  })
}

function wordsOf(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "there is no such socket"
  if (error.code === "ECONNREFUSED") return "nobody listens there"
  if (error.code === "ECONNRESET" || error.code === "EPIPE") return "the connection ended without a word"
  if (error.code === "EACCES") return "this user may not open the socket"
  return causeText(error)
}
