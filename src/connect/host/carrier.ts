import { readdirSync, readFileSync } from "node:fs"
import type { Readable, Writable } from "node:stream"
import { startPiped } from "../process.ts"

/** How long the last words of a shell may take after its end. */
const LINGER_MS = 300

/** A started shell on the far side: what is written to it, what it answers, and its end. */
export interface Carried {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** How the carrying process ended; resolves once, also where it could not be started. */
  readonly ended: Promise<string>
  /** Ends everything the shell has started that did not leave its session. */
  kill(signal: "SIGTERM" | "SIGKILL"): void
}

/** What carries the frames: starts an argument list on the far side, with pipes. The only part that differs between local and ssh. */
export interface Carrier {
  /** What people call the target. */
  readonly target: string
  /** The shell that is started there. */
  readonly shell: string
  /** Tells sessions of one project apart from others on the same host: see `share` in shell.ts. Letters and digits. */
  readonly scope: string
  start(argv: readonly [string, ...string[]]): Carried
}

export interface LocalCarrierOptions {
  readonly scope: string
  /** Path or name of a POSIX shell. Default "sh". */
  readonly shell?: string
  /** Put before the argument list: ["setpriv", "--reuid=65534"] and the like. */
  readonly prefix?: readonly string[]
}

/** Carries frames to a shell on this machine. */
export function localCarrier({ scope, shell = "sh", prefix = [] }: LocalCarrierOptions): Carrier {
  return {
    target: "this machine",
    shell,
    scope,
    start: (argv) => startLocal([...prefix, ...argv] as [string, ...string[]]),
  }
}

function startLocal(argv: readonly [string, ...string[]]): Carried {
  const child = startPiped(argv)
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`
      child.once("close", () => resolve(how)) // after its last words; but what it left behind may hold the pipes for ever
      setTimeout(resolve, LINGER_MS, how).unref()
    })
  })
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    kill: (signal) => child.pid !== undefined && killSession(child.pid, signal),
  }
}

/** Signals every process of a session, in whatever process group it is; without /proc, the leader's group. */
function killSession(leader: number, signal: "SIGTERM" | "SIGKILL"): void {
  for (const pid of sessionMembers(leader) ?? [-leader]) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended meanwhile.
    }
  }
}

function sessionMembers(leader: number): readonly number[] | undefined {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && sessionOf(name) === leader)
      .map(Number)
  } catch {
    return undefined
  }
}

/** The session of a process: the fourth field after the name in its stat, which itself may hold spaces and brackets. */
function sessionOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3])
  } catch {
    return undefined
  }
}
