import type { HostCommandEnd } from "../connect/host/command.ts"
import { hostOf } from "../connect/host/driver.ts"
import { asFettleError, FettleError } from "../errors.ts"
import type { Subscriber } from "../events/events.ts"
import { Sessions } from "../plan/sessions.ts"
import { DEFAULT_STAGE, declare, paramsFor } from "../program/program.ts"
import type { Connection } from "../provider.ts"
import { DataKey } from "../secrets/key.ts"
import { EMPTY } from "../state/store.ts"
import { RunContext, type RunSetup } from "./context.ts"
import { readState } from "./running.ts"
import { visiting } from "./visit.ts"

/** A host that a command can be run on. */
export interface ExecTarget {
  readonly name: string
  /** Groups and tags. */
  readonly labels: readonly string[]
  readonly connection: Connection
}

/** What a command came to on one host. */
export type ExecResult = { readonly name: string; readonly durationMs: number } & (
  | HostCommandEnd
  | { readonly failed: FettleError }
)

/** What is run on each host. */
export interface ExecCommand {
  readonly argv: readonly [string, ...string[]]
  readonly input?: Uint8Array | undefined
  /** Of the command alone; connecting has limits of its own. */
  readonly timeoutMs: number
  /** The hosts are those of the setup's program: each must be the machine that its state remembers. */
  readonly remembered: boolean
}

/** Hosts under way at once where nobody says: each is a process here, and a login there. */
const PARALLEL = 100

/**
 * Runs a command on many hosts, each by itself: a slow or dead one holds up nobody else. Nothing is planned or locked; on
 * hosts of a program, that it was done is recorded in its audit.
 * @throws nothing about one host: that is its result
 */
export async function execOnHosts(
  setup: RunSetup,
  targets: readonly ExecTarget[],
  command: ExecCommand,
  onResult: (result: ExecResult) => void,
): Promise<readonly ExecResult[]> {
  const { snapshot, key } = command.remembered
    ? await readState(setup, false)
    : { snapshot: EMPTY, key: DataKey.passing() }
  const context = new RunContext(setup, snapshot, key)
  const run = (): Promise<readonly ExecResult[]> => execAll(context, targets, command, onResult)
  if (!command.remembered) return run()
  return visiting(context, command.argv, targets, run, (results) => ({
    reached: results.filter((each) => "exitCode" in each).length,
    failed: results.filter((each) => !("exitCode" in each) || each.exitCode !== 0).length,
  }))
}

async function execAll(
  { engine, setup, snapshot }: RunContext,
  targets: readonly ExecTarget[],
  command: ExecCommand,
  onResult: (result: ExecResult) => void,
): Promise<readonly ExecResult[]> {
  const sessions = new Sessions(engine, snapshot.targets)
  const results: ExecResult[] = []
  const waiting = [...targets]
  const lane = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const result = await execOne(target, sessions, command, engine.signal)
      results.push(result)
      onResult(result)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(setup.parallel ?? PARALLEL, targets.length) }, lane))
  } finally {
    await sessions.close()
  }
  return results
}

async function execOne(
  { name, connection }: ExecTarget,
  sessions: Sessions,
  command: ExecCommand,
  signal: AbortSignal,
): Promise<ExecResult> {
  const begun = Date.now()
  try {
    if (signal.aborted) throw new FettleError("CANCELLED", `${name}: cancelled before it began`)
    const driver = await sessions.driver(connection)
    const host = hostOf(driver)
    if (host === undefined) throw new FettleError("CONNECTION_WRONG", `${name} is no host to run a command on`)
    const end = await host.run({ ...command, signal })
    await driver.close() // a thousand hosts are not held open for the last of them
    return { name, durationMs: Date.now() - begun, ...end }
  } catch (thrown) {
    return { name, durationMs: Date.now() - begun, failed: asFettleError(thrown, "CONNECTION_FAILED") }
  }
}

/** The hosts of a program. @throws FettleError those of declaring it */
export function hostsOf(setup: Pick<RunSetup, "program" | "stage" | "params">): readonly ExecTarget[] {
  const scope = declare(
    setup.program,
    paramsFor(setup.program, setup.stage ?? DEFAULT_STAGE, setup.params),
    undefined,
    "apply",
  )
  return [...scope.connections.values()]
    .filter(({ connection }) => connection.type === "host")
    .map(({ connection }) => ({ name: connection.name, labels: connection.labels ?? [], connection }))
}

/** How exec tells what its sessions say. */
export function notes(tell: (text: string) => void): Subscriber {
  return (event) => {
    if (event.type === "note") tell(event.text)
  }
}
