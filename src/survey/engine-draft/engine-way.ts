import { literal } from "../draft/literal.ts"

/** How the program reaches the Engine; as the docker command does where nothing is given. */
export interface EngineWay {
  readonly host?: string | undefined
  readonly context?: string | undefined
  readonly sshConfig?: string | undefined
}

/** The argument of `docker.engine`; empty where nothing is given. */
export function wayText({ host, context, sshConfig }: EngineWay): string {
  const options = [
    ...(host === undefined ? [] : [`host: ${literal(host)}`]),
    ...(context === undefined ? [] : [`context: ${literal(context)}`]),
    ...(sshConfig === undefined ? [] : [`ssh: { config: ${literal(sshConfig)} }`]),
  ]
  return options.length === 0 ? "" : `{ ${options.join(", ")} }`
}
