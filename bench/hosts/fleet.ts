import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { canStartHosts, SshHost, stopHosts } from "../../test/support/ssh-host.ts"
import { Cgroup } from "./cgroup.ts"
import { extras, TARGET } from "./job.ts"
import { Machine } from "./machine.ts"

/** Hosts that start at the same time. */
const STARTS = 8

/** Where a host is for a client. */
export interface Reach {
  readonly name: string
  readonly port: number
  readonly key: string
}

/** Some of the hosts, near or far. */
export interface Reached {
  readonly hosts: readonly Reach[]
  readonly config: string
  readonly knownHosts: string
  readonly rttMs: number
}

/**
 * Hosts h0, h1 … on loopback: each a real sshd with keys, machine id, home folder and target folder of its own. All that they do
 * is counted in one control group. Every host can also be reached through a line that takes `rttMs` for a round trip. The mixed
 * scenario has a host of its own, a whole system: see Machine.
 */
export class Fleet {
  readonly cgroup = new Cgroup("hosts")
  readonly #hosts: readonly SshHost[]
  readonly #folder: string
  readonly #line: Worker
  readonly #ports: readonly number[]
  readonly #rttMs: number
  #machine: Machine | undefined

  private constructor(
    hosts: readonly SshHost[],
    folder: string,
    line: Worker,
    ports: readonly number[],
    rttMs: number,
  ) {
    this.#hosts = hosts
    this.#folder = folder
    this.#line = line
    this.#ports = ports
    this.#rttMs = rttMs
    for (const host of hosts) this.cgroup.add(host.pid)
  }

  static async start(count: number, rttMs: number, folder: string): Promise<Fleet> {
    if (!canStartHosts()) throw new Error("this benchmark starts hosts of its own: see what is missing above")
    const hosts: SshHost[] = []
    for (let at = 0; at < count; at += STARTS) {
      const names = Array.from({ length: Math.min(STARTS, count - at) }, (_, next) => `h${at + next}`)
      hosts.push(...(await Promise.all(names.map((name) => SshHost.start(name, { sshd: SSHD, setup: SETUP })))))
    }
    const workerData = { ports: hosts.map(({ port }) => port), delayMs: rttMs / 2 }
    const line = new Worker(new URL("line.mjs", import.meta.url), { workerData })
    const ports = await new Promise<readonly number[]>((ready, failed) =>
      line.once("message", ready).once("error", failed),
    )
    return new Fleet(hosts, folder, line, ports, rttMs)
  }

  /** Boots the host of the mixed scenario, once. */
  async boot(): Promise<void> {
    this.#machine ??= await Machine.start(this.#folder, this.cgroup)
  }

