import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const V1 = "/sys/fs/cgroup/cpuacct"
const V2 = "/sys/fs/cgroup"

/** A group of processes whose processor time the kernel adds up, daemons and reaped children included. */
export class Cgroup {
  readonly #folder: string

  constructor(name: string) {
    this.#folder = join(existsSync(V1) ? V1 : V2, `fettle-bench-${process.pid}-${name}`)
    try {
      mkdirSync(this.#folder)
    } catch (cause) {
      throw new Error("this benchmark counts processor time in control groups: run it as root on Linux", { cause })
    }
  }

  /** The file that takes ids of processes. */
  get procs(): string {
    return join(this.#folder, "cgroup.procs")
  }

  /** Whether it only counts: what stands in it stays where it is otherwise. A systemd may not be moved within the one hierarchy of new kernels. */
  get isApart(): boolean {
    return this.#folder.startsWith(V1)
  }

  add(pid: number): void {
    writeFileSync(this.procs, String(pid))
  }

  get cpuSeconds(): number {
    const v1 = join(this.#folder, "cpuacct.usage")
    if (existsSync(v1)) return Number(readFileSync(v1, "utf8")) / 1e9
    const [, usage] = /^usage_usec (\d+)$/m.exec(readFileSync(join(this.#folder, "cpu.stat"), "utf8")) ?? []
    return Number(usage) / 1e6
  }

  /** Memory of all its processes, in MB of 1,000,000 bytes; what several share is divided among them. */
  get memoryMb(): number {
    return this.#pids().reduce((sum, pid) => sum + pssMb(pid), 0)
  }

  /** Gone once nobody is in it; what lingers is ended. */
  async remove(): Promise<void> {
    for (const pid of this.#pids())
      try {
        process.kill(Number(pid), "SIGKILL")
      } catch {
        // It has ended meanwhile.
      }
    for (let tries = 0; this.#pids().length > 0 && tries < 100; tries += 1) await sleep(20)
    rmdirSync(this.#folder)
  }

  #pids(): readonly string[] {
    return readFileSync(this.procs, "utf8").split("\n").filter(Boolean)
  }
}

function pssMb(pid: string): number {
  try {
    const [, kilobytes = "0"] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? []
    return (Number(kilobytes) * 1_024) / 1e6
  } catch {
    return 0
  }
}
