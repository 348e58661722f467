import { type ChildProcessByStdio, spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../errors.ts"

/** Names that a command gets from the base environment; all else must be named. */
const PASSED_ON = ["PATH", "HOME", "TMPDIR", "LANG"] as const
/** Bytes kept of the end of each stream where the caller does not say: what fits on a few screens. */
const TAIL_BYTES = 65_536
/** Bytes of each stream's end that stand in an error. */
const ERROR_TAIL_BYTES = 4_096
/** From SIGTERM to SIGKILL where the caller does not say: long enough to flush and leave, short enough for a person who pressed Ctrl-C. */
const GRACE_MS = 5_000
/** How long output may still come after the command itself has ended; a daemon it left behind may hold the pipe for ever. */
const LINGER_MS = 500

/** How long is looked for the end of a group after SIGKILL. */
const AFTER_KILL_MS = 2_000
/** How often is looked whether a group has ended. */
const GROUP_POLL_MS = 20

export type StreamName = "stdout" | "stderr"

export interface CommandOptions {
  readonly cwd?: string | undefined
  /** What the command finds in its environment besides PATH, HOME, TMPDIR and LANG. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Where PATH, HOME, TMPDIR and LANG come from. */
  readonly base?: Readonly<Record<string, string | undefined>> | undefined
  /** Given on standard input; without it standard input is empty. */
  readonly input?: string | Uint8Array | undefined
  readonly timeoutMs?: number | undefined
  /** From SIGTERM to SIGKILL on timeout or abort. Default 5,000. */
  readonly graceMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Sees every chunk of output as it comes. */
  readonly onOutput?: ((stream: StreamName, bytes: Uint8Array) => void) | undefined
  /** Bytes kept of the end of each stream. Default 65,536. */
  readonly maxTailBytes?: number | undefined
  /** Throws where the command does not end with 0. Default true. */
  readonly check?: boolean | undefined
}

export interface CommandResult {
  /** Undefined where a signal ended it, or where it could not be started. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** The end of what it wrote, at most `maxTailBytes`. */
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly durationMs: number
  readonly timedOut: boolean
}

/**
 * Runs a command without a shell, in a process group of its own; on timeout or abort the whole group gets SIGTERM and,
 * after the grace, SIGKILL, and this returns when it is gone. Its environment holds PATH, HOME, TMPDIR and LANG of `base` and what `env` names.
 *
 * execa runs it (groups, escalation, broken pipes are its trade); it is imported at the first command, because loading it costs
 * more than a whole no-op plan.
 *
 * @throws FettleError `COMMAND_FAILED` where it cannot be started, or with `check` where it fails: exit code, duration and the tails
 *   of both streams are in `details`; `TIMEOUT`, `CANCELLED`
 * @example const { stdout } = await runCommand(["git", "rev-parse", "HEAD"], { cwd, base })
 */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { execa } = await import("execa")
  const [file = "", ...args] = command
  const { graceMs = GRACE_MS } = options
  const begun = performance.now()
  const tails = { stdout: new Tail(options.maxTailBytes), stderr: new Tail(options.maxTailBytes) }
  const child = execa(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    env: { ...passedOn(options.base ?? {}), ...options.env },
    extendEnv: false,
    killDescendants: true,
    forceKillAfterDelay: graceMs,
    buffer: false,
    reject: false,
  })
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (bytes: Uint8Array) => {
      tails[name].add(bytes)
      options.onOutput?.(name, bytes)
    })
  // What it left running may keep the pipes open; the command has ended all the same.
  child.nodeChildProcess.once("exit", () =>
    setTimeout(() => [child.stdout.destroy(), child.stderr.destroy()], LINGER_MS).unref(),
  )
  const ended = await child
  if ((ended.timedOut || ended.isCanceled) && child.pid !== undefined) await endGroup(child.pid, graceMs)
  const result: CommandResult = {
    exitCode: ended.exitCode,
    signal: ended.signal,
    stdout: tails.stdout.bytes(),
    stderr: tails.stderr.bytes(),
    durationMs: Math.round(performance.now() - begun),
    timedOut: ended.timedOut,
  }
  if (ended.isCanceled) throw failure("CANCELLED", `${file} was cancelled`, command, result)
  if (result.exitCode === undefined && result.signal === undefined && !result.timedOut)
    throw failure("COMMAND_FAILED", `${file} could not be started`, command, result, ended.cause)
  if (options.check ?? true) refuseFailure(file, command, result, options.timeoutMs)
  return result
}

/**
 * Waits for the rest of a process group that has had SIGTERM; after the grace it gets SIGKILL. Not for ever: nothing outlives
 * SIGKILL but zombies, which are gone when whoever is their parent now asks for them.
 */
async function endGroup(group: number, graceMs: number): Promise<void> {
  const killAt = performance.now() + graceMs
  for (let now = performance.now(); now < killAt + AFTER_KILL_MS; now = performance.now()) {
    if (!signalGroup(group, now < killAt ? 0 : "SIGKILL")) return
    await sleep(GROUP_POLL_MS)
  }
}

/** False once nobody is left in the group. */
function signalGroup(group: number, signal: 0 | "SIGKILL"): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}

function refuseFailure(file: string, command: readonly string[], result: CommandResult, timeoutMs?: number): void {
  if (result.timedOut) throw failure("TIMEOUT", `${file} was not done within ${timeoutMs} ms`, command, result)
  if (result.exitCode === 0) return
  const how = result.signal === undefined ? `exit code ${result.exitCode}` : `signal ${result.signal}`
  throw failure("COMMAND_FAILED", `${file} ended with ${how} after ${result.durationMs} ms`, command, result)
}

function failure(
  code: "COMMAND_FAILED" | "TIMEOUT" | "CANCELLED",
  fact: string,
  command: readonly string[],
  result: CommandResult,
  cause?: unknown,
): FettleError {
  const tail = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(-ERROR_TAIL_BYTES)).toString("utf8")
  const { exitCode, signal, durationMs, stdout, stderr } = result
  return new FettleError(code, fact, {
    cause,
    details: { command: [...command], exitCode, signal, durationMs, stdout: tail(stdout), stderr: tail(stderr) },
  })
}

function passedOn(base: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = base[name]
    if (value !== undefined) env[name] = value
  }
  return env
}

/** The last bytes of a stream of any length. */
class Tail {
  readonly #limit: number
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(limit: number = TAIL_BYTES) {
    this.#limit = limit
  }

  add(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#size += bytes.length
    if (this.#size > 2 * this.#limit + bytes.length) this.#trim()
  }

  bytes(): Uint8Array {
    this.#trim()
    return this.#chunks[0] ?? new Uint8Array()
  }

  #trim(): void {
    const all = Buffer.concat(this.#chunks)
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - this.#limit)))
    this.#chunks = [kept]
    this.#size = kept.length
  }
}

/** A long-lived child whose three streams are pipes. */
export type PipedChild = ChildProcessByStdio<Writable, Readable, Readable>

/**
 * Starts a child in a session of its own, so that a Ctrl-C on the terminal does not reach it, with pipes on its three streams.
 * It inherits the environment; who must not see it cleans it first. node:child_process and not execa: it stands in the path of
 * every plan. Ends of the child and of its pipes come as events.
 */
export function startPiped(argv: readonly [string, ...string[]]): PipedChild {
  const [file, ...args] = argv
  return spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], detached: true })
}