  /** The first `count` hosts, at once or through the slow line. */
  reached(count: number, rttMs: number): Reached {
    if (rttMs !== 0 && rttMs !== this.#rttMs) throw new Error(`there is no line of ${rttMs} ms`)
    const hosts = this.#hosts.slice(0, count)
    const reach = hosts.map((host, at) => ({
      name: host.name,
      key: host.at("client"),
      port: rttMs === 0 ? host.port : (this.#ports[at] as number),
      publicKey: host.publicKey(),
    }))
    return this.#reachedAs(reach, `${count}-${rttMs}`, rttMs)
  }

  /** The host of the mixed scenario. */
  reachedMachine(): Reached {
    const { name, port, key } = this.#booted
    return this.#reachedAs([{ name, port, key, publicKey: this.#booted.publicKey() }], "machine", 0)
  }

  get #booted(): Machine {
    if (this.#machine === undefined) throw new Error("the host of the mixed scenario has not been booted")
    return this.#machine
  }

  #reachedAs(reach: readonly (Reach & { readonly publicKey: string })[], which: string, rttMs: number): Reached {
    const knownHosts = join(this.#folder, `known-${which}`)
    const config = join(this.#folder, `config-${which}`)
    writeFileSync(knownHosts, reach.map(({ port, publicKey }) => `[127.0.0.1]:${port} ${publicKey}\n`).join(""))
    const entries = reach.map(({ name, port, key }) => `Host ${name}\n  Port ${port}\n  IdentityFile ${key}\n`)
    writeFileSync(config, [...entries, COMMON, `  UserKnownHostsFile ${knownHosts}\n`].join(""))
    return { hosts: reach, config, knownHosts, rttMs }
  }

  /** How often clients spoke again on the slow line after they were answered, since this was last asked. */
  turns(): Promise<number> {
    return new Promise((told) => {
      this.#line.once("message", told)
      this.#line.postMessage("turns")
    })
  }

  /** Takes everything off the first `count` hosts, or off the one of the mixed scenario. */
  empty(count: number, mixed: boolean): void {
    if (mixed) this.#booted.empty()
    if (mixed) return
    for (const host of this.#hosts.slice(0, count)) {
      for (const file of ["pid", "child"]) stopProcesses(host.at("target", "p", file))
      for (const name of readdirSync(host.at("target"))) rmSync(host.at("target", name), { recursive: true })
    }
  }

  /** @throws where a host does not hold what it should; gives what changes when any of it is made again */
  prints(count: number, contents: ReadonlyMap<string, Buffer>, mixed: boolean): string {
    const folders = mixed ? [this.#booted.target] : this.#hosts.slice(0, count).map((host) => host.at("target"))
    return folders
      .flatMap((folder) => [
        ...[...contents].map(([name, content]) => printOfFile(join(folder, name), content)),
        ...(mixed ? extras.map((at) => printOfExtras(folder, at)) : []),
        ...(mixed ? [readFileSync(join(folder, "p", "pid"), "utf8"), this.#booted.print()] : []),
      ])
      .join("\n")
  }

  async stop(): Promise<void> {
    this.empty(this.#hosts.length, false)
    await this.#machine?.stop()
    await this.#line.terminate()
    await stopHosts()
    await this.cgroup.remove()
    rmSync(TARGET, { recursive: true, force: true })
  }
}

/** Peers copy files by sftp. No rc file of this machine's root may slow them down: see SETUP. */
const SSHD = ["Subsystem sftp internal-sftp", "MaxSessions 100", "UseDNS no", "LogLevel ERROR"]

/** Runs inside the host's mount namespace, from the host's own folder. */
const SETUP = [
  `mkdir -p ${TARGET} "\${0%/*}/target" "\${0%/*}/root"`,
  `mount --bind "\${0%/*}/target" ${TARGET}`,
  'mount --bind "${0%/*}/root" /root',
  "mount -t tmpfs tmpfs /var/tmp",
]

const COMMON = `Host *
  HostName 127.0.0.1
  User root
  IdentitiesOnly yes
  StrictHostKeyChecking yes
  BatchMode yes
  UpdateHostKeys no
  GlobalKnownHostsFile /dev/null
`

function printOfFile(path: string, content: Buffer): string {
  const { ino, mtimeMs, mode } = statSync(path)
  if ((mode & 0o777) !== 0o640 || !readFileSync(path).equals(content)) throw new Error(`${path} is not as it should be`)
  return `${ino} ${mtimeMs}`
}

function printOfExtras(folder: string, at: number): string {
  const [directory, link] = [lstatSync(join(folder, `d${at}`)), lstatSync(join(folder, `l${at}`))]
  if ((directory.mode & 0o777) !== 0o750 || readlinkSync(join(folder, `l${at}`)) !== `f${at}.conf`)
    throw new Error(`d${at} or l${at} in ${folder} is not as it should be`)
  return `${directory.ino} ${link.ino} ${link.mtimeMs}`
}

/** The groups whose leaders such a file of a mixed scenario names first and fourth. */
function stopProcesses(file: string): void {
  const words = existsSync(file) ? readFileSync(file, "utf8").trim().split(/\s+/) : []
  for (const pid of [words[0], words[3]].map(Number))
    try {
      if (pid > 1) process.kill(-pid, "SIGKILL")
    } catch {
      // It has ended meanwhile.
    }
}

export function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}
