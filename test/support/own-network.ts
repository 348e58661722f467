import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import type { SshHost } from "./ssh-host.ts"

/** A network with nothing but its own loopback: nobody outside can connect to what listens in it. */
export class OwnNetwork {
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    this.#holder = holder
  }

  static async start(): Promise<OwnNetwork> {
    const holder = spawn("unshare", ["-n", "sh", "-c", "ip link set lo up && echo up && exec sleep 100000"], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    await once(holder.stdout as NodeJS.ReadableStream, "data")
    return new OwnNetwork(holder)
  }

  /** Words before a command that is to run in it. */
  get enter(): readonly [string, ...string[]] {
    return ["nsenter", "-t", String(this.#holder.pid), "-n", "--"]
  }

  /** An ssh_config by which a host is reached that has this network: its sshd speaks through pipes. */
  configOf(host: SshHost): string {
    const inside = ["nsenter", "-t", String(host.pid), "-m", "-u", "--"]
    const sshd = ["/usr/sbin/sshd", "-i", "-f", host.at("sshd_config")]
    const alias = `[127.0.0.1]:${host.port}`
    const way = `ProxyCommand ${[...this.enter, ...inside, ...sshd].join(" ")}\n  HostKeyAlias ${alias}`
    const path = host.at("config-own-network")
    writeFileSync(path, readFileSync(host.config, "utf8").replace(/HostName .*/, way))
    return path
  }

  stop(): void {
    this.#holder.kill("SIGKILL")
  }
}
