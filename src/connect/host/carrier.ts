import { readdirSync, readFileSync } from "node:fs"
import type { Duplex, Readable, Writable } from "node:stream"
import type { FettleError } from "../../errors.ts"
import { type DialTo, dialHere } from "../dial.ts"
import { type PipedChild, startPiped } from "../process.ts"

/** How long the last words of a shell may take after its end. */
const LINGER_MS = 300
/** From SIGTERM to SIGKILL of a session on this machine that must go: its trap removes what it staged. */
const GRACE_MS = 2_000

/** A started shell on the far side: what is written to it, what it answers, and its end. */
export interface Carried {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** How the carrying process ended; resolves once, also where it could not be started. */
  readonly ended: Promise<string>
  /** Standard input is the shell's own: nobody on the way there reads it any more. */
  readonly ready: Promise<void>
  /** Time to leave between the two signals of `kill`. */
  readonly graceMs: number
  /** Ends everything the shell has started that did not leave its session. `folder` is what the session calls its own. */
  kill(signal: "SIGTERM" | "SIGKILL", folder?: string): void
  /** Which key proved who the host is, as in "ssh-ed25519 SHA256:…". */
  hostKey?(): string | undefined
  /** Who it is, where that is known by something better than what is read there. */
  identity?(): string
  /** What is known of an end before the session began; `said` is what stood on standard error. */
  failure?(how: string, said: string): Promise<FettleError | undefined>
}

/** What carries the frames: starts an argument list on the far side, with pipes. The only part that differs between local and ssh. */
export interface Carrier {
  /** What people call the target. */
  readonly target: string
  /** The shell that is started there. */
  readonly shell: string
  /** Root writes nowhere where somebody else could lead it astray: see `theirs` in shell.ts. */
  readonly strict: boolean
  /** Tells sessions of one project apart from others on the same host: see `share` in shell.ts. Letters and digits. */
  readonly scope: string
  /** How long a session may take to begin, where it is not the usual time. */
  readonly openMs?: number
  /** How long the host waits for each next half megabyte that is sent, in seconds, where it is not the usual time. */
  readonly patienceS?: number
  /** @throws whatever `signal` was aborted with */
  start(argv: readonly [string, ...string[]], signal: AbortSignal): Promise<Carried>
  /** Connects from there in a way of its own. Default: a program that it starts there connects, see `dialThrough`. */
  dial?(to: DialTo, signal: AbortSignal): Promise<Duplex>
  /** Ends what it holds besides its sessions. */
  close?(): Promise<void>
}

export interface LocalCarrierOptions {
  readonly scope: string
  /** Path or name of a POSIX shell. Default "sh". */
  readonly shell?: string
  /** Default: no. On the machine where people work, root writes into their folders all the time. */
  readonly strict?: boolean
  /** Put before the argument list: ["setpriv", "--reuid=65534"] and the like. */
  readonly prefix?: readonly string[]
}

/** Carries frames to a shell on this machine. */
export function localCarrier({ scope, shell = "sh", strict = false, prefix = [] }: LocalCarrierOptions): Carrier {
  return {
    target: "this machine",
    shell,
    strict,
    scope,
    start: async (argv) => startLocal([...prefix, ...argv] as [string, ...string[]]),
    ...(prefix.length === 0 ? { dial: dialHere } : {}),
  }
}

function startLocal(argv: readonly [string, ...string[]]): Carried {
  const child = startPiped(argv)
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended: endOf(child),
    ready: Promise.resolve(),
    graceMs: GRACE_MS,
    kill: (signal) => endChild(child, signal),
  }
}

/** How a child ended, once its last words are read. */
export function endOf(child: PipedChild): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`
      child.once("close", () => resolve(how)) // after its last words; but what it left behind may hold the pipes for ever
      setTimeout(resolve, LINGER_MS, how).unref()
    })
  })
}

/** Signals a child that leads a session, and all that is in it. */
export function endChild(child: PipedChild, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid !== undefined) killSession(child.pid, signal)
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
