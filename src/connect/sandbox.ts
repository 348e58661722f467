import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { existsSync, lstatSync, readdirSync, readlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Readable, Writable } from "node:stream"

/** What code may see that nobody trusts. */
export interface Confined {
  /** Read only: the project, and folders of packages beside it. */
  readonly readable: readonly string[]
  /** Below those, and hidden all the same: what holds credentials. */
  readonly hidden: readonly string[]
  readonly cwd: string
  /** The file that Node runs, and what it may use in memory. */
  readonly main: string
  readonly memoryMb: number
  /** Where bubblewrap is looked for; the code itself gets no PATH. */
  readonly path: string
}

/** How code is kept in: by namespaces of its own; or by Node alone, which does not cut the network off. */
export type Wall = "bubblewrap" | "node"

/** A process with an empty environment, one way in (standard input) and one way out besides its output (the fourth stream). */
export interface Sandboxed {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly answers: Readable
  readonly ended: Promise<number | null>
  kill(): void
}

/** Whether bubblewrap works here: it may be missing, or user namespaces may be forbidden. */
export function hasBubblewrap(path: string): boolean {
  const words = [...WALLS, "--ro-bind", "/usr", "/usr", ...systemLinks(), "/usr/bin/true"]
  return spawnSync("bwrap", words, { stdio: "ignore", env: { PATH: path } }).status === 0
}

const WALLS = ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--proc", "/proc", "--dev", "/dev"]

/** Starts a file of JavaScript behind a wall. */
export function startSandboxed(confined: Confined, wall: Wall): Sandboxed {
  const node = [process.execPath, ...nodeFlags(confined), confined.main]
  const [command = "", ...words] = wall === "bubblewrap" ? ["bwrap", ...bwrapWords(confined), "--", ...node] : node
  const child = spawn(command, words, {
    cwd: confined.cwd,
    env: wall === "bubblewrap" ? { PATH: confined.path } : {},
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    detached: true,
  })
  const [stdin, stdout, stderr, answers] = child.stdio as unknown as [Writable, Readable, Readable, Readable]
  stdin.on("error", () => {}) // it ended before it read: how it ended says more
  return { stdin, stdout, stderr, answers, ended: endOf(child), kill: () => killGroup(child) }
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", resolve)
  })
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // it has ended
  }
}

/** Node's own permissions, inside of the other wall too: no process, no thread, no addon, nothing written, only this read. */
function nodeFlags({ readable, hidden, memoryMb }: Confined): readonly string[] {
  const open = readable.flatMap((folder) => openBelow(folder, hidden))
  return [
    "--permission",
    ...open.map((path) => `--allow-fs-read=${path}`),
    `--max-old-space-size=${memoryMb}`,
    "--disable-warning=ExperimentalWarning",
    "--disable-warning=SecurityWarning",
  ]
}

/** A folder; or, where something below it is hidden, everything else in it. */
function openBelow(folder: string, hidden: readonly string[]): readonly string[] {
  if (!hidden.some((each) => each === folder || each.startsWith(`${folder}/`))) return [folder]
  if (hidden.includes(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? openBelow(path, hidden) : hidden.includes(path) ? [] : [path]
  })
}

function bwrapWords({ readable, hidden, cwd }: Confined): readonly string[] {
  const readOnly = (path: string): readonly string[] => ["--ro-bind", path, path]
  return [
    ...WALLS,
    ...readOnly("/usr"),
    ...systemLinks(),
    ...["/nix", "/opt"].filter((each) => existsSync(each)).flatMap(readOnly),
    ...["--tmpfs", "/tmp"],
    ...readOnly(dirname(process.execPath)),
    ...readable.flatMap(readOnly),
    ...hidden
      .filter((each) => existsSync(each))
      .flatMap((each) => (lstatSync(each).isDirectory() ? ["--tmpfs", each] : ["--ro-bind", "/dev/null", each])),
    ...["--chdir", cwd],
  ]
}

/** /lib, /bin and their like, links into /usr on most systems. */
function systemLinks(): readonly string[] {
  return ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
    .filter((path) => existsSync(path))
    .flatMap((path) =>
      lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path],
    )
}
