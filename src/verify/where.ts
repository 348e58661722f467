import { engineOf } from "../connect/docker/client-of.ts"
import type { EngineClient } from "../connect/docker/engine-client.ts"
import { hostOf } from "../connect/host/driver.ts"
import type { HostClient } from "../connect/host/kind.ts"
import { FettleError } from "../errors.ts"
import type { Write } from "../provider.ts"
import { hostTools } from "./host-tools.ts"
import type { LocalTools } from "./tools.ts"

/** Where a question is put. */
export type Where =
  | { readonly type: "here" }
  | {
      readonly type: "host"
      readonly name: string
      readonly host: HostClient
      /** Folder of the program on this machine. */
      readonly here: string
    }
  | { readonly type: "docker"; readonly name: string; readonly engine: EngineClient }

/** A place to ask from, with the tools of that place. */
export interface Standpoint {
  readonly where: Where
  readonly tools: LocalTools
}

/**
 * Where a check is asked: on this machine, or on the host or the Engine that it names.
 * @throws FettleError what opening the connection throws
 */
export async function standpointOf(
  name: string | undefined,
  call: Pick<Write<LocalTools>, "connection" | "reach">,
): Promise<Standpoint> {
  if (name === undefined) return { where: { type: "here" }, tools: call.connection }
  if (call.reach === undefined) throw new FettleError("INTERNAL", "this call reaches no other connection")
  const driver = await call.reach(name)
  const engine = engineOf(driver)
  if (engine !== undefined) return { where: { type: "docker", name, engine }, tools: call.connection }
  const host = hostOf(driver)
  if (host === undefined) throw new FettleError("CONNECTION_WRONG", `${name} is nothing that a check can be asked on`)
  return { where: { type: "host", name, host, here: call.connection.cwd }, tools: hostTools(host) }
}
