import { constants } from "node:os"
import { FettleError } from "../../errors.ts"
import type { Connection } from "../../provider.ts"
import { startInherited } from "../process.ts"
import type { HostClient } from "./kind.ts"
import { sshReachOf } from "./ssh.ts"
import { type Become, CLOSED, connectMs, reach, remoteLine } from "./ssh-line.ts"
import { throughEngine } from "./through-engine.ts"

/** Which shell the user has there; a connection may be allowed `sh` alone, so that one starts it. */
const LOGIN_SHELL = ["sh", "-c", 'cd 2>/dev/null; exec "${SHELL:-/bin/sh}" -l'] as const

/** What stands at the other end of the standard streams. */
export interface AtTerminal {
  /** A person's terminal; else a script that is piped in. */
  readonly terminal: boolean
  /** The shell of this machine. */
  readonly shell: string
}

/**
 * A shell on a host over its connection, as the user that it becomes, on the standard streams of this process.
 * @returns its exit code
 */
export async function shellOn(connection: Connection<HostClient>, at: AtTerminal): Promise<number> {
  const container = throughEngine(connection)
  if (container !== undefined)
    throw new FettleError("CONNECTION_WRONG", `${container} is a container: the docker command opens a shell in it`, {
      next: "docker exec -it NAME sh",
    })
  const way = sshReachOf(connection)
  const line: readonly [string, ...string[]] =
    way === undefined ? [at.shell, "-l"] : sshShellLine(way.destination, way.options, way.become, at.terminal)
  const { code, signal } = await startInherited(line)
  return signal === undefined ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0)
}

/** As every connection: host keys are checked, nothing is forwarded. What a person may be asked, ssh asks. */
function sshShellLine(
  destination: string,
  options: Parameters<typeof reach>[0],
  become: Become | undefined,
  terminal: boolean,
): readonly [string, ...string[]] {
  const set = [
    `BatchMode=${terminal ? "no" : "yes"}`,
    ...CLOSED,
    "ControlMaster=no",
    `ConnectTimeout=${Math.ceil(connectMs(options) / 1_000)}`,
  ]
  const command = become === undefined ? [] : [remoteLine([...becoming(become, terminal), ...LOGIN_SHELL])]
  const seen = [...reach(options), terminal ? "-t" : "-T", ...set.flatMap((each) => ["-o", each])]
  return ["ssh", ...seen, "--", destination, ...command]
}

/** Where nobody can type a password, none is asked for. */
function becoming({ by, user = "root" }: Become, terminal: boolean): readonly string[] {
  const asks = terminal ? [] : ["-n"]
  return by === "doas" ? ["doas", ...asks, "-u", user, "--"] : ["sudo", "-H", ...asks, "-u", user, "--"]
}
