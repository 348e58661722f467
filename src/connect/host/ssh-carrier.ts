import { randomBytes } from "node:crypto"
import type { Duplex } from "node:stream"
import { addressText, type DialTo, dialFailed } from "../dial.ts"
import { type PipedChild, startPiped } from "../process.ts"
import { type Asks, askThrough } from "./askpass.ts"
import { wayTo } from "./bastion.ts"
import { becomeFailure } from "./become-failure.ts"
import { type Carried, type Carrier, endChild, endOf } from "./carrier.ts"
import { dialThrough, joined } from "./dial-through.ts"
import { endRemote } from "./end-remote.ts"
import { HELLO } from "./shell.ts"
import { sshFailure } from "./ssh-failure.ts"
import { type Become, becomeWords, connectMs, remoteLine, type SshHow, type SshOptions, sshLine } from "./ssh-line.ts"
import { sshSays } from "./ssh-says.ts"
import { SshSpeech } from "./ssh-speech.ts"
import { mayStart } from "./starts.ts"

/** From asking to cutting where a session on another machine must go: a handshake, its grace there, and a slow line. */
const GRACE_MS = 15_000

/** A session may take so many times as long to begin as its connection: the login and its shell come after that. */
const BEGINS = 6
/** How long a session may take to begin where a person may have to type. */
const ASKED_MS = 300_000
/** Longest time that a list of what sudo allows may take. */
const LIST_MS = 20_000

export interface SshCarrierOptions {
  readonly destination: string
  readonly target: string
  readonly options: SshOptions
  readonly become: Become | undefined
  /** Where somebody is there to be asked for a second factor or the passphrase of a key. */
  readonly asks: Asks | undefined
  /** For sudo; opened. */
  readonly password: string | undefined
  readonly scope: string
}

/** Carries frames to a shell on another machine, through the operator's own ssh: one process for each session. */
export function sshCarrier(parts: SshCarrierOptions): Carrier {
  const carrier: Carrier = {
    target: parts.target,
    shell: "sh",
    strict: true,
    scope: parts.scope,
    openMs: Math.max(BEGINS * connectMs(parts.options), parts.asks === undefined ? 0 : ASKED_MS),
    start: (argv, signal) => startSsh(parts, argv, signal, (folder) => void endRemote(carrier, folder)),
    dial: (to, signal) => dialSsh(parts, carrier, to, signal),
  }
  return carrier
}

async function startSsh(
  parts: SshCarrierOptions,
  argv: readonly string[],
  signal: AbortSignal,
  endThere: (folder: string) => void,
): Promise<Carried> {
  const { become, password } = parts
  const prompt = `fettle-${randomBytes(8).toString("hex")}:`
  const command = remoteLine([...becomeWords(become, prompt), ...argv])
  let asked = 0
  const { child, ended, speech, begins } = await beginSsh(parts, { command }, signal, (unfinished) => {
    if (password === undefined || !unfinished.endsWith(prompt)) return false
    asked += 1
    // Asked again, the password was wrong: a second try would only bring the account nearer to being locked.
    if (asked === 1) child.stdin.write(`${password}\n`)
    else endChild(child, "SIGTERM")
    return true
  })
  const hello = helloOn(child.stdout)
  begins(hello)
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: speech.rest,
    ended,
    ready: password === undefined ? Promise.resolve() : hello,
    graceMs: GRACE_MS,
    kill: (how, folder) => (how === "SIGTERM" && folder !== undefined ? endThere(folder) : endChild(child, how)),
    hostKey: () => speech.way.hostKey,
    failure: async (how, said) => {
      const told = sshFailure({ ...parts, how, said, way: speech.way })
      if (told !== undefined || become === undefined) return told
      const mayList = become.by === "sudo" && asked === 0 && /password is required/.test(said)
      const allowed = mayList ? await listAllowed(parts, signal) : undefined
      return becomeFailure({ target: parts.target, become, said, asked, allowed })
    },
  }
}

