import type { Duplex } from "node:stream"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { FettleError } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import { Tail } from "../tail.ts"
import { Deadline } from "./deadline.ts"
import { Demultiplexer, type OutputStream } from "./demultiplexer.ts"
import type { EngineClient } from "./engine-client.ts"

/** The exit code is known a moment after the last output. */
const EXIT_LOOK_MS = 20
const EXIT_LOOKS = 100
/** Of each output, the end of so many characters stands in an error. */
const ERROR_TAIL_CHARACTERS = 4_096

/** How a connection ends whose other side no longer reads. */
const RESETS: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"])

export interface ExecOptions {
  /** Given on standard input; without it standard input is empty. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>
  /** Beside the environment of the container. What is secret is in no argument list and no log of the Engine. */
  readonly env?: Readonly<Record<string, string>>
  /** A name or a number, with a group after a colon. Default: the container's. */
  readonly user?: string
  /** Default: the container's. */
  readonly cwd?: string
  /** Until the command has ended. Default: no limit. The Engine cannot end it: what takes longer may go on. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Sees every piece of output as it comes; while it waits, so does the command. */
  readonly onOutput?: (stream: OutputStream, bytes: Uint8Array) => void | Promise<void>
  /** Bytes kept of the end of each output. Default 65,536. */
  readonly maxTailBytes?: number
  /** Throws where the command does not end with 0. Default true. */
  readonly check?: boolean
}

export interface ExecResult {
  readonly exitCode: number
  /** The end of what it wrote, at most `maxTailBytes`. */
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly durationMs: number
}

/**
 * Runs a command in a running container, without a shell and without a terminal.
 * @throws FettleError `COMMAND_FAILED` with `check` where it fails: exit code and both tails are in `details`; `DOCKER_FAILED` where it
 *   was not begun (`notMade: true`) or its end was not heard; `TIMEOUT`, `CANCELLED`
 * @example const { stdout } = await exec(engine, "db", ["pg_dump", "shop"], { onOutput })
 */
export async function exec(
  client: EngineClient,
  container: string,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const begunMs = performance.now()
  const tails = { stdout: new Tail(options.maxTailBytes), stderr: new Tail(options.maxTailBytes) }
  const deadline = deadlineOf(options, `${command[0]} in ${container}`)
  try {
    const words = { ...options, input: options.input !== undefined }
    const id = await createExec(client, container, command, words, deadline.signal)
    const socket = await start(client, id, options, deadline.signal)
    await converse(socket, options, tails)
    const exitCode = await exitCodeOf(client, id, deadline.signal)
    const durationMs = Math.round(performance.now() - begunMs)
    const result = { exitCode, stdout: tails.stdout.bytes(), stderr: tails.stderr.bytes(), durationMs }
    if (exitCode !== 0 && (options.check ?? true)) throw failed(client, container, command, result)
    return result
  } finally {
    deadline.end()
  }
}

function deadlineOf({ timeoutMs, signal }: ExecOptions, what: string): Deadline {
  const late = (): FettleError =>
    new FettleError("TIMEOUT", `${what} was not done within ${timeoutMs} ms; it may go on there`, {
      details: { timeoutMs },
    })
  return new Deadline({
    timeoutMs,
    signal,
    late,
    cancelled: () => new FettleError("CANCELLED", `${what} was cancelled`),
  })
}

/** Makes ready what is to run, and gives its id. Nothing runs yet: whatever goes wrong, the command was not begun. */
export async function createExec(
  client: EngineClient,
  container: string,
  command: readonly string[],
  { input, env, user, cwd }: Pick<ExecOptions, "env" | "user" | "cwd"> & { readonly input: boolean },
  signal: AbortSignal,
): Promise<string> {
  const body = {
    Cmd: command,
    AttachStdin: input,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    ...(env && { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`) }),
    ...(user !== undefined && { User: user }),
    ...(cwd !== undefined && { WorkingDir: cwd }),
  }
  try {
    const { json } = await client.json("POST", `/containers/${encodeURIComponent(container)}/exec`, { body, signal })
    const { Id } = Object(json)
    if (typeof Id === "string" && /^[0-9a-f]{1,64}$/.test(Id)) return Id
    throw new FettleError("DOCKER_PROTOCOL", `the Engine tells no id of what is to run in ${container}`)
  } catch (thrown) {
    if (!(thrown instanceof FettleError)) throw thrown
    const { code, fact, cause, next, details } = thrown
    throw new FettleError(code, fact, { cause, next, details: { ...details, notMade: true } })
  }
}

function start(client: EngineClient, id: string, { timeoutMs }: ExecOptions, signal: AbortSignal): Promise<Duplex> {
  const call = { body: { Detach: false, Tty: false }, signal, ...(timeoutMs !== undefined && { timeoutMs: 0 }) }
  return client.upgrade("POST", `/exec/${id}/start`, "tcp", call)
}

/** Hands the input over and takes the output, each no faster than the other side goes. */
async function converse(
  socket: Duplex,
  { input, onOutput }: ExecOptions,
  tails: Readonly<Record<OutputStream, Tail>>,
): Promise<void> {
  let pieces: [stream: OutputStream, bytes: Buffer][] = []
  const parser = new Demultiplexer((stream, bytes) => {
    tails[stream].add(bytes)
    if (onOutput !== undefined && bytes.length > 0) pieces.push([stream, bytes])
  })
  const sending = send(socket, input)
  sending.catch(() => {}) // a command need not read what it is given
  try {
    for await (const chunk of socket) {
      parser.push(chunk as Buffer)
      for (const [stream, bytes] of pieces) await onOutput?.(stream, bytes)
      pieces = []
    }
    parser.end()
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    // An Engine that closes while input is on its way to a command that has ended resets the connection; what that wrote came before.
    if (input !== undefined && RESETS.has((thrown as NodeJS.ErrnoException).code ?? "")) return parser.end()
    throw new FettleError("DOCKER_FAILED", "the connection to a command in a container was lost", { cause: thrown })
  } finally {
    socket.destroy()
  }
}

/** The end of the input is the end of our half of the connection. */
async function send(socket: Duplex, input: ExecOptions["input"]): Promise<void> {
  if (input === undefined) return
  if (typeof input === "string" || input instanceof Uint8Array) {
    socket.end(input)
    return
  }
  await pipeline(Readable.from(input, { objectMode: false }), socket, { end: true })
}

async function exitCodeOf(client: EngineClient, id: string, signal: AbortSignal): Promise<number> {
  for (let look = 0; look < EXIT_LOOKS; look += 1) {
    const { json } = await client.json("GET", `/exec/${id}/json`, { signal })
    const { Running, ExitCode } = Object(json)
    if (Running !== true && typeof ExitCode === "number") return ExitCode
    await sleep(EXIT_LOOK_MS, signal)
  }
  throw new FettleError("DOCKER_FAILED", "a command in a container closed its output and did not end")
}

function failed(
  client: EngineClient,
  container: string,
  command: readonly string[],
  { exitCode, stdout, stderr, durationMs }: ExecResult,
): FettleError {
  const tail = (bytes: Uint8Array): string =>
    client.hide(Buffer.from(bytes).toString("utf8")).slice(-ERROR_TAIL_CHARACTERS)
  const details = { command: [...command], exitCode, durationMs, stdout: tail(stdout), stderr: tail(stderr) }
  return new FettleError(
    "COMMAND_FAILED",
    `${command[0]} in ${container} ended with exit code ${exitCode} after ${durationMs} ms`,
    { details },
  )
}
