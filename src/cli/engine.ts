import { openEngine } from "../connect/docker/engine.ts"
import type { EngineClient } from "../connect/docker/engine-client.ts"
import type { EngineOptions } from "../connect/docker/engine-options.ts"
import { FettleError } from "../errors.ts"
import type { OpenContext } from "../provider.ts"
import type { Call } from "./call.ts"

/** Whether a command that looks is about a Docker Engine. @throws FettleError `USAGE` where what is given is about a host */
export function isAboutEngine({ options, args, command }: Call): boolean {
  const { docker, host, context, become, local, askPassword, port } = options
  if (docker !== true) {
    if ((host === undefined && context === undefined) || args.some(isContainer)) return false
    throw new FettleError("USAGE", "--host and --context are for --docker and docker://NAME", {
      next: `fettle ${command} --docker`,
    })
  }
  const refuse = (fact: string, next: string): never => {
    throw new FettleError("USAGE", fact, { next })
  }
  if (host !== undefined && context !== undefined) refuse("give --host or --context, not both", "leave one of them out")
  if (args.length > 0)
    refuse("--docker takes no host of its own", `fettle ${command} --docker --host ssh://${args[0]?.slice(0, 80)}`)
  if (become !== undefined || askPassword === true || port !== undefined)
    refuse(
      "--become, --ask-password and --port are for hosts",
      `fettle ${command} --docker --host ssh://USER@HOST:PORT`,
    )
  if (local === true) refuse("--docker is of this machine anyway", `fettle ${command} --docker`)
  return true
}

/** Whether a word that names a host names a container. */
export function isContainer(word: string): boolean {
  return word.startsWith("docker://")
}

/** How the Engine is reached, as `docker.engine` takes it. */
export function engineOptionsOf({ options: { host, context, config } }: Call): EngineOptions {
  return {
    ...(host === undefined ? {} : { host }),
    ...(context === undefined ? {} : { context }),
    ...(config === undefined ? {} : { ssh: { config } }),
  }
}

/** Opens the Engine and gives what `use` makes of it. */
export async function withEngine<T>(
  call: Call,
  use: (client: EngineClient, target: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = new AbortController()
  const { client, target, close } = await openEngine(engineOptionsOf(call), lookingContext(call, signal))
  try {
    return await use(client, target, signal)
  } finally {
    await close()
  }
}

/** What an Engine is opened with that is only looked at. */
export function lookingContext(call: Call, signal: AbortSignal): OpenContext {
  return {
    signal,
    reveal: () => {
      throw new FettleError("INTERNAL", "an Engine that is only looked at needs no secret of a program")
    },
    log: (text) => process.stderr.write(`${text}\n`),
    env: (name) => call.around.env[name],
  }
}
