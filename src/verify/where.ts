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

/** A place to ask from, with the tools of that place. */
export interface Standpoint {
  readonly where: Where
  readonly tools: LocalTools
}

/**
 * Where a check is asked: on this machine, or on the host that it names.
 * @throws FettleError what opening the connection throws
 */
export async function standpointOf(
  name: string | undefined,
  call: Pick<Write<LocalTools>, "connection" | "reach">,
): Promise<Standpoint> {
  if (name === undefined) return { where: { type: "here" }, tools: call.connection }
  if (call.reach === undefined) throw new FettleError("INTERNAL", "this call reaches no other connection")
  const host = hostOf(await call.reach(name))
  if (host === undefined) throw new FettleError("CONNECTION_WRONG", `${name} is no host that a check can be asked on`)
  return { where: { type: "host", name, host, here: call.connection.cwd }, tools: hostTools(host) }
}
