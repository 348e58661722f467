import { type ChildProcessByStdio, spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { FettleError } from "../errors.ts"
import { diesWithUs, endGroup, GRACE_MS } from "./process-group.ts"
import { Tail } from "./tail.ts"

/** Names that a command gets from the base environment; all else must be named. */
const PASSED_ON = ["PATH", "HOME", "TMPDIR", "LANG"] as const
/** Characters of each stream's end that stand in an error. */
const ERROR_TAIL_CHARACTERS = 4_096
/** How long output may still come after the command itself has ended; a daemon it left behind may hold the pipe for ever. */
const LINGER_MS = 500

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
  /** Told the number of its process group as soon as it has one. */
  readonly onStart?: ((group: number) => void) | undefined
  /** Sees every chunk of output as it comes. */
  readonly onOutput?: ((stream: StreamName, bytes: Uint8Array) => void) | undefined
  /** Bytes kept of the end of each stream. Default 65,536. */
  readonly maxTailBytes?: number | undefined
  /** Throws where the command does not end with 0. Default true. */
  readonly check?: boolean | undefined
  /** Hides secrets in the output that an error shows, before it is cut. */
  readonly hide?: ((text: string) => string) | undefined
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
  if (command.some((word) => word.includes("\0")))
    throw new FettleError("COMMAND_FAILED", `${file} could not be started: one of its words holds a NUL byte`)
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
  const release = child.pid === undefined ? () => {} : diesWithUs(child.pid)
  if (child.pid !== undefined) options.onStart?.(child.pid)
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
  release()
  const result: CommandResult = {
    exitCode: ended.exitCode,
    signal: ended.signal,
    stdout: tails.stdout.bytes(),
    stderr: tails.stderr.bytes(),
    durationMs: Math.round(performance.now() - begun),
    timedOut: ended.timedOut,
  }
  const failed = failureOf(command, result, options.hide)
  if (ended.isCanceled) throw failed("CANCELLED", `${file} was cancelled`)
  if (result.exitCode === undefined && result.signal === undefined && !result.timedOut)
    throw failed("COMMAND_FAILED", `${file} could not be started`, ended.cause)
  if (options.check ?? true) refuseFailure(file, result, failed, options.timeoutMs)
  return result
}

function refuseFailure(file: string, result: CommandResult, failed: Failure, timeoutMs?: number): void {
  if (result.timedOut) throw failed("TIMEOUT", `${file} was not done within ${timeoutMs} ms`)
  if (result.exitCode === 0) return
  const how = result.signal === undefined ? `exit code ${result.exitCode}` : `signal ${result.signal}`
  throw failed("COMMAND_FAILED", `${file} ended with ${how} after ${result.durationMs} ms`)
}

type Failure = (code: "COMMAND_FAILED" | "TIMEOUT" | "CANCELLED", fact: string, cause?: unknown) => FettleError

function failureOf(
  command: readonly string[],
  result: CommandResult,
  hide: (text: string) => string = (text) => text,
): Failure {
  const tail = (bytes: Uint8Array): string => hide(Buffer.from(bytes).toString("utf8")).slice(-ERROR_TAIL_CHARACTERS)
  return (code, fact, cause) => {
    const { exitCode, signal, durationMs, stdout, stderr } = result
    const details = { command: [...command], exitCode, signal, durationMs, stdout: tail(stdout), stderr: tail(stderr) }
    return new FettleError(code, fact, { cause, details })
  }
}

function passedOn(base: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = base[name]
    if (value !== undefined) env[name] = value
  }
  return env
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

/** Starts a program of the operator's on the standard streams of this process, in its process group and environment; resolves when it has ended. */
export function startInherited(
  argv: readonly [string, ...string[]],
): Promise<{ readonly code: number | undefined; readonly signal: NodeJS.Signals | undefined }> {
  const [file, ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit" })
    child.once("error", (thrown) =>
      reject(new FettleError("COMMAND_FAILED", `${file} could not be started`, { cause: thrown })),
    )
    child.once("close", (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }))
  })
}
