import { FettleError } from "../errors.ts"
import type { Engine } from "../plan/engine.ts"
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
): Write<C> {
  let named: ReadonlySet<Secret<unknown>> | undefined
  return {
    connection,
    signal: engine.signal,
    address: work.address,
    intent,
    progress,
    seal: (sha256) => engine.key.fingerprintOfHash(sha256),
    secret: (name, value) => engine.box.wrap(name, value),
    hide: (text) => engine.redact(text),
    log: (text, stream) => nodeLog.write(stream === undefined ? `${text}\n` : text, stream ?? "fettle"),
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
