import { existsSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { asFettleError, FettleError } from "../errors.ts"
import { sinksOf } from "../program/audit-sinks.ts"
import { DEFAULT_STAGE } from "../program/program.ts"
import { escapeText } from "../report/escape.ts"
import type { Accounting } from "../run/account.ts"
import { homeOf } from "../run/home.ts"
import { localTools } from "../run/local.ts"
import type { StatePlace } from "../run/state-edit.ts"
import { fileHome } from "../state/file-home.ts"
import type { StateHome } from "../state/home.ts"
import type { Call } from "./call.ts"
import { findFile, type Loaded, loadProgram } from "./load.ts"
import { stateFolderOf, storeOf } from "./setup.ts"

/** Whose state a command is about. */
export interface Found extends StatePlace {
  readonly program: string
  readonly stage: string
  readonly folder: string
  readonly accounting: Accounting
  /** Undefined where the program cannot be loaded: state can be looked at and mended all the same. */
  readonly loaded: Loaded | undefined
}

/**
 * The state that a command is about: of the program, or, where that cannot be loaded, the only one of its stage in the folder.
 * @throws FettleError those of loading, where the folder does not say which state is meant; `STAGE_UNKNOWN`
 */
export async function findState(call: Call): Promise<Found> {
  const { around, options, command } = call
  const stage = options.stage ?? DEFAULT_STAGE
  const holder = { who: around.who, host: around.host, pid: around.pid, command }
  try {
    const loaded = await loadProgram(call)
    const folder = stateFolderOf(call, loaded.folder)
    const { key, env } = around
    const secrets = { env: (name: string) => env[name], run: noCommand }
    const home = await homeOf({
      program: loaded.program,
      stage,
      stateFolder: folder,
      store: storeOf(call),
      key,
      secrets,
    })
    await refuseUnknown(loaded, stage, home)
    const accounting = accountingOf(call, home, loaded)
    return { home, holder, accounting, program: loaded.program.name, stage, folder, loaded }
  } catch (thrown) {
    const folder = stateFolderOf(call, programFolder(call))
    const program = onlyProgram(folder, stage)
    if (
      program === undefined ||
      storeOf(call) !== undefined ||
      (thrown instanceof FettleError && thrown.code === "STAGE_UNKNOWN")
    )
      throw thrown
    const { code, fact } = asFettleError(thrown, "PROGRAM_THREW")
    const why = escapeText(`${code}: ${fact.split("\n")[0]}`)
    process.stderr.write(
      `! The program cannot be loaded (${why}); going on with the state of ${escapeText(program)}.\n`,
    )
    const home = fileHome(join(folder, `${program}.${stage}.db`))
    const accounting = accountingOf(call, home, undefined)
    return { home, holder, accounting, program, stage, folder, loaded: undefined }
  }
}

/** How it is recorded what a command does that is no run. Sinks are the program's: one that cannot be loaded names none. */
export function accountingOf(call: Call, home: StateHome, loaded: Loaded | undefined): Accounting {
  const { around, options, command } = call
  const { who, host, pid, ci, key, env, cwd } = around
  const folder = loaded?.folder ?? cwd
  const tools = localTools(folder, env)
  return {
    home,
    actor: { who, host, pid, command, ci },
    keys: key,
    sinks: sinksOf(loaded?.program.options.audit, options.stage ?? DEFAULT_STAGE),
    secrets: {
      env: (name) => env[name],
      run: async (words, hide) =>
        (await tools.run(words as [string, ...string[]], { env: tools.baseEnv, check: true, hide })).stdout,
    },
    folder,
    base: tools.baseEnv,
    warn: (text) => process.stderr.write(`! ${escapeText(text)}\n`),
  }
}

/** Where state lives is said without running anything. */
function noCommand(): never {
  throw new FettleError("INTERNAL", "a store was to be found by a command")
}

/** A stage that was taken out of the program may still have state. */
async function refuseUnknown({ program }: Loaded, stage: string, home: StateHome): Promise<void> {
  if (stage === DEFAULT_STAGE || Object.hasOwn(program.stages, stage) || (await home.exists())) return
  throw new FettleError(
    "STAGE_UNKNOWN",
    `${program.name} has no stage ${JSON.stringify(stage)}, and there is no state of one`,
    { place: program.place },
  )
}

function programFolder({ options, around }: Call): string {
  try {
    return dirname(findFile(options.file, around.cwd))
  } catch {
    return around.cwd
  }
}

function onlyProgram(folder: string, stage: string): string | undefined {
  const ending = `.${stage}.db`
  const files = existsSync(folder)
    ? readdirSync(folder).filter((name) => name.endsWith(ending) && name.length > ending.length)
    : []
  return files.length === 1 ? files[0]?.slice(0, -ending.length) : undefined
}
