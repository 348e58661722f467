import { readFileSync } from "node:fs"
import { release, type } from "node:os"
import { join, resolve } from "node:path"
import { escapeText } from "../report/escape.ts"
import { builtInKind } from "../run/built-in.ts"
import type { RunSetup } from "../run/context.ts"
import { localTools } from "../run/local.ts"
import { type Call, countOf, paramsOf } from "./call.ts"
import type { Loaded } from "./load.ts"
import { secretPrompt } from "./secret-prompt.ts"

/** Folder of state: as given, or `.fettle` beside the program. */
export function stateFolderOf(call: Call, folder: string): string {
  return call.options.state === undefined ? join(folder, ".fettle") : resolve(call.around.cwd, call.options.state)
}

/** Where state lives in the place of that folder, as given or as the environment says. */
export function storeOf(call: Call): string | undefined {
  const { options, around } = call
  return addressOf(call, options.store || around.env.FETTLE_STORE || undefined)
}

/** An address as it is given on the command line: folders are seen from there. */
export function addressOf({ around }: Call, address: string | undefined): string | undefined {
  return address?.startsWith("file:") ? `file:${resolve(around.cwd, address.slice("file:".length))}` : address
}

/** What a command adds to the setup of its run. */
type Parts = Pick<RunSetup, "subscribers" | "signal" | "crash" | "stage" | "params"> & {
  readonly stopping: AbortSignal
  /** Draws nothing until the function it gives is called. */
  readonly pause: () => () => void
}

/** Everything that a run may reach for. @throws FettleError `PARAM_INVALID`, `USAGE` */
export function setupOf(call: Call, loaded: Loaded, { pause, ...parts }: Parts): RunSetup {
  const { around, options } = call
  const tools = localTools(loaded.folder, around.env)
  return {
    program: loaded.program,
    stage: options.stage,
    params: paramsOf(options),
    stateFolder: stateFolderOf(call, loaded.folder),
    store: storeOf(call),
    tellWait: (text) => process.stderr.write(`! ${escapeText(text)}\n`),
    command: call.command,
    who: around.who,
    host: around.host,
    pid: around.pid,
    ci: around.ci,
    versions: versions(),
    secrets: {
      env: (name) => around.env[name],
      run: async (command, hide) => (await tools.run(command, { env: tools.baseEnv, check: true, hide })).stdout,
      ask: around.canAsk ? secretPrompt({ pause, stopping: parts.stopping }) : undefined,
    },
    key: around.key,
    tools,
    builtIn: builtInKind,
    sources: loaded.sources,
    parallel: countOf("--parallel", options.parallel, 1),
    ...parts,
  }
}

function versions(): Readonly<Record<string, string>> {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string
  }
  return { fettle: version, node: process.versions.node, system: `${type()} ${release()} ${process.arch}` }
}
