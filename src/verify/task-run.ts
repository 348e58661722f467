import { causeText, FettleError } from "../errors.ts"
import { follow, onAbort } from "../policies/signals.ts"
import { startTimer } from "../policies/timer.ts"
import type { TaskCall, TaskFunction, TaskProps } from "../program/task.ts"
import type { Json, Write } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import { FileHasher } from "./hash-files.ts"
import { asJson } from "./json-value.ts"
import { baseOf, observe, type TaskFiles } from "./task-inputs.ts"
import type { TaskOutputs } from "./task-plan.ts"
import { type LocalTools, type RunOptions, type RunResult, tailOf } from "./tools.ts"

/** Limit of a task that names none: ten minutes, enough for a build, short enough to be noticed. */
const TIMEOUT_MS = 600_000
/** Longest result taken from what a command prints, in characters; the log has all of it. */
const RESULT_MAX = 65_536
/** What an error keeps of each stream, in characters. */
const TAIL_MAX = 2_000
/** Longest last line quoted in an error's fact, in characters. */
const LINE_MAX = 200

type Call = Write<LocalTools>

/**
 * Runs a task: its inputs are hashed, then its command or function runs, then its outputs are looked at.
 * @throws FettleError `TASK_FAILED` with exit code, duration and the tail of both streams; `CANCELLED`
 */
export async function runTask(
  want: TaskProps,
  call: Call,
): Promise<{ readonly outputs: TaskOutputs; readonly files: TaskFiles }> {
  const base = baseOf(want, call.connection.cwd)
  const before = await observe(want, base, new FileHasher(call.signal), call.signal)
  const started = performance.now()
  const { run } = want
  const marked = remembering(call)
  const result =
    typeof run === "function" ? await callFunction(run, want, base, marked) : await runCommand(run, want, base, marked)
  const durationMs = Math.round(performance.now() - started)
  const after = await observe({ ...want, files: [] }, base, new FileHasher(call.signal), call.signal)
  if (after.missing.length > 0)
    throw failed(
      `it ended well but did not make ${after.missing.join(", ")}`,
      { durationMs, notMade: true },
      undefined,
      "let the task make all of its outputs, or correct the list",
    )
  const outputs = { result, inputsHash: before.inputsHash, outputsHash: after.outputsHash, durationMs }
  return { outputs, files: { inputs: before.files.inputs, outputs: after.files.outputs } }
}

/**
 * The same call, and each command that it starts stands with the intent in the journal: it lives on when Fettle is killed, and
 * must have ended before the next run begins it anew. Where that cannot be written the command is stopped.
 */
function remembering(call: Call): Call {
  const marks: Json[] = []
  const run: LocalTools["run"] = async (command, options = {}) => {
    const { controller, release } = follow([options.signal])
    let written: Promise<void> = Promise.resolve()
    const onStart = (mark: Json): void => {
      marks.push(mark)
      written = call.progress({ commands: [...marks] })
      written.catch((thrown: unknown) => controller.abort(thrown))
    }
    try {
      return await call.connection.run(command, { ...options, signal: controller.signal, onStart })
    } finally {
      release()
      await written
    }
  }
  return { ...call, connection: { ...call.connection, run } }
}

async function runCommand(words: readonly unknown[], want: TaskProps, base: string, call: Call): Promise<string> {
  const options = {
    cwd: base,
    env: environment(want, call),
    timeoutMs: want.timeoutMs ?? TIMEOUT_MS,
    signal: call.signal,
  }
  const input = want.input === undefined ? {} : { input: opened(want.input, call) }
  const command = words.map((word) => opened(word, call))
  const raw = await started(command, { ...options, ...input }, call)
  const hide = (text: string): string => call.hide?.(text) ?? text
  const ended = { ...raw, stdout: hide(raw.stdout), stderr: hide(raw.stderr) }
  if (ended.timedOut)
    throw failed(
      `it was stopped after ${seconds(options.timeoutMs)}, its limit${
        ended.durationMs > 2 * options.timeoutMs ? `; it was gone ${seconds(ended.durationMs)} after its start` : ""
      }`,
      facts(ended),
      undefined,
      "see why it hangs; raise timeoutMs of the task if it is merely slow",
    )
  if (ended.exitCode !== 0) throw failed(ending(ended), { ...facts(ended), notMade: true })
  return tailOf(ended.stdout.trim(), RESULT_MAX)
}

