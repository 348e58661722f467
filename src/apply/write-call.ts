import { FettleError } from "../errors.ts"
import type { Engine } from "../plan/engine.ts"
import type { Sessions } from "../plan/sessions.ts"
import type { Work } from "../plan/work.ts"
import { secretsIn } from "../program/output.ts"
import type { Intent, Json, Write } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import type { NodeLog } from "./node-log.ts"

/** What a provider's write may use: bound to the secrets its node names and to its line in the journal. */
export function writeCall<C>(
  work: Work,
  intent: Intent,
  connection: C,
  engine: Engine,
  nodeLog: NodeLog,
  progress: (json: Json) => Promise<void>,
  sessions: Pick<Sessions, "driver">,
  stopping: AbortSignal,
): Write<C> {
  let named: ReadonlySet<Secret<unknown>> | undefined
  return {
    connection,
    signal: engine.signal,
    stopping,
    address: work.address,
    intent,
    owner: `${engine.caller.program}/${engine.caller.stage}`,
    progress,
    reach: async (name) => {
      const connection = work.declaration?.reaches?.find((each) => each.name === name)
      if (connection !== undefined) return sessions.driver(connection)
      throw new FettleError("CONNECTION_MISSING", `${work.address} does not name the connection ${name}`)
    },
    seal: (sha256) => engine.key.fingerprintOfHash(sha256),
    secret: (name, value) => engine.box.wrap(name, value),
    hide: (text) => engine.redact(text),
    measured: (facts) => engine.emit({ type: "node.measured", address: work.address, measured: facts }),
    log: (text, stream) => nodeLog.write(stream === undefined ? asLine(text) : text, stream ?? "fettle"),
    reveal: <T>(secret: Secret<T>): T => {
      named ??= new Set([...secretsIn(work.want), ...secretsIn(work.last?.outputs)])
      if (!(secret instanceof Secret) || !named.has(secret))
        throw new FettleError(
          "SECRET_NOT_NAMED",
          `${work.address} does not name the secret ${secret instanceof Secret ? secret.name : String(secret)}`,
        )
      return engine.box.value(secret) as T
    },
  }
}

/** What a kind or a function says is a line, whether it ended it itself or not. */
function asLine(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`
}
