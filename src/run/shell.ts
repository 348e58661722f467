import { hostOf } from "../connect/host/driver.ts"
import { type AtTerminal, shellOn } from "../connect/host/interactive.ts"
import type { HostClient } from "../connect/host/kind.ts"
import { FettleError } from "../errors.ts"
import { Sessions } from "../plan/sessions.ts"
import type { Connection } from "../provider.ts"
import { DataKey } from "../secrets/key.ts"
import { EMPTY } from "../state/store.ts"
import { RunContext, type RunSetup } from "./context.ts"
import type { ExecTarget } from "./exec.ts"
import { readState } from "./running.ts"
import { visiting } from "./visit.ts"

/**
 * Opens a shell on a host, once it has shown to be the machine that state remembers. Nothing is planned or locked; on a
 * host of a program, that it was opened is recorded in its audit, and not what is typed there.
 * @returns the exit code of the shell
 * @throws FettleError what opening the connection throws, `TARGET_CHANGED`, `CONNECTION_WRONG`
 */
export async function openShell(
  setup: RunSetup,
  { name, connection }: ExecTarget,
  { remembered, ...at }: AtTerminal & { readonly remembered: boolean },
): Promise<number> {
  const { snapshot, key } = remembered ? await readState(setup, false) : { snapshot: EMPTY, key: DataKey.passing() }
  const context = new RunContext(setup, snapshot, key)
  const open = (): Promise<number> => openOne(context, { name, connection }, at)
  if (!remembered) return open()
  const argv = ["a shell at a terminal"]
  return visiting(context, argv, [{ name }], open, (code) => ({ exitCode: code }))
}

async function openOne(
  { engine, snapshot }: RunContext,
  { name, connection }: Pick<ExecTarget, "name" | "connection">,
  at: AtTerminal,
): Promise<number> {
  const sessions = new Sessions(engine, snapshot.targets)
  try {
    const isHost = hostOf(await sessions.driver(connection)) !== undefined
    if (!isHost) throw new FettleError("CONNECTION_WRONG", `${name} is no host to open a shell on`)
  } finally {
    await sessions.close()
  }
  return shellOn(connection as Connection<HostClient>, at)
}
