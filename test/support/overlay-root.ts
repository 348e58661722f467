import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { need } from "./need.ts"

/**
 * A root that may be changed at will: this machine's own under an overlay in memory. Nothing runs in it. It has a host name of its
 * own: writers of one host take turns, and would wait for those of other tests.
 */
export interface OverlayRoot {
  /** Put before an argument list: it runs in there, as root. */
  readonly enter: readonly string[]
  path(inside: string): string
  /** Runs a shell script in there and gives what it printed; throws where it fails. */
  run(script: string): string
  /** All that was written there, as paths. */
  written(): readonly string[]
  stop(): Promise<void>
}

const MOUNTS = `set -e
B=$1
mount -t tmpfs -o mode=755 tmpfs "$B"
mkdir "$B/up" "$B/work" "$B/root"
mount -t overlay -o "lowerdir=/,upperdir=$B/up,workdir=$B/work" overlay "$B/root"
cd "$B/root"
for n in run tmp; do mount -t tmpfs -o mode=755 tmpfs $n; done
chmod 1777 tmp
mount -t proc proc proc
printf %s "o$$-\${B##*-}" >proc/sys/kernel/hostname
mount --rbind /dev dev
[ -z "$2" ] || mount --bind "$2" mnt
echo up
exec sleep infinity`

/** Whether such roots can be made here: `test.skipIf(!canOverlay())`. */
export function canOverlay(): boolean {
  const isRoot = (): boolean =>
    process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0
  return need("the right to make namespaces and mounts", { install: "run as root", found: isRoot })
}

/** Makes one; it ends with this process, at the latest. `mnt` is a folder that stands at /mnt in there. */
export async function overlayRoot(mnt = ""): Promise<OverlayRoot> {
  const folder = mkdtempSync(join(tmpdir(), "fettle-overlay-"))
  const unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation=private"]
  const child = spawn("setpriv", ["--pdeathsig=KILL", ...unshare, "sh", "-c", MOUNTS, "sh", folder, mnt], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await once(child, "exit")
    rmSync(folder, { recursive: true, force: true })
  }
  await Promise.race([once(child.stdout, "data"), once(child, "exit")])
  const pid = await innerOf(child)
  const clean = ["env", "-i", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
  const enter = [
    "nsenter",
    `--target=${pid}`,
    "--mount",
    "--uts",
    "--ipc",
    "--pid",
    "chroot",
    join(folder, "root"),
    ...clean,
  ]
  const [first = "", ...rest] = enter
  const run = (script: string): string =>
    execFileSync(first, [...rest, "sh", "-c", script], { encoding: "utf8", stdio: "pipe", maxBuffer: 100_000_000 })
  const inNamespace = (...words: readonly string[]): string =>
    execFileSync("nsenter", [`--target=${pid}`, "--mount", ...words], { encoding: "utf8" })
  return {
    enter,
    path: (inside) => join(`/proc/${pid}/root`, folder, "root", inside),
    run,
    written: () =>
      inNamespace("find", join(folder, "up"), "-mindepth", "1", "-printf", "%P %m %U %s %T@\n")
        .trim()
        .split("\n")
        .sort(),
    stop,
  }
}

/** The first process in the new namespace, as this machine numbers it. */
async function innerOf(child: ChildProcess): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "latin1").trim())
    if (pid > 0) return pid
    await sleep(20)
  }
  throw new Error("the root could not be made")
}
