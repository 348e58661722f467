import { join } from "node:path"
import { FettleError } from "../../errors.ts"
import type { OpenContext } from "../../provider.ts"
import type { SshReach } from "../host/ssh.ts"
import { startMaster } from "../host/ssh-master.ts"
import { sshSays } from "../host/ssh-says.ts"
import type { Listener } from "./exchange.ts"

/** Longest time that ssh may take to set up a forwarding over a connection that is there. */
const FORWARD_MS = 15_000

/** An open way to a runtime API. */
export interface RuntimeWay {
  readonly to: Listener
  close(): void
}

/**
 * The way to a socket behind ssh: one login of the operator's own ssh, and over it that socket as one in a private folder.
 * @throws FettleError what ssh cannot be reached with, or where it forwards no sockets
 */
export async function sshWay(reach: SshReach, path: string, context: OpenContext): Promise<RuntimeWay> {
  const { destination, target, options } = reach
  const asks = context.ask === undefined ? undefined : { ask: context.ask, tell: context.log }
  const master = startMaster({ destination, target, options, asks })
  await master.begun
  const socketPath = join(master.folder, "h")
  const muxed = ["ssh", "-F", "none", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR", "-S", master.socket] as const
  const { ok, err } = await sshSays([...muxed, "-O", "forward", "-L", `${socketPath}:${path}`, "haproxy"], FORWARD_MS)
  if (ok) return { to: { path: socketPath }, close: () => master.end() }
  master.end()
  throw new FettleError("CONNECTION_FAILED", `${target}: ssh does not forward ${path}`, { cause: err.trim() })
}
