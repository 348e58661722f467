import type { Json } from "../provider.ts"

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment of the command: nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Told what the command is known by as soon as it runs, for `end` of a later run; not called where it has ended already. */
  readonly onStart?: (mark: Json) => void
  /** Called with what the command prints, as it comes. */
  readonly onOutput?: (text: string, stream: "stdout" | "stderr") => void
  /** False: a bad exit code is a result like any other. Default true. */
  readonly check?: boolean
  /** Hides secrets in the output that an error shows, before it is cut. */
  readonly hide?: (text: string) => string
}

/** Bytes kept of the end of each stream of a command: a screenful for a person would be far less, a flood far more. */
export const CAPTURED_BYTES = 1 << 20

export interface RunResult {
  /** Not 0 either where a signal ended it. */
  readonly exitCode: number
  /** The ends of what it wrote, at most `CAPTURED_BYTES` of each. */
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
  readonly timedOut: boolean
}

/** Starts a command, a list of words and no shell, and waits for its end; rejects where it cannot be started. */
export type Run = (command: readonly string[], options?: RunOptions) => Promise<RunResult>

/** What tasks and checks work with on this machine: passed in, so that they reach for nothing. */
export interface LocalTools {
  readonly run: Run
  /** Ends what a run that was killed left running; false where nothing of it was left. */
  readonly end: (mark: Json) => Promise<boolean>
  /** Folder of the program: relative paths of tasks and probes start here. */
  readonly cwd: string
  /** PATH, HOME, TMPDIR and LANG: all of our environment that commands get. */
  readonly baseEnv: Readonly<Record<string, string>>
}

/** Longest time that a timer can be set to, in milliseconds (24 days): tasks and checks keep their own limits. */
export const LONGEST_MS = 2_147_483_647

/** The end of a text, at most `maxChars` of it. */
export function tailOf(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : text.slice(text.length - maxChars)
}