/** How ssh says that the far side is connected: itself, or of the connection that it shares. */
const CONNECTED = /^(?:debug2: channel 0: open confirm|debug1: mux_client_request_stdio_fwd: master session id)/
/** How it says that sshd forwards nothing; over a shared connection it never says why it could not. */
const UNTOLD = /administratively prohibited|port forwarding is disabled|stdio forwarding request/i
/** Characters kept of what it says. */
const SAID_MAX = 4_096

/**
 * Connects by sshd itself, as the user who logs in. The path of a socket is for a program there: sshd would connect to it as that
 * user, also where another one is become; and where sshd forwards nothing, that program is the way, too.
 */
async function dialSsh(parts: SshCarrierOptions, carrier: Carrier, to: DialTo, signal: AbortSignal): Promise<Duplex> {
  if ("path" in to) return dialThrough(carrier, to, signal)
  const how = { forward: addressText(to), first: ["LogLevel=DEBUG2"] }
  const { child, ended, speech, begins } = await beginSsh(parts, how, signal)
  let said = ""
  speech.rest.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_MAX)
  })
  const connected = speech.hears(CONNECTED).then(() => true)
  begins(connected)
  const abort = (): void => endChild(child, "SIGKILL")
  signal.addEventListener("abort", abort, { once: true })
  const end = await Promise.race([connected, ended])
  signal.removeEventListener("abort", abort)
  const kill = (by: "SIGTERM" | "SIGKILL"): void => endChild(child, by)
  if (end === true) return joined({ stdin: child.stdin, stdout: child.stdout, kill })
  signal.throwIfAborted()
  if (UNTOLD.test(said)) return dialThrough(carrier, to, signal)
  const failure = sshFailure({ ...parts, how: String(end), said, way: speech.way })
  if (failure !== undefined) throw failure
  throw dialFailed(parts.target, to, /open failed: (?:connect failed: )?([^\n]*)/.exec(said)?.[1] ?? said)
}

interface BegunSsh {
  readonly child: PipedChild
  readonly ended: Promise<string>
  readonly speech: SshSpeech
  /** Tells what its beginning is known by: others may start then, and nobody is asked any more. */
  begins(when: Promise<unknown>): void
}

async function beginSsh(
  { destination, options, target, asks }: SshCarrierOptions,
  how: Omit<SshHow, "asks" | "through">,
  signal: AbortSignal,
  onText?: (unfinished: string) => boolean,
): Promise<BegunSsh> {
  const way = await wayTo(destination, options, asks)
  const begun = await mayStart(signal).catch((thrown) => {
    way?.release()
    throw thrown
  })
  const asking = askThrough(target, asks)
  const line = sshLine(destination, options, { ...how, asks: asking !== undefined, through: way?.through })
  const child = startPiped(asking === undefined ? line : ["env", ...asking.words, ...line])
  const ended = endOf(child)
  void ended.then(() => way?.release())
  const begins = (when: Promise<unknown>): void => {
    const first = Promise.race([when, ended])
    void first.then(begun)
    if (asking !== undefined) void first.then(asking.end)
  }
  return { child, ended, begins, speech: new SshSpeech(child.stderr, onText) }
}

/** What sudo lets the user do who logs in, in sudo's own words; undefined where even that needs a password. */
async function listAllowed(
  { destination, options }: SshCarrierOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const begun = await mayStart(signal)
  const line = sshLine(destination, options, { command: "exec sudo -n -l", asks: false })
  const { ok, out } = await sshSays(line, LIST_MS)
  begun()
  return ok ? out : undefined
}

/** Resolves when the shell over there greets, whatever was printed before. */
function helloOn(stdout: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    let tail = ""
    const look = (bytes: Buffer): void => {
      tail = (tail + bytes.toString("latin1")).slice(-65_536)
      if (!tail.includes(`${HELLO}\n`)) return
      stdout.off("data", look)
      resolve()
    }
    stdout.on("data", look)
  })
}
