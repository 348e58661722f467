import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { need } from "./need.ts"

const SYSTEMD = "/lib/systemd/systemd"
/** From the first mount to a system that is up: 2 s where nothing else is going on. */
const BOOT_MS = 60_000
/** How long the kernel may take to let go of the control groups of what was killed. */
const AFTER_KILL_MS = 5_000

/** A running systemd of its own, in a root that is thrown away. */
export interface SystemdRoot {
  /** Put before an argument list: it runs in there, as root. */
  readonly enter: readonly string[]
  /** A path in there as this process sees it. */
  path(inside: string): string
  /** Runs a command in there and gives what it printed; throws where it fails. */
  run(command: string, ...args: readonly string[]): string
  /** Kills everything in there. Nothing is left. */
  stop(): Promise<void>
}

/** Whether systemd can be booted here: `test.skipIf(!canBootSystemd())`. */
export function canBootSystemd(): boolean {
  const tools = need("systemd", { install: "apt-get install systemd dbus", found: () => existsSync(SYSTEMD) })
  return tools && need("the right to make namespaces and mounts", { install: "run as root", found: mayMount })
}

function mayMount(): boolean {
  const words = [...NAMESPACES, "--cgroup", "sh", "-c", "mount -t tmpfs tmpfs /mnt && mount -t cgroup2 cgroup2 /mnt"]
  return process.getuid?.() === 0 && spawnSync("unshare", words, { stdio: "ignore" }).status === 0
}

const NAMESPACES = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "--propagation=private"]

/**
 * Services of the machine that the copy must not start, or that would reach beyond it: kernel settings, modules and devices know no
 * namespaces.
 */
const MASKED = [
  "systemd-sysctl.service",
  "systemd-modules-load.service",
  "systemd-udevd.service",
  "systemd-udev-trigger.service",
  "systemd-binfmt.service",
  "proc-sys-fs-binfmt_misc.automount",
  "systemd-update-utmp.service",
  "dev-hugepages.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "sys-kernel-config.mount",
  "sys-fs-fuse-connections.mount",
]

/**
 * The root is this machine's own, seen through an overlay whose upper side is memory: nothing has to be installed twice, and nothing
 * that is written there is ever seen here. Network, processes, /run, /tmp, /dev and logs are its own; what is enabled here is not
 * enabled there. A control group of its own keeps its units apart from this machine's.
 */
const MOUNTS = `set -e
B=$1
mount -t tmpfs -o mode=755 tmpfs "$B"
mkdir "$B/up" "$B/work" "$B/root" "$B/group"
mount -t cgroup2 cgroup2 "$B/group"
mkdir "$B/group/$2"
echo 0 >"$B/group/$2/cgroup.procs"
umount "$B/group"
mount -t overlay -o "lowerdir=/,upperdir=$B/up,workdir=$B/work" overlay "$B/root"
exec unshare --cgroup sh -c "$3" sh "$B/root"`

const BOOT = `set -e
R=$1
rm -rf "$R"/etc/systemd/system/*.wants "$R"/etc/systemd/system/*.requires
for n in ${MASKED.join(" ")}; do ln -sf /dev/null "$R/etc/systemd/system/$n"; done
for n in run tmp var/log; do mount -t tmpfs -o mode=755 tmpfs "$R/$n"; done
chmod 1777 "$R/tmp"
mount -t proc proc "$R/proc"
mount --bind "$R/proc/sys" "$R/proc/sys"
mount -o remount,bind,ro "$R/proc/sys"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t tmpfs -o mode=755 tmpfs "$R/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
for n in null zero full random urandom tty; do : >"$R/dev/$n"; mount --bind "/dev/$n" "$R/dev/$n"; done
mkdir "$R/dev/pts" "$R/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$R/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$R/dev/shm"
ln -s pts/ptmx "$R/dev/ptmx"
ln -s /proc/self/fd "$R/dev/fd"
ip link set lo up 2>/dev/null || true
cd "$R"
mkdir old
pivot_root . old
exec chroot . sh -c 'umount -l /old; rmdir /old
exec env -i container=fettle PATH=/usr/sbin:/usr/bin:/sbin:/bin ${SYSTEMD} --unit=basic.target'`

/** Boots one; it takes about two seconds. It ends with this process, at the latest. */
export async function systemdRoot(): Promise<SystemdRoot> {
  const folder = mkdtempSync(join(tmpdir(), "fettle-systemd-"))
  const group = basename(folder)
  const words = ["--pdeathsig=KILL", "unshare", ...NAMESPACES, "sh", "-c", MOUNTS, "sh", folder, group, BOOT]
  const child = spawn("setpriv", words, { stdio: ["ignore", "ignore", "pipe"] })
  let complaint = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text))
  const stop = async (): Promise<void> => {
    await end(child)
    await removeGroup(group)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const root = entered(await initOf(child), stop)
    await untilUp(root, child)
    return root
  } catch (cause) {
    await stop()
    throw new Error(`systemd could not be booted: ${complaint.trim()}`, { cause })
  }
}

function entered(pid: number, stop: () => Promise<void>): SystemdRoot {
  const clean = ["env", "-i", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
  const enter = ["nsenter", `--target=${pid}`, "--all", "--root", "--wd", ...clean]
  const [first = "", ...rest] = enter
  return {
    enter,
    path: (inside) => join(`/proc/${pid}/root`, inside),
    run: (command, ...args) => execFileSync(first, [...rest, command, ...args], { encoding: "utf8", stdio: "pipe" }),
    stop,
  }
}

/** The first process in the new namespace, as this machine numbers it. */
async function initOf(child: ChildProcess): Promise<number> {
  const path = `/proc/${child.pid}/task/${child.pid}/children`
  for (const until = Date.now() + BOOT_MS; Date.now() < until && child.exitCode === null; await sleep(20)) {
    const pid = Number(readFileSync(path, "latin1").trim())
    if (pid > 0) return pid
  }
  throw new Error("it has ended")
}

async function untilUp(root: SystemdRoot, child: ChildProcess): Promise<void> {
  const [first = "", ...rest] = [...root.enter, "systemctl", "is-system-running"]
  let state = ""
  for (const until = Date.now() + BOOT_MS; Date.now() < until && child.exitCode === null; await sleep(100)) {
    state = spawnSync(first, rest, { encoding: "utf8" }).stdout.trim()
    if (state === "running" || state === "degraded") return
  }
  throw new Error(`its state is ${state}`)
}

/** unshare takes its child with it, and that all other processes of the namespace. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await once(child, "exit")
}

async function removeGroup(name: string): Promise<void> {
  const mounted = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/self/mounts", "utf8"))?.[1]
  const group = join(mounted ?? "/sys/fs/cgroup", name)
  for (const until = Date.now() + AFTER_KILL_MS; existsSync(group) && Date.now() < until; await sleep(20)) {
    const below = readdirSync(group, { recursive: true, withFileTypes: true }).filter((each) => each.isDirectory())
    const deepestFirst = below.map((each) => join(each.parentPath, each.name)).sort((a, b) => b.length - a.length)
    for (const each of [...deepestFirst, group]) {
      try {
        rmdirSync(each)
      } catch {
        // Something in it has not ended yet.
      }
    }
  }
}
