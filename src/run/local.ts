import { constants } from "node:os"
import { runCommand } from "../connect/process.ts"
import { endMarked, type GroupMark, markOf } from "../connect/process-group.ts"
import type { Program } from "../program/program.ts"
import type { Json } from "../provider.ts"
import { keyPlaces } from "../secrets/key.ts"
import { CAPTURED_BYTES, type LocalTools } from "../verify/tools.ts"
import { builtInKind } from "./built-in.ts"
import type { RunSetup } from "./context.ts"

/** What a run on this machine needs to be told by its caller. */
export interface LocalOptions {
  /** Folder of the program: tasks start here, state lies in `.fettle` below it. */
  readonly folder: string
  /** The environment, as `process.env`: secrets read what they name, commands get PATH, HOME, TMPDIR and LANG. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where state lives in the place of that folder. Default: FETTLE_STORE, else as the program says. */
  readonly store?: string
  readonly command?: string
  readonly who?: string
  /** Told to whoever finds the lock taken. */
  readonly pid?: number
}

/** Of the environment, all that commands get besides what is named for them. */
const PASSED_ON = ["PATH", "HOME", "TMPDIR", "LANG"] as const

/**
 * The setup of a run on this machine, for programs that use Fettle as a library.
 * @example const result = await planProgram(localSetup(shop, { folder: import.meta.dirname, env: process.env }))
 */
export function localSetup(program: Program, options: LocalOptions): RunSetup {
  const { folder, env } = options
  const configuration = env.XDG_CONFIG_HOME || `${env.HOME ?? folder}/.config`
  const tools = localTools(folder, env)
  return {
    program,
    stateFolder: `${folder}/.fettle`,
    store: options.store ?? (env.FETTLE_STORE || undefined),
    command: options.command ?? "library",
    who: options.who ?? env.USER ?? "unknown",
    host: env.HOSTNAME ?? "this machine",
    pid: options.pid ?? 0,
    secrets: {
      env: (name) => env[name],
      run: async (command, hide) =>
        (await tools.run(command as readonly [string, ...string[]], { env: tools.baseEnv, check: true, hide })).stdout,
    },
    key: keyPlaces(env, `${configuration}/fettle/state.key`),
    tools,
    builtIn: builtInKind,
  }
}

/** Tools for tasks, checks and secrets, working in `folder`. */
export function localTools(folder: string, env: Readonly<Record<string, string | undefined>>): LocalTools {
  const baseEnv: Record<string, string> = {}
  for (const name of PASSED_ON) if (env[name] !== undefined) baseEnv[name] = env[name]
  return {
    cwd: folder,
    baseEnv,
    run: (command, options = {}) => runText(command, folder, options),
    end: async (mark) => isGroupMark(mark) && (await endMarked(mark)),
  }
}

function isGroupMark(mark: Json): mark is Json & GroupMark {
  const { pid, startedAt, bootId } = (mark ?? {}) as Record<string, unknown>
  return Number.isInteger(pid) && Number(pid) > 1 && Number.isFinite(startedAt) && typeof bootId === "string"
}

async function runText(
  command: readonly string[],
  folder: string,
  options: Parameters<LocalTools["run"]>[1] & object,
): ReturnType<LocalTools["run"]> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  const { onOutput, onStart, ...rest } = options
  const result = await runCommand(command, {
    cwd: folder,
    maxTailBytes: CAPTURED_BYTES,
    ...rest,
    onStart: (group) => {
      const mark = onStart === undefined ? undefined : markOf(group)
      if (mark !== undefined) onStart?.({ ...mark })
    },
    ...(onOutput && {
      onOutput: (stream, bytes) => onOutput(decoders[stream].decode(bytes, { stream: true }), stream),
    }),
  })
  return {
    exitCode: result.exitCode ?? 128 + (constants.signals[result.signal as NodeJS.Signals] ?? 0),
    stdout: Buffer.from(result.stdout).toString(),
    stderr: Buffer.from(result.stderr).toString(),
    durationMs: result.durationMs,
    timedOut: result.timedOut,
  }
}
