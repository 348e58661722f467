import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "./free-port.ts"
import { need } from "./need.ts"

/** A user of one host: it is nowhere else on this machine. */
export interface SshUser {
  readonly name: string
  readonly shell?: string
  /** For sudo. Default: none that fits. */
  readonly password?: string
  /** Files of its home folder, which its login shell may read. */
  readonly files?: Readonly<Record<string, string>>
}

export interface SshHostOptions {
  readonly users?: readonly SshUser[]
  /** Lines for sshd_config. */
  readonly sshd?: readonly string[]
  /** Lines of /etc/sudoers; without them nobody may. */
  readonly sudoers?: readonly string[]
  /** Lines of /etc/doas.conf. */
  readonly doas?: readonly string[]
  /** Lines of /etc/pam.d/sudo. */
  readonly pam?: readonly string[]
  /** Commands to run as root inside before sshd starts. */
  readonly setup?: readonly string[]
  /** Of host keys. Default ["ed25519"]. */
  readonly keys?: readonly ("ed25519" | "rsa" | "ecdsa")[]
}

const USER_ID = 4711
const started = new Set<SshHost>()

/** Whether hosts can be started here: as root on Linux, with OpenSSH. */
export function canStartHosts(): boolean {
  return (
    need("sshd", { install: "apt-get install openssh-server", found: () => found("/usr/sbin/sshd") }) &&
    need("unshare", { install: "apt-get install util-linux" }) &&
    need("root", { install: "run the tests as root", found: () => process.getuid?.() === 0 })
  )
}

function found(path: string): boolean {
  return execFileSync("sh", ["-c", `[ -x ${path} ] && echo yes || echo no`], { encoding: "utf8" }).trim() === "yes"
}

/** Stops every host that a test started. */
export async function stopHosts(): Promise<void> {
  await Promise.all([...started].map((each) => each.stop()))
}

/**
 * A host of its own: a real sshd on loopback in a mount namespace with its own machine id, hostname, users, sudoers and /dev/shm, all
 * gone when it is stopped. Files elsewhere are those of this machine.
 */
export class SshHost {
  readonly name: string
  readonly folder: string
  readonly port: number
  readonly options: SshHostOptions
  #child: ChildProcess | undefined

  private constructor(name: string, folder: string, port: number, options: SshHostOptions) {
    this.name = name
    this.folder = folder
    this.port = port
    this.options = options
  }

