import { FettleError } from "../../errors.ts"
import type { Connection } from "../../provider.ts"
import { openHost } from "./driver.ts"
import type { HostClient } from "./kind.ts"
import { scopeOf } from "./scope.ts"
import { sshCarrier } from "./ssh-carrier.ts"
import { type Become, becomeOf, checkSsh, type SshOptions } from "./ssh-line.ts"

/** How a host is reached, for what reaches something else on it. */
export interface SshReach {
  readonly destination: string
  /** What people call it. */
  readonly target: string
  readonly options: SshOptions
  readonly become: Become | undefined
}

const reaches = new WeakMap<Connection<HostClient>, SshReach>()

/** How a connection reaches its host; undefined where that is this machine. */
export function sshReachOf(connection: Connection<HostClient>): SshReach | undefined {
  return reaches.get(connection)
}

/**
 * A machine that the operator's own `ssh` reaches: aliases, keys, agents, certificates and jump hosts are as in ssh_config. Its host
 * key must be known: `fettle trust HOST` makes it so.
 * @param destination what `ssh` takes: a host, an alias of ssh_config, `user@host` or `ssh://user@host:port`
 * @throws FettleError `PROPS_INVALID` for what could be taken for an option of ssh
 * @example const web = host.ssh("web1", { become: "sudo" })
 */
export function ssh(destination: string, options: SshOptions = {}): Connection<HostClient> {
  checkSsh(destination, options)
  const become = becomeOf(options.become)
  const secret = become?.by === "sudo" ? become.password : undefined
  const user = become === undefined ? "" : ` as ${become.user ?? "root"}`
  const target = `${destination}${user}`
  const connection: Connection<HostClient> = {
    type: "host",
    name: options.name ?? target,
    target,
    labels: Object.freeze([...(options.tags ?? [])]),
    secrets: secret === undefined ? [] : [secret],
    open: (context) => {
      const password = secret === undefined ? undefined : context.reveal(secret)
      if (password !== undefined && /[\n\r\0]/.test(password)) throw ofSeveralLines(target)
      const { log } = context
      const asks = context.ask === undefined ? undefined : { ask: context.ask, tell: log }
      return openHost(sshCarrier({ destination, target, options, become, password, asks, scope: scopeOf() }), context)
    },
  }
  reaches.set(connection, { destination, target, options, become })
  return connection
}

/** Its second line would be taken for a request. */
function ofSeveralLines(target: string): FettleError {
  return new FettleError("BECOME_PASSWORD_WRONG", `${target}: the password for sudo has more than one line`)
}
