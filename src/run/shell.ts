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

/**
 * Opens a shell on a host, once it has shown to be the machine that state remembers. Nothing is planned, recorded or locked.
 * @returns the exit code of the shell
 * @throws FettleError what opening the connection throws, `TARGET_CHANGED`, `CONNECTION_WRONG`
 */
export async function openShell(
  setup: RunSetup,
  { name, connection }: ExecTarget,
  { remembered, ...at }: AtTerminal & { readonly remembered: boolean },
): Promise<number> {
  const { snapshot, key } = remembered ? await readState(setup, false) : { snapshot: EMPTY, key: DataKey.passing() }
  const sessions = new Sessions(new RunContext(setup, snapshot, key).engine, snapshot.targets)
  try {
    const isHost = hostOf(await sessions.driver(connection)) !== undefined
    if (!isHost) throw new FettleError("CONNECTION_WRONG", `${name} is no host to open a shell on`)
  } finally {
    await sessions.close()
  }
  return shellOn(connection as Connection<HostClient>, at)
}
