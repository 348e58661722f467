import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { need } from "./need.ts"

/** Mounting is for root, and not even for root in every container. */
function canMount(): boolean {
  const folder = "/tmp/fettle-may-mount"
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "fettle", folder], { stdio: "ignore" })
    execFileSync("umount", [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whether a test may mount disks of its own. */
export function mayMount(): boolean {
  return need("a root who may mount", { install: "run the tests as root, with CAP_SYS_ADMIN", found: canMount })
}
