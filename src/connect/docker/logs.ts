import { FettleError } from "../../errors.ts"
import { Deadline } from "./deadline.ts"
import type { EngineClient } from "./engine-client.ts"
import { followContainer } from "./follow-container.ts"
import type { LogEntry } from "./log-entry.ts"
import type { LogsOptions } from "./logs-options.ts"
import { Turnstile } from "./turnstile.ts"

/** Longest time that an Engine may be away while its logs are followed: a restart takes some seconds. */
const AWAY_MS = 60_000

/**
 * The logs of any number of containers as one stream of entries, each container's in order. A slow reader slows the Engine; memory
 * does not grow. Where the Engine goes away and comes back, following goes on without loss and without doubles.
 * @throws FettleError `DOCKER_FAILED` for a container that is not there, or a log driver that cannot be read; `CANCELLED`
 * @example for await (const { container, text } of logs(engine, ["web", "db"], { follow: "running" })) console.log(container, text)
 */
export async function* logs(
  client: EngineClient,
  containers: readonly string[],
  options: LogsOptions = {},
): AsyncGenerator<LogEntry, void, undefined> {
  checkOptions(options)
  const cancelled = (): FettleError => new FettleError("CANCELLED", "reading the logs was cancelled")
  const deadline = new Deadline({ timeoutMs: undefined, signal: options.signal, late: cancelled, cancelled })
  const line = new Turnstile<LogEntry>()
  for (const container of new Set(containers)) {
    const parts = { ...options, awayMs: options.awayMs ?? AWAY_MS, signal: deadline.signal }
    line.source(followContainer(client, container, parts, (batch) => line.give(batch)))
  }
  try {
    for (let taken = await line.take(); taken !== undefined; taken = await line.take())
      for (const batch of taken) for (const entry of batch) yield entry
  } finally {
    deadline.abort(cancelled())
    deadline.end()
    line.close()
  }
}

function checkOptions({ since, tail }: LogsOptions): void {
  const next = "correct the options of logs"
  if (since !== undefined && Number.isNaN(Date.parse(since)))
    throw new FettleError("PROPS_INVALID", "logs: since is not a time", { next })
  if (tail !== undefined && !(Number.isInteger(tail) && tail >= 0))
    throw new FettleError("PROPS_INVALID", "logs: tail is a whole number from 0 on", { next })
}