  static async start(name: string, options: SshHostOptions = {}): Promise<SshHost> {
    const folder = mkdtempSync(join(tmpdir(), "fettle-ssh-"))
    chmodSync(folder, 0o755)
    const host = new SshHost(name, folder, await freePort(), options)
    host.#write()
    host.newHostKeys()
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "client", "-f", host.at("client")])
    for (const user of ["root", ...(options.users ?? []).map((each) => each.name)])
      writeFileSync(host.at("authorized", user), readFileSync(host.at("client.pub")))
    host.newMachineId()
    host.trust()
    await host.up()
    return host
  }

  /** A path in the host's own folder. */
  at(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** The ssh_config of an operator who reaches it under its name. */
  get config(): string {
    return this.at("config")
  }

  /** Writes an ssh_config of somebody who reaches it through another port, as behind a proxy. */
  configThrough(port: number): string {
    const alias = `[127.0.0.1]:${this.port}`
    const text = readFileSync(this.config, "utf8").replace(/Port \d+/, `Port ${port}\n  HostKeyAlias ${alias}`)
    writeFileSync(this.at(`config-${port}`), text)
    return this.at(`config-${port}`)
  }

  /** A path as it is inside, where mounts are its own. */
  inside(path: string): string {
    return `/proc/${this.pid}/root${path}`
  }

  /** Processes of its mount namespace, each with its argument list, words apart by NUL. */
  processes(): readonly { readonly pid: number; readonly argv: string }[] {
    const own = readlinkSync(`/proc/${this.pid}/ns/mnt`)
    return readdirSync("/proc").flatMap((name) => {
      try {
        if (!/^\d+$/.test(name) || readlinkSync(`/proc/${name}/ns/mnt`) !== own) return []
        return [{ pid: Number(name), argv: readFileSync(`/proc/${name}/cmdline`, "utf8") }]
      } catch {
        return [] // it has ended meanwhile
      }
    })
  }

  get knownHosts(): string {
    return this.at("known_hosts")
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  /** What sshd and sudo said. */
  get log(): string {
    return readFileSync(this.at("log"), "utf8")
  }

  publicKey(type = "ed25519"): string {
    return readFileSync(this.at(`key_${type}.pub`), "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ")
      .trim()
  }

  fingerprint(type = "ed25519"): string {
    return execFileSync("ssh-keygen", ["-lf", this.at(`key_${type}.pub`)], { encoding: "utf8" }).split(" ")[1] as string
  }

  newHostKeys(): void {
    for (const type of this.options.keys ?? ["ed25519"]) {
      rmSync(this.at(`key_${type}`), { force: true })
      execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "host", "-f", this.at(`key_${type}`)])
    }
  }

  /** As if it had been installed anew. Takes effect when it is started again. */
  newMachineId(): void {
    writeFileSync(this.at("machine-id"), `${execFileSync("openssl", ["rand", "-hex", "16"], { encoding: "utf8" })}`)
  }

  /** The operator knows its key. */
  trust(type = "ed25519"): void {
    appendFileSync(this.knownHosts, `[127.0.0.1]:${this.port} ${this.publicKey(type)}\n`)
  }

  /** The operator knows no host at all. */
  distrust(): void {
    rmSync(this.knownHosts, { force: true })
  }

  async up(): Promise<void> {
    const log = this.at("log")
    const line = `exec unshare -m --uts --propagation private sh ${this.at("enter.sh")} >>${log} 2>&1`
    this.#child = spawn("sh", ["-c", line], { stdio: "ignore", detached: true })
    started.add(this)
    for (let tries = 0; !(await answers(this.port)); tries++) {
      if (tries > 100) throw new Error(`sshd does not answer:\n${this.log}`)
      await sleep(50)
    }
  }

  /** Nobody listens any more; what is connected stays. */
  async down(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGTERM")
    await ended
  }

  /** Ends every connection in the middle, as a network does that goes away. */
  cut(): number {
    const connections = childrenOf(this.pid)
    for (const pid of connections) for (const each of [...childrenOf(pid), pid]) if (isSshd(each)) kill(each)
    return connections.length
  }

  async stop(): Promise<void> {
    started.delete(this)
    this.cut()
    await this.down()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #write(): void {
    for (const each of ["authorized", "home", "etc"]) mkdirSync(this.at(each))
    writeFileSync(this.at("log"), "")
    writeFileSync(this.at("sshd_config"), this.#sshdConfig())
    writeFileSync(
      this.config,
      [
        `Host ${this.name}`,
        "  HostName 127.0.0.1",
        `  Port ${this.port}`,
        "  User root",
        `  IdentityFile ${this.at("client")}`,
        "  IdentitiesOnly yes",
        `  UserKnownHostsFile ${this.knownHosts}`,
        "  GlobalKnownHostsFile /dev/null",
        "",
      ].join("\n"),
    )
    this.#writeUsers()
    const { sudoers = [], doas = [], pam = PAM } = this.options
    const secret = (name: string, lines: readonly string[], mode: number): void =>
      writeFileSync(this.at("etc", name), [...lines, ""].join("\n"), { mode })
    secret("sudoers", [`Defaults logfile=${this.at("log")}`, ...sudoers], 0o440)
    secret("doas.conf", doas, 0o400)
    secret("pam", pam, 0o644)
    writeFileSync(this.at("enter.sh"), this.#enter())
  }

  #sshdConfig(): string {
    return [
      `Port ${this.port}`,
      "ListenAddress 127.0.0.1",
      ...(this.options.keys ?? ["ed25519"]).map((type) => `HostKey ${this.at(`key_${type}`)}`),
      `AuthorizedKeysFile ${this.at("authorized")}/%u`,
      "PidFile none",
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "LogLevel VERBOSE",
      ...(this.options.sshd?.some((line) => line.startsWith("MaxStartups")) ? [] : ["MaxStartups 200"]),
      ...(this.options.sshd ?? []), // last: a Match block has no end
      "",
    ].join("\n")
  }

  #writeUsers(): void {
    const users = this.options.users ?? []
    const rows = { passwd: "/etc/passwd", group: "/etc/group", shadow: "/etc/shadow" } as const
    const more = users.map(({ name, shell = "/bin/bash", password }, at) => {
      const id = USER_ID + at
      const hash =
        password === undefined ? "*" : execFileSync("openssl", ["passwd", "-6", password], { encoding: "utf8" })
      return {
        passwd: `${name}:x:${id}:${id}::${this.at("home", name)}:${shell}`,
        group: `${name}:x:${id}:`,
        shadow: `${name}:${hash.trim()}:19000:0:99999:7:::`,
      }
    })
    for (const [name, path] of Object.entries(rows))
      writeFileSync(
        this.at("etc", name),
        `${readFileSync(path, "utf8").trimEnd()}\n${more.map((each) => `${each[name as keyof typeof rows]}\n`).join("")}`,
        { mode: name === "shadow" ? 0o640 : 0o644 },
      )
    for (const [at, { name, files = {} }] of users.entries()) {
      mkdirSync(this.at("home", name))
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(this.at("home", name, path), ".."), { recursive: true })
        writeFileSync(this.at("home", name, path), text)
      }
      for (const path of ["", ...(readdirSync(this.at("home", name), { recursive: true }) as string[])])
        chownSync(this.at("home", name, path), USER_ID + at, USER_ID + at)
    }
  }

  /** Runs as root in namespaces of its own and becomes sshd. */
  #enter(): string {
    const over = (from: string, to: string): string => `[ -e ${to} ] || : >${to}; mount --bind ${from} ${to}`
    return [
      "set -e",
      `hostname ${this.name}`,
      over(this.at("machine-id"), "/etc/machine-id"),
      "mount -t tmpfs tmpfs /dev/shm",
      ...["passwd", "group", "shadow"].map((name) => over(this.at("etc", name), `/etc/${name}`)),
      over(this.at("etc/sudoers"), "/etc/sudoers"),
      over(this.at("etc/doas.conf"), "/etc/doas.conf"),
      over(this.at("etc/pam"), "/etc/pam.d/sudo"),
      ...(this.options.setup ?? []),
      "mkdir -p /run/sshd; chmod 755 /run/sshd",
      `exec /usr/sbin/sshd -D -e -f ${this.at("sshd_config")}`,
      "",
    ].join("\n")
  }
}

/** Passwords of /etc/shadow, and nothing that this machine has besides. */
const PAM = ["auth required pam_unix.so nodelay", "account required pam_unix.so", "session required pam_permit.so"]

/** Whether an SSH server speaks at a port of loopback. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once("data", (bytes) => end(bytes.toString().startsWith("SSH-2.0")))
    socket.once("error", () => end(false))
    socket.setTimeout(2_000, () => end(false))
  })
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && statOf(name)?.[1] === String(parent))
    .map(Number)
}

function isSshd(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("sshd")
  } catch {
    return false
  }
}

function statOf(pid: string): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended meanwhile.
  }
}