/** Starts a command with its output going to the log as it comes. A bad exit code is a result. */
async function started(command: readonly string[], options: RunOptions, call: Call): Promise<RunResult> {
  try {
    return await call.connection.run(command, {
      ...options,
      check: false,
      onOutput: (text, stream) => call.log(text, stream),
    })
  } catch (error) {
    if (call.signal.aborted) throw cancelled(call.signal)
    if (error instanceof FettleError && error.code !== "COMMAND_FAILED") throw error
    const words = causeText(error)
    const next = /\bENOENT\b/.test(words)
      ? "install the command, or correct its name; PATH is what fettle was started with"
      : "correct the command or the rights of its file"
    throw failed(words, { notMade: true }, error, next)
  }
}

/** The environment holds what is named, and nothing else but what every program needs. */
function environment(want: Pick<TaskProps, "env">, call: Call): Record<string, string> {
  const named = Object.entries(want.env).map(([name, value]) => [name, opened(value, call)] as const)
  return { ...call.connection.baseEnv, ...Object.fromEntries(named) }
}

function opened(value: unknown, call: Call): string {
  return value instanceof Secret ? String(call.reveal(value)) : String(value)
}

async function callFunction(run: TaskFunction, want: TaskProps, base: string, call: Call): Promise<unknown> {
  const limitMs = want.timeoutMs ?? TIMEOUT_MS
  const started = performance.now()
  const { controller, release } = follow([call.signal])
  const late = failed(
    `it was stopped after ${seconds(limitMs)}, its limit`,
    { timedOut: true, durationMs: limitMs },
    undefined,
    "see why it hangs; raise timeoutMs of the task if it is merely slow",
  )
  const stopTimer = startTimer(limitMs, () => controller.abort(late))
  try {
    const inner: Call = { ...call, signal: controller.signal }
    const result = await unlessAborted(controller.signal, async () => run(taskCall(want, base, inner)))
    return asJson(result)
  } catch (error) {
    if (call.signal.aborted) throw cancelled(call.signal)
    if (error === late) throw late
    throw threw(error, Math.round(performance.now() - started))
  } finally {
    stopTimer()
    release()
  }
}

/** A function that does not heed its signal is left to itself. */
async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = onAbort(signal, reject)
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    stop()
  }
}

function taskCall(want: TaskProps, base: string, call: Call): TaskCall {
  return {
    signal: call.signal,
    values: want.values,
    reveal: (secret) => call.reveal(secret),
    log: (text) => call.log(text),
    run: async (command, options = {}) => {
      const { cwd = ".", env = {}, check = true, timeoutMs = TIMEOUT_MS, input } = options
      const place = { cwd: baseOf({ cwd }, base), env: { ...environment(want, call), ...env } }
      const ended = await started(
        command,
        { ...place, timeoutMs, signal: call.signal, ...(input === undefined ? {} : { input }) },
        call,
      )
      if (check && (ended.exitCode !== 0 || ended.timedOut))
        throw new FettleError("COMMAND_FAILED", `${command[0]}: ${ending(ended)}`, { details: facts(ended) })
      return { stdout: ended.stdout, stderr: ended.stderr, exitCode: ended.exitCode }
    },
  }
}

function threw(error: unknown, durationMs: number): FettleError {
  const inner = error instanceof FettleError ? error.details : undefined
  const next = error instanceof FettleError && error.code !== "COMMAND_FAILED" ? error.next : undefined
  return failed(
    `its function threw after ${seconds(durationMs)}: ${causeText(error)}`,
    { ...inner, durationMs, notMade: true },
    error,
    next,
  )
}

/** `notMade` says that the task ended by itself: it was not cut off, and its intent is settled. */
function failed(fact: string, details: Record<string, unknown>, cause?: unknown, next?: string): FettleError {
  return new FettleError("TASK_FAILED", fact, { details, cause, next })
}

function ending(ended: RunResult): string {
  const how = ended.timedOut
    ? `stopped after ${seconds(ended.durationMs)}`
    : `exit code ${ended.exitCode} after ${seconds(ended.durationMs)}`
  const last = lastLine(ended.stderr) || lastLine(ended.stdout)
  return last === "" ? how : `${how}: ${last}`
}

function lastLine(text: string): string {
  return (tailOf(text, TAIL_MAX).trimEnd().split(/\r?\n/).at(-1) ?? "").trim().slice(0, LINE_MAX)
}

function facts(ended: RunResult): Record<string, unknown> {
  const { exitCode, durationMs, timedOut } = ended
  return {
    exitCode,
    durationMs,
    timedOut,
    stdoutTail: tailOf(ended.stdout, TAIL_MAX),
    stderrTail: tailOf(ended.stderr, TAIL_MAX),
  }
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

/** Why a signal was aborted, as an error of ours. */
export function cancelled(signal: AbortSignal): FettleError {
  return signal.reason instanceof FettleError ? signal.reason : new FettleError("CANCELLED", "it was cancelled")
}
