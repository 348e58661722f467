import { execFileSync, spawn } from "node:child_process"
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { debRepository } from "../../test/support/deb-repository.ts"
import { freePort } from "../../test/support/free-port.ts"
import { answers } from "../../test/support/ssh-host.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../../test/support/systemd-root.ts"
import type { Cgroup } from "./cgroup.ts"
import { DAEMON, PACKAGES, TARGET } from "./job.ts"

/** Where its sshd keeps what it needs, in there. */
const SSH = "/etc/bench-ssh"

/**
 * A host that is a whole system: a real systemd, dpkg and apt in a root of their own that is thrown away, and an sshd in there that is
 * reached on loopback. Its apt knows nothing but a repository of a few packages made here, so nothing comes from a network.
 */
export class Machine {
  readonly name = "m0"
  readonly port: number
  /** The client's. */
  readonly key: string
  readonly #root: SystemdRoot

  private constructor(root: SystemdRoot, key: string, port: number) {
    this.#root = root
    this.key = key
    this.port = port
  }

  static async start(folder: string, cgroup: Cgroup): Promise<Machine> {
    if (!canBootSystemd()) throw new Error("this benchmark boots a system of its own: see what is missing above")
    const root = await systemdRoot()
    try {
      const machine = new Machine(root, join(folder, "machine-key"), await freePort())
      makePackages(root)
      await machine.#startSshd(cgroup)
      return machine
    } catch (thrown) {
      await root.stop()
      throw thrown
    }
  }

  publicKey(): string {
    return readFileSync(this.#root.path(`${SSH}/key.pub`), "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ")
  }

  /** The folder of what is put there. */
  get target(): string {
    return this.#root.path(TARGET)
  }

  /** Takes everything off it: packages, service, processes, files, and what a tool noted of them. */
  empty(): void {
    this.#root.run("sh", "-c", EMPTY)
  }

  /** @throws where packages or service are not as they should be; gives what changes when any of it is made again */
  print(): string {
    const { run } = this.#root
    const packages = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", ...PACKAGES)
    const properties = ["ActiveState", "UnitFileState", "MainPID"].flatMap((name) => ["-p", name])
    const service = run("systemctl", "show", ...properties, DAEMON)
    if (
      packages
        .trim()
        .split("\n")
        .some((line) => !line.endsWith(" installed"))
    )
      throw new Error(`not all packages are installed: ${packages}`)
    if (!service.includes("ActiveState=active") || !service.includes("UnitFileState=enabled"))
      throw new Error(`${DAEMON} is not as it should be: ${service}`)
    return `${service}${readFileSync(this.#root.path("/var/lib/dpkg/info/fettle-bench-daemon.list"), "utf8")}`
  }

  async stop(): Promise<void> {
    await this.#root.stop()
  }

  /** In all its namespaces but that of the network. */
  async #startSshd(cgroup: Cgroup): Promise<void> {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "client", "-f", this.key])
    const { run, path, enter } = this.#root
    run("sh", "-c", `mkdir -p ${SSH} /run/sshd ${TARGET}; chmod 755 /run/sshd; mount -t tmpfs -o mode=700 tmpfs /root`)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "host", "-f", `${SSH}/key`)
    cpSync(`${this.key}.pub`, path(`${SSH}/authorized`))
    writeFileSync(path(`${SSH}/config`), SSHD.replace("PORT", String(this.port)))
    const target = enter.find((word) => word.startsWith("--target=")) as string
    if (cgroup.isApart) cgroup.add(Number(target.slice("--target=".length)))
    const spaces = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd"]
    const own = ["env", "-i", "/usr/sbin/sshd", "-D", "-f", `${SSH}/config`]
    const line = ["-c", 'echo $$ >"$1" && shift && exec "$@"', "sh", cgroup.procs, "nsenter", target, ...spaces, ...own]
    spawn("sh", line, { stdio: "ignore" })
    for (let tries = 0; !(await answers(this.port)); tries += 1) {
      if (tries > 100) throw new Error("the sshd of the machine does not answer")
      await sleep(50)
    }
  }
}

const SSHD = `Port PORT
ListenAddress 127.0.0.1
HostKey ${SSH}/key
AuthorizedKeysFile ${SSH}/authorized
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
MaxStartups 200
MaxSessions 100
UseDNS no
LogLevel ERROR
`

const EMPTY = `systemctl disable --now ${DAEMON} >/dev/null 2>&1
dpkg --purge ${PACKAGES.join(" ")} >/dev/null 2>&1
systemctl daemon-reload
rm -rf /var/lib/fettle
cd ${TARGET} || exit 1
for f in p/pid p/child; do
  [ -f $f ] || continue
  set -- $(cat $f)
  for q in "\${1:-0}" "\${4:-0}"; do [ "$q" -le 1 ] || kill -s KILL -- "-$q" 2>/dev/null; done
done
find . -mindepth 1 -delete`

/** The packages of the mixed scenario, and lists that are up to date. */
function makePackages(root: SystemdRoot): void {
  const unit = "[Service]\nExecStart=/bin/sleep 86401\n[Install]\nWantedBy=multi-user.target\n"
  const repository = debRepository(root)
  repository.add(
    ...PACKAGES.map((name) => ({
      name,
      files: name === DAEMON ? { [`/lib/systemd/system/${DAEMON}.service`]: unit } : { [`/usr/share/${name}`]: name },
    })),
  )
  repository.update()
}
