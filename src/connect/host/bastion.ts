import type { Asks } from "./askpass.ts"
import { quote } from "./quote.ts"
import { type SshOptions, sshLine } from "./ssh-line.ts"
import { startMaster } from "./ssh-master.ts"
import { sshSays } from "./ssh-says.ts"

/** Longest time that ssh may take to say what ssh_config makes of a name: `Match exec` may run something. */
const CONFIG_MS = 10_000
/** A way through a bastion, as one host has it. */
export interface Way {
  /** For `ProxyCommand`. */
  readonly through: string
  /** The host needs it no longer; who comes last ends it. */
  release(): void
}

interface Master {
  readonly begun: Promise<string>
  readonly end: () => void
  users: number
}

const masters = new Map<string, Master>()
const jumps = new Map<string, Promise<string | undefined>>()
const hosts = new Set<string>()

/**
 * The way to a host that ssh_config puts behind a jump host: all of them share one connection to it. A fleet of fifty would otherwise
 * log in fifty times at the bastion, which most refuse (MaxStartups). The first host of a process goes its own way without being
 * asked about, because most programs have only one.
 * @throws FettleError what the bastion cannot be reached with
 */
export async function wayTo(
  destination: string,
  options: SshOptions,
  asks: Asks | undefined,
): Promise<Way | undefined> {
  hosts.add(keyOf(destination, options))
  if (hosts.size === 1) return undefined
  const jump = await jumpOf(destination, options)
  if (jump === undefined) return undefined
  const key = `${options.config ?? ""}\n${jump}`
  const master = masters.get(key) ?? masterOf(jump, options, asks)
  masters.set(key, master)
  master.users += 1
  let held = true
  const release = (): void => {
    if (!held) return
    held = false
    master.users -= 1
    if (master.users > 0) return
    masters.delete(key)
    master.end()
  }
  try {
    return { through: await master.begun, release }
  } catch (thrown) {
    release()
    throw thrown
  }
}

/** What stands between, in ssh's own words; asked once for each destination. */
function jumpOf(destination: string, options: SshOptions): Promise<string | undefined> {
  const key = keyOf(destination, options)
  const known = jumps.get(key)
  if (known !== undefined) return known
  const asking = sshSays(sshLine(destination, options, { asks: false, only: "-G" }), CONFIG_MS).then(({ out }) => {
    const jump = /^proxyjump (\S+)$/m.exec(out)?.[1]
    return jump === "none" ? undefined : jump
  })
  jumps.set(key, asking)
  return asking
}

function keyOf(destination: string, { config, user, port }: SshOptions): string {
  return JSON.stringify([destination, config, user, port])
}

/** @param jump as ssh_config has it: `user@host:port`, several separated by commas, the last of them next to the host */
function masterOf(jump: string, { config }: SshOptions, asks: Asks | undefined): Master {
  const hops = jump.split(",")
  const last = hops.pop() as string
  const master = startMaster({
    destination: last.startsWith("ssh://") ? last : `ssh://${last}`,
    target: `the jump host ${last}`,
    options: config === undefined ? {} : { config },
    asks,
    ...(hops.length === 0 ? {} : { jump: hops.join(",") }),
  })
  const through = `ssh -F none -o ProxyCommand=false -S ${quote(master.socket)} -W '[%h]:%p' -- bastion`
  return { begun: master.begun.then(() => through), users: 0, end: () => master.end() }
}
