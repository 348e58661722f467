import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"

/**
 * What tells this machine, in this boot and in this space of process numbers, from every other one: two containers may have one
 * name and processes of one number. Where there is no /proc it is the name alone.
 */
export function machineHere(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`
  } catch {
    return hostname()
  }
}

/** Whether a process of this machine lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM"
  }
}
